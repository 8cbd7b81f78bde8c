// One TCP segment: read from a request, written into an answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/net/headers.hpp"
#include "dataplane/services/frame.hpp"

namespace weft::services {

struct TcpSegment {
  TcpHeader header;
  std::uint16_t segment_size = 0;  // the option of a SYN (RFC 9293 3.7.1); 0: none
  std::span<const std::byte> data;

  bool has(std::uint8_t flag) const noexcept { return (header.flags & flag) != 0; }
  std::uint32_t sequence() const noexcept { return header.sequence.host(); }
  std::uint32_t acknowledgment() const noexcept { return header.acknowledgment.host(); }
};

/// Nothing when its header is not whole, or there is nobody to answer.
std::optional<TcpSegment> read_tcp(std::span<const std::byte> payload) noexcept;

/// Where the data of an answer's segment goes inside `out`. Empty when there is no room.
std::span<std::byte> tcp_room(std::span<std::byte> out, bool v4) noexcept;

/// Writes the headers before `length` bytes of data that are in place; the frame's length, or 0 when `out` is too small.
std::size_t seal_segment(std::span<std::byte> out, const ReplyHeaders& headers, const TcpHeader& header,
                         std::size_t length) noexcept;

/// The same for a SYN ACK, whose option says the largest segment that we take.
std::size_t seal_syn(std::span<std::byte> out, const ReplyHeaders& headers, TcpHeader header,
                     std::uint16_t segment_size) noexcept;

}  // namespace weft::services

// From a frame to a request, and from an answer to a frame.
//
// Checksums of requests are not verified here: where a port offers checksum offload the field holds a partial sum, and
// only the caller knows (DESIGN D15). Those of answers are complete.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/net/address.hpp"
#include "dataplane/net/headers.hpp"

namespace weft::services {

/// An IP packet, checked as far as its transport header.
struct Request {
  MacAddress source_mac;
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol = 0;  // behind IPv6 extension headers
  std::uint8_t hop_limit = 0;
  bool fragment = false;
  std::span<const std::byte> payload;  // transport header and data; padding of the frame is cut off

  bool is_v4() const noexcept { return source.is_v4(); }
};

/// Nothing when the frame is not IP, or its lengths are wrong.
std::optional<Request> read_request(std::span<const std::byte> frame) noexcept;

struct Datagram {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::span<const std::byte> data;
};
std::optional<Datagram> read_udp(std::span<const std::byte> payload) noexcept;

inline constexpr std::uint8_t kDefaultHopLimit = 64;

/// Both addresses are of one family.
struct ReplyHeaders {
  MacAddress source_mac;
  MacAddress destination_mac;
  IpAddress source;
  IpAddress destination;
  std::uint8_t hop_limit = kDefaultHopLimit;
};

/// Where the answer of a protocol goes inside `out`, behind its headers. Empty when there is no room.
std::span<std::byte> udp_room(std::span<std::byte> out, bool v4) noexcept;
std::span<std::byte> icmpv6_room(std::span<std::byte> out) noexcept;  // of the message, from its type on

/// Writes the headers before `length` bytes that are in place, and the checksums. Gives the frame's length.
std::size_t seal_udp(std::span<std::byte> out, const ReplyHeaders& headers, std::uint16_t source_port,
                     std::uint16_t destination_port, std::size_t length) noexcept;
std::size_t seal_icmpv6(std::span<std::byte> out, const ReplyHeaders& headers, std::size_t length) noexcept;
/// The same for a TCP segment whose checksum field is zero.
std::size_t seal_tcp(std::span<std::byte> out, const ReplyHeaders& headers, std::size_t length) noexcept;

/// Headers of an answer that goes back where the request came from.
ReplyHeaders reply_to(const Request& request, const MacAddress& source_mac) noexcept;

}  // namespace weft::services

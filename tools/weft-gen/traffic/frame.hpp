// A test frame: Ethernet, IPv4 or IPv6, UDP or a TCP SYN, and behind them a signature by which the sink knows the frame,
// its place in its stream and when it was sent. The signature is 18 bytes, what a 64-byte frame of UDP over IPv4 has left.
//
// A template holds what all frames of one size share. Writing a frame copies the headers, sets the flow's fields and the
// signature, and adds their words to sums that the template brings along, so that no checksum is ever computed over a
// payload. What follows the signature is zero and was written when the buffer was made (run/frame_pool.hpp).
//
// Sizes are those of RFC 2544: with the frame check sequence, which the card adds. Buffers are four bytes shorter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/net/headers.hpp"

namespace weft::gen {

inline constexpr std::size_t kFcsBytes = 4;
inline constexpr std::size_t kSmallestFrame = 64;
inline constexpr std::size_t kLargestFrame = 9018;
inline constexpr std::size_t kWireOverhead = 20;  // preamble, start of frame and the gap behind it (IEEE 802.3)

struct Signature {
  std::uint16_t trial = 0;     // frames of an earlier trial that come late are not this one's
  std::uint16_t stream = 0;    // kReverse | number
  std::uint32_t sequence = 0;  // of the stream; wraps
  std::uint64_t stamp = 0;     // TSC of the sender
};
inline constexpr std::uint16_t kReverse = 0x8000;  // the stream's direction is from the second port to the first

inline constexpr std::size_t kSignatureBytes = 18;

/// What all frames of a run have in common.
struct Encapsulation {
  MacAddress source_mac, destination_mac;
  IpAddress source, destination;  // the last four octets are each flow's own
  bool tcp = false;

  bool ipv6() const { return !source.is_v4(); }
  std::size_t header_bytes() const {
    return (ipv6() ? kIpv6L4Offset : kIpv4L4Offset) + (tcp ? sizeof(TcpHeader) : sizeof(UdpHeader));
  }
  /// The smallest frame that has room for the signature.
  std::size_t smallest_frame() const;
};

/// What a flow has of its own, and the sums of these words, folded to 16 bits.
struct FlowFields {
  Be32 source, destination;
  Be16 source_port, destination_port;
  std::uint16_t address_sum = 0;  // of both addresses
  std::uint16_t tuple_sum = 0;    // of addresses and ports
};
FlowFields make_flow(std::uint32_t source, std::uint32_t destination, std::uint16_t source_port,
                     std::uint16_t destination_port);

class FrameTemplate {
 public:
  /// `frame_bytes` is at least the encapsulation's smallest_frame() and at most kLargestFrame.
  FrameTemplate(const Encapsulation& encapsulation, std::size_t frame_bytes);

  std::size_t buffer_bytes() const noexcept { return buffer_bytes_; }
  /// Headers and signature, of header_bytes() + kSignatureBytes.
  void write(std::byte* frame, const FlowFields& flow, const Signature& signature) const noexcept;

 private:
  static constexpr std::size_t kMost = kIpv6L4Offset + sizeof(TcpHeader);
  std::array<std::byte, kMost> headers_{};
  std::uint16_t buffer_bytes_, header_bytes_, l4_bytes_;
  std::uint16_t source_offset_, destination_offset_, checksum_offset_;
  bool ipv6_, tcp_;
  std::uint32_t ip_sum_ = 0, l4_sum_ = 0;
};

/// The signature of a frame whose headers are as long as those of its sender; nothing for other people's frames.
std::optional<Signature> read_signature(std::span<const std::byte> frame, std::size_t header_bytes) noexcept;

}  // namespace weft::gen

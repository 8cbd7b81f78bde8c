// What a captured frame says of itself, for people and for `weft explain`: addresses, protocol, ports. Not for the data
// path, which has worker/parse.hpp and drops what this only describes. The bytes are anybody's: a file's, a guest's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "dataplane/net/address.hpp"

namespace weft {

struct FrameSummary {
  enum class Kind : std::uint8_t { kTooShort, kArp, kIp, kOther };

  Kind kind = Kind::kTooShort;
  MacAddress source_mac, destination_mac;
  std::uint16_t ether_type = 0;

  IpAddress source, destination;  // kArp: who asks or answers, and about whom
  bool arp_reply = false;

  std::uint8_t protocol = 0;
  std::uint32_t ip_bytes = 0;  // of the IP packet, as its header has it
  bool dont_fragment = true;   // IPv6 always
  bool later_fragment = false;
  bool first_fragment = false;

  bool has_l4 = false;  // the four below are known
  std::uint16_t source_port = 0, destination_port = 0;  // TCP, UDP
  std::uint8_t type = 0, code = 0;                      // ICMP, ICMPv6
  std::uint8_t tcp_flags = 0;

  bool has_ports() const noexcept;
  bool is_icmp() const noexcept;
};

/// `frame` may be cut anywhere.
FrameSummary summarise(std::span<const std::byte> frame) noexcept;

/// "tcp 10.0.1.4:40000 > 10.0.1.5:80 S", "arp 10.0.1.4 asks for 10.0.1.5", "icmp 10.0.1.4 > 10.0.1.5 type 8 code 0".
std::string to_string(const FrameSummary& frame);

}  // namespace weft

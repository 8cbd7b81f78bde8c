// What a transport header says to the flow table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/net/headers.hpp"
#include "dataplane/worker/burst.hpp"

namespace weft {

struct Ports {
  std::uint16_t source = 0, destination = 0;
  FlowKind kind = FlowKind::kFlow;
};

/// ICMP queries are flows: the identifier stands for the requester's port and the request's type for the other, so that
/// request and answer have one key, and an answer nobody asked for finds nothing (RFC 792, RFC 950 for 17 and 18).
inline Ports icmp_query(const IcmpHeader& icmp) noexcept {
  const auto request = [](unsigned type) { return static_cast<std::uint16_t>(type << 8); };
  switch (icmp.type) {
    case 8: case 13: case 15: case 17: return {icmp.identifier.host(), request(icmp.type), FlowKind::kFlow};
    case 0: return {request(8), icmp.identifier.host(), FlowKind::kAnswer};
    case 14: case 16: case 18: return {request(icmp.type - 1U), icmp.identifier.host(), FlowKind::kAnswer};
    default: return {0, static_cast<std::uint16_t>(icmp.type << 8 | icmp.code), FlowKind::kAlone};
  }
}

/// Of ICMPv6 only echo is one (RFC 4443 4). Everything else that is no error is judged for itself.
inline Ports icmp_query(const Icmpv6Header& icmp) noexcept {
  constexpr std::uint16_t kRequest = Icmpv6Header::kEchoRequest << 8;
  switch (icmp.type) {
    case Icmpv6Header::kEchoRequest: return {icmp.identifier.host(), kRequest, FlowKind::kFlow};
    case Icmpv6Header::kEchoReply: return {kRequest, icmp.identifier.host(), FlowKind::kAnswer};
    default: return {0, static_cast<std::uint16_t>(icmp.type << 8 | icmp.code), FlowKind::kAlone};
  }
}

struct Transport {
  Ports ports;
  unsigned header_bytes = 0;
  std::uint8_t tcp_flags = 0;
};

/// Reads the header of `protocol` from `l4`, which is cut where the first buffer ends, of a packet that has `bytes` of it
/// or of which more follows in other fragments. `icmp` is the number of the family's own ICMP. False when the header
/// contradicts itself. Other protocols are tracked by addresses and number (facts ec2 2.4).
bool read_transport(std::uint8_t protocol, std::uint8_t icmp, std::span<const std::byte> l4, std::size_t bytes,
                    Transport& out, bool more_follows = false) noexcept;

}  // namespace weft

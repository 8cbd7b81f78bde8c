// IPv6 frames as byte strings, as frames.hpp makes IPv4's.
#pragma once

#include "dataplane/net/ipv6_headers.hpp"
#include "tests/dataplane/worker/frames.hpp"

namespace weft::test {

/// `l4` behind an IPv6 header; `chain` are extension headers, the first of which is of kind `first`.
inline Frame ipv6(const Path& path, std::uint8_t protocol, const Frame& l4, std::uint8_t first = 0,
                  const std::vector<Frame>& chain = {}) {
  Frame frame;
  put(frame, EthernetHeader{path.via, path.from_mac, Be16(kEtherTypeIpv6)});
  Ipv6Header ip;
  ip.next_header = chain.empty() ? protocol : first;
  ip.source = *IpAddress::parse(path.from);
  ip.destination = *IpAddress::parse(path.to);
  put(frame, ip);
  for (const Frame& header : chain) frame.insert(frame.end(), header.begin(), header.end());
  frame.insert(frame.end(), l4.begin(), l4.end());
  header_at<Ipv6Header>(frame, kIpOffset).payload_length =
      Be16(static_cast<std::uint16_t>(frame.size() - kIpv6L4Offset));
  return frame;
}

/// Eight bytes of destination or hop-by-hop options, all padding (PadN of RFC 8200 4.2).
inline Frame options_header(std::uint8_t next) { return {next, 0, 1, 4, 0, 0, 0, 0}; }
inline Frame fragment_header(std::uint8_t next, std::uint16_t offset, bool more, std::uint32_t identification = 7) {
  Frame frame;
  Ipv6FragmentHeader header;
  header.next_header = next;
  header.fragment = Be16(static_cast<std::uint16_t>(offset | (more ? 1 : 0)));
  header.identification = Be32(identification);
  put(frame, header);
  return frame;
}

inline Frame udp6(const Path& path, std::uint16_t source_port, std::uint16_t destination_port,
                  std::size_t payload = 18) {
  return ipv6(path, kProtocolUdp, udp_segment(path, source_port, destination_port, payload));
}

inline Frame tcp6(const Path& path, std::uint16_t source_port, std::uint16_t destination_port, std::uint8_t flags,
                  std::size_t payload = 0) {
  return ipv6(path, kProtocolTcp, tcp_segment(path, source_port, destination_port, flags, payload));
}

inline Frame icmp6(const Path& path, std::uint8_t type, std::uint8_t code, std::uint16_t identifier,
                   const Frame& payload = pattern(24)) {
  Frame l4;
  Icmpv6Header header;
  header.type = type;
  header.code = code;
  header.identifier = Be16(identifier);
  header.sequence = Be16(1);
  put(l4, header);
  l4.insert(l4.end(), payload.begin(), payload.end());
  header_at<Icmpv6Header>(l4, 0).checksum = l4_checksum(path, kProtocolIcmpv6, l4);
  return ipv6(path, kProtocolIcmpv6, l4);
}

/// An ICMPv6 error about `offending`, which it quotes whole (RFC 4443 3).
inline Frame icmp6_error(const Path& path, std::uint8_t type, std::uint8_t code, const Frame& offending) {
  return icmp6(path, type, code, 0, Frame(offending.begin() + kIpOffset, offending.end()));
}

}  // namespace weft::test

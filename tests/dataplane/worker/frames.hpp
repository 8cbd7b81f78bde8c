// Frames as byte strings: built field by field, with right checksums, for tests of the engine.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "dataplane/net/checksum.hpp"
#include "dataplane/net/headers.hpp"

namespace weft::test {

using Frame = std::vector<std::uint8_t>;

inline MacAddress mac(const std::string& text) { return *MacAddress::parse(text); }
inline std::uint32_t v4(const std::string& text) { return Ipv4Address::parse(text)->value; }

template <typename Header>
Header& header_at(Frame& frame, std::size_t offset) {
  return *reinterpret_cast<Header*>(frame.data() + offset);
}
template <typename Header>
const Header& header_at(const Frame& frame, std::size_t offset) {
  return *reinterpret_cast<const Header*>(frame.data() + offset);
}
template <typename Header>
void put(Frame& frame, const Header& header) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&header);
  frame.insert(frame.end(), bytes, bytes + sizeof header);
}

/// Where a frame comes from and goes to. `via` is the destination MAC address.
struct Path {
  MacAddress from_mac, via;
  std::string from, to;
};

inline void fix_ip_checksum(Frame& frame) {
  auto& ip = header_at<Ipv4Header>(frame, kIpOffset);
  ip.checksum = {};
  ip.checksum = checksum_finish(checksum_add({reinterpret_cast<const std::byte*>(&ip), ip.header_bytes()}));
}

inline Frame ipv4(const Path& path, std::uint8_t protocol, const Frame& l4) {
  Frame frame;
  put(frame, EthernetHeader{path.via, path.from_mac, Be16(kEtherTypeIpv4)});
  Ipv4Header ip;
  ip.total_length = Be16(static_cast<std::uint16_t>(sizeof ip + l4.size()));
  ip.fragment = Be16(Ipv4Header::kDontFragment);
  ip.protocol = protocol;
  ip.source = Be32(v4(path.from));
  ip.destination = Be32(v4(path.to));
  put(frame, ip);
  frame.insert(frame.end(), l4.begin(), l4.end());
  fix_ip_checksum(frame);
  return frame;
}

inline Be16 l4_checksum(const Path& path, std::uint8_t protocol, const Frame& l4) {
  return transport_checksum(*IpAddress::parse(path.from), *IpAddress::parse(path.to), protocol,
                            {reinterpret_cast<const std::byte*>(l4.data()), l4.size()});
}

inline Frame pattern(std::size_t bytes, std::uint8_t seed = 1) {
  Frame payload(bytes);
  for (std::size_t i = 0; i < bytes; ++i) payload[i] = static_cast<std::uint8_t>(seed + i * 7);
  return payload;
}

/// A UDP datagram and a TCP segment of either family, without the IP header that `path`'s addresses go into.
inline Frame udp_segment(const Path& path, std::uint16_t source_port, std::uint16_t destination_port,
                         std::size_t payload = 18) {
  Frame l4;
  put(l4, UdpHeader{Be16(source_port), Be16(destination_port), Be16(static_cast<std::uint16_t>(8 + payload)), {}});
  const Frame data = pattern(payload);
  l4.insert(l4.end(), data.begin(), data.end());
  header_at<UdpHeader>(l4, 0).checksum = l4_checksum(path, kProtocolUdp, l4);
  return l4;
}
inline Frame tcp_segment(const Path& path, std::uint16_t source_port, std::uint16_t destination_port,
                         std::uint8_t flags, std::size_t payload = 0) {
  Frame l4;
  TcpHeader header;
  header.source_port = Be16(source_port);
  header.destination_port = Be16(destination_port);
  header.sequence = Be32(1000);
  header.flags = flags;
  put(l4, header);
  const Frame data = pattern(payload);
  l4.insert(l4.end(), data.begin(), data.end());
  header_at<TcpHeader>(l4, 0).checksum = l4_checksum(path, kProtocolTcp, l4);
  return l4;
}

inline Frame udp(const Path& path, std::uint16_t source_port, std::uint16_t destination_port, std::size_t payload = 18) {
  return ipv4(path, kProtocolUdp, udp_segment(path, source_port, destination_port, payload));
}
inline Frame tcp(const Path& path, std::uint16_t source_port, std::uint16_t destination_port, std::uint8_t flags,
                 std::size_t payload = 0) {
  return ipv4(path, kProtocolTcp, tcp_segment(path, source_port, destination_port, flags, payload));
}

inline Frame icmp(const Path& path, std::uint8_t type, std::uint8_t code, std::uint16_t identifier,
                  const Frame& payload = pattern(24)) {
  Frame l4;
  IcmpHeader header;
  header.type = type;
  header.code = code;
  header.identifier = Be16(identifier);
  header.sequence = Be16(1);
  put(l4, header);
  l4.insert(l4.end(), payload.begin(), payload.end());
  header_at<IcmpHeader>(l4, 0).checksum =
      checksum_finish(checksum_add({reinterpret_cast<const std::byte*>(l4.data()), l4.size()}));
  return ipv4(path, kProtocolIcmp, l4);
}

/// An ICMP error about `offending`: its IP header and the eight bytes that follow (RFC 792).
inline Frame icmp_error(const Path& path, std::uint8_t type, std::uint8_t code, const Frame& offending) {
  return icmp(path, type, code, 0, Frame(offending.begin() + kIpOffset, offending.begin() + kIpv4L4Offset + 8));
}

inline Frame arp(const MacAddress& from_mac, const MacAddress& to_mac, std::uint16_t operation,
                 const MacAddress& sender_mac, const std::string& sender, const MacAddress& target_mac,
                 const std::string& target) {
  Frame frame;
  put(frame, EthernetHeader{to_mac, from_mac, Be16(kEtherTypeArp)});
  ArpHeader header;
  header.hardware_type = Be16(ArpHeader::kHardwareEthernet);
  header.protocol_type = Be16(kEtherTypeIpv4);
  header.operation = Be16(operation);
  header.sender_mac = sender_mac;
  header.sender_ip = Be32(v4(sender));
  header.target_mac = target_mac;
  header.target_ip = Be32(v4(target));
  put(frame, header);
  frame.resize(60);  // as a card pads it
  return frame;
}

inline Frame with_macs(Frame frame, const MacAddress& destination, const MacAddress& source) {
  header_at<EthernetHeader>(frame, 0).destination = destination;
  header_at<EthernetHeader>(frame, 0).source = source;
  return frame;
}

}  // namespace weft::test

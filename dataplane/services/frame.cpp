#include "dataplane/services/frame.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/net/checksum.hpp"
#include "dataplane/services/bytes.hpp"

namespace weft::services {
namespace {

// IPv6 extension headers (RFC 8200 4).
constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragmentHeader = 44;
constexpr std::uint8_t kDestinationOptions = 60;
/// Of any use is one of each, and destination options twice; a longer chain is an attack on whoever walks it.
constexpr int kMaxExtensionHeaders = 8;

bool read_ipv4(Reader& reader, Request& request) noexcept {
  const auto ip = reader.read<Ipv4Header>();
  const std::size_t header = ip.header_bytes();
  const std::size_t total = ip.total_length.host();
  if (!reader.ok() || ip.version() != 4 || header < sizeof(Ipv4Header) || total < header) return false;
  reader.take(header - sizeof(Ipv4Header));
  request.source = IpAddress::from({ip.source.host()});
  request.destination = IpAddress::from({ip.destination.host()});
  request.protocol = ip.protocol;
  request.hop_limit = ip.time_to_live;
  request.fragment = ip.is_fragment();
  request.payload = reader.take(total - header);
  return reader.ok();
}

bool is_skipped(std::uint8_t protocol) {
  return protocol == kHopByHop || protocol == kRouting || protocol == kDestinationOptions;
}

bool read_ipv6(Reader& reader, Request& request) noexcept {
  const auto ip = reader.read<Ipv6Header>();
  if (!reader.ok() || ip.version_class_flow.host() >> 28 != 6) return false;
  // ::ffff:a.b.c.d never is on a wire (RFC 4291 2.5.5.2 is for nodes' insides), and here it would pass for IPv4.
  if (ip.source.is_v4() || ip.destination.is_v4()) return false;
  Reader body(reader.take(ip.payload_length.host()));
  request.source = ip.source;
  request.destination = ip.destination;
  request.protocol = ip.next_header;
  request.hop_limit = ip.hop_limit;
  for (int i = 0; is_skipped(request.protocol); ++i) {
    if (i == kMaxExtensionHeaders) return false;
    request.protocol = body.u8();
    const std::size_t length = (std::size_t{body.u8()} + 1) * 8;
    body.take(length - 2);
    if (!body.ok()) return false;
  }
  if (request.protocol == kFragmentHeader) {
    request.fragment = true;
    request.protocol = body.u8();
    body.take(7);
  }
  request.payload = body.rest();
  return reader.ok() && body.ok();
}

/// Ethernet and IP headers before `length` bytes of `protocol`; the span behind them.
std::span<std::byte> seal_ip(std::span<std::byte> out, const ReplyHeaders& headers, std::uint8_t protocol,
                             std::size_t length) noexcept {
  const bool v4 = headers.source.is_v4();
  const EthernetHeader ethernet{headers.destination_mac, headers.source_mac,
                                Be16(v4 ? kEtherTypeIpv4 : kEtherTypeIpv6)};
  std::memcpy(out.data(), &ethernet, sizeof ethernet);
  if (v4) {
    Ipv4Header ip;
    ip.total_length = Be16(static_cast<std::uint16_t>(sizeof ip + length));
    ip.fragment = Be16(Ipv4Header::kDontFragment);  // so that identification 0 is right (RFC 6864 4.1)
    ip.time_to_live = headers.hop_limit;
    ip.protocol = protocol;
    ip.source = Be32(headers.source.v4().value);
    ip.destination = Be32(headers.destination.v4().value);
    ip.checksum = checksum_finish(checksum_add(std::as_bytes(std::span(&ip, 1))));
    std::memcpy(out.data() + kIpOffset, &ip, sizeof ip);
    return out.subspan(kIpv4L4Offset, length);
  }
  Ipv6Header ip;
  ip.version_class_flow = Be32(6U << 28);
  ip.payload_length = Be16(static_cast<std::uint16_t>(length));
  ip.next_header = protocol;
  ip.hop_limit = headers.hop_limit;
  ip.source = headers.source;
  ip.destination = headers.destination;
  std::memcpy(out.data() + kIpOffset, &ip, sizeof ip);
  return out.subspan(kIpv6L4Offset, length);
}

constexpr std::size_t transport_offset(bool v4) { return v4 ? kIpv4L4Offset : kIpv6L4Offset; }

void finish_checksum(std::span<std::byte> segment, const ReplyHeaders& headers, std::uint8_t protocol,
                     std::size_t offset) noexcept {
  const Be16 checksum = transport_checksum(headers.source, headers.destination, protocol, segment);
  std::memcpy(segment.data() + offset, &checksum, sizeof checksum);
}

}  // namespace

std::optional<Request> read_request(std::span<const std::byte> frame) noexcept {
  Reader reader(frame);
  const auto ethernet = reader.read<EthernetHeader>();
  if (!reader.ok()) return std::nullopt;
  Request request;
  request.source_mac = ethernet.source;
  const std::uint16_t type = ethernet.ether_type.host();
  const bool good = type == kEtherTypeIpv4   ? read_ipv4(reader, request)
                    : type == kEtherTypeIpv6 ? read_ipv6(reader, request)
                                             : false;
  return good ? std::optional(request) : std::nullopt;
}

std::optional<Datagram> read_udp(std::span<const std::byte> payload) noexcept {
  Reader reader(payload);
  const auto udp = reader.read<UdpHeader>();
  const std::size_t length = udp.length.host();
  if (!reader.ok() || length < sizeof udp) return std::nullopt;
  const auto data = reader.take(length - sizeof udp);
  if (!reader.ok() || udp.source_port.host() == 0) return std::nullopt;  // nobody to answer
  return Datagram{udp.source_port.host(), udp.destination_port.host(), data};
}

std::span<std::byte> udp_room(std::span<std::byte> out, bool v4) noexcept {
  const std::size_t headers = transport_offset(v4) + sizeof(UdpHeader);
  const std::size_t most = 0xffff - (v4 ? sizeof(Ipv4Header) : 0) - sizeof(UdpHeader);  // of 16-bit lengths
  return out.size() < headers ? std::span<std::byte>{} : out.subspan(headers, std::min(out.size() - headers, most));
}

std::span<std::byte> icmpv6_room(std::span<std::byte> out) noexcept {
  if (out.size() < kIpv6L4Offset) return {};
  return out.subspan(kIpv6L4Offset, std::min<std::size_t>(out.size() - kIpv6L4Offset, 0xffff));
}

std::size_t seal_udp(std::span<std::byte> out, const ReplyHeaders& headers, std::uint16_t source_port,
                     std::uint16_t destination_port, std::size_t length) noexcept {
  const std::size_t segment_length = sizeof(UdpHeader) + length;
  const auto segment = seal_ip(out, headers, kProtocolUdp, segment_length);
  UdpHeader udp{Be16(source_port), Be16(destination_port), Be16(static_cast<std::uint16_t>(segment_length)), {}};
  std::memcpy(segment.data(), &udp, sizeof udp);
  udp.checksum = udp_checksum(headers.source, headers.destination, segment);
  std::memcpy(segment.data(), &udp, sizeof udp);
  return transport_offset(headers.source.is_v4()) + segment_length;
}

std::size_t seal_icmpv6(std::span<std::byte> out, const ReplyHeaders& headers, std::size_t length) noexcept {
  const auto message = seal_ip(out, headers, kProtocolIcmpv6, length);
  constexpr Be16 kZero;
  std::memcpy(message.data() + kIcmpChecksumOffset, &kZero, sizeof kZero);
  finish_checksum(message, headers, kProtocolIcmpv6, kIcmpChecksumOffset);
  return kIpv6L4Offset + length;
}

std::size_t seal_tcp(std::span<std::byte> out, const ReplyHeaders& headers, std::size_t length) noexcept {
  const auto segment = seal_ip(out, headers, kProtocolTcp, length);
  finish_checksum(segment, headers, kProtocolTcp, kTcpChecksumOffset);
  return transport_offset(headers.source.is_v4()) + length;
}

ReplyHeaders reply_to(const Request& request, const MacAddress& source_mac) noexcept {
  return {source_mac, request.source_mac, request.destination, request.source};
}

}  // namespace weft::services

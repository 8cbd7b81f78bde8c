#include "dataplane/worker/parse_fragment.hpp"

#include "dataplane/net/headers.hpp"
#include "dataplane/net/ipv6_headers.hpp"
#include "dataplane/worker/offload.hpp"

namespace weft {
namespace {

/// As parse() has them; an error's quoted packet is not looked into, so it is judged for itself. False when the
/// transport header is not whole, which no honest stack sends (RFC 1858 2, RFC 7112).
bool read_ports(const Fragment& fragment, FragmentPorts& out, std::uint8_t& tcp_flags) noexcept {
  const std::span<const std::byte> l4 = fragment.l4;
  out.protocol = fragment.protocol;
  switch (fragment.protocol) {
    case kProtocolTcp: {
      const auto& tcp = *reinterpret_cast<const TcpHeader*>(l4.data());
      if (l4.size() < sizeof tcp || tcp.header_bytes() < sizeof tcp || tcp.header_bytes() > l4.size()) return false;
      out.source = tcp.source_port.host();
      out.destination = tcp.destination_port.host();
      tcp_flags = tcp.flags;
      return true;
    }
    case kProtocolUdp: {
      const auto& udp = *reinterpret_cast<const UdpHeader*>(l4.data());
      if (l4.size() < sizeof udp || udp.length.host() < sizeof udp) return false;
      out.source = udp.source_port.host();
      out.destination = udp.destination_port.host();
      return true;
    }
    case kProtocolIcmp:
    case kProtocolIcmpv6: {
      const auto& icmp = *reinterpret_cast<const IcmpHeader*>(l4.data());
      if (l4.size() < sizeof icmp) return false;
      const bool v6 = fragment.protocol == kProtocolIcmpv6;
      const std::uint8_t request = v6 ? Icmpv6Header::kEchoRequest : IcmpHeader::kEchoRequest;
      const std::uint8_t reply = v6 ? Icmpv6Header::kEchoReply : IcmpHeader::kEchoReply;
      out.service = static_cast<std::uint16_t>(icmp.type << 8 | icmp.code);
      out.kind = icmp.type == request ? FlowKind::kFlow : icmp.type == reply ? FlowKind::kAnswer : FlowKind::kAlone;
      out.source = icmp.type == request ? icmp.identifier.host()
                                        : static_cast<std::uint16_t>(icmp.type == reply ? request << 8 : 0);
      out.destination = icmp.type == request ? static_cast<std::uint16_t>(request << 8)
                        : icmp.type == reply ? icmp.identifier.host()
                                             : out.service;
      return true;
    }
    default: return true;  // tracked by addresses and protocol (facts ec2 2.4)
  }
}

}  // namespace

std::optional<FragmentPorts> fragment_ports(Burst& burst, unsigned i, const Fragment& fragment, bool known,
                                            WorkerContext& worker) noexcept {
  rte_mbuf* const packet = burst.packet[i];
  burst.fragments |= 1U << i;
  const auto refuse = [&](DropReason why) {
    burst.drop(i, why);
    return std::nullopt;
  };
  if (fragment.bytes == 0 || fragment.offset + fragment.bytes > 65535 || (fragment.more && fragment.bytes % 8 != 0) ||
      has_offloads(packet))
    return refuse(DropReason::kMalformed);
  if (fragment.offset == 0) {
    FragmentPorts ports;
    if (!read_ports(fragment, ports, burst.tcp_flags[i])) return refuse(DropReason::kFragmentOverlap);
    ports.bytes = static_cast<std::uint16_t>(fragment.bytes);
    ports.write(packet);
    if (!known) worker.fragments.learn(fragment.key, ports, worker.now);
    return ports;
  }
  if (known) return FragmentPorts::read(packet);
  const FragmentPorts* const ports = worker.fragments.find(fragment.key, worker.now);
  if (ports == nullptr) {
    if (!worker.fragments.hold(fragment.key, packet, worker.snapshot->epoch, worker.now))
      return refuse(DropReason::kFragment);
    worker.balance.stored.add();
    burst.fate[i] = Fate::kHeld;
    return std::nullopt;
  }
  if (fragment.offset < ports->bytes) return refuse(DropReason::kFragmentOverlap);
  ports->write(packet);
  return *ports;
}

bool is_later_fragment(const rte_mbuf* packet) noexcept {
  const auto* const frame = rte_pktmbuf_mtod(packet, const std::byte*);
  const std::span<const std::byte> ip(frame + kIpOffset, packet->data_len - kIpOffset);
  if (!(reinterpret_cast<const EthernetHeader*>(frame)->ether_type == Be16(kEtherTypeIpv6)))
    return (reinterpret_cast<const Ipv4Header*>(ip.data())->fragment.host() & Ipv4Header::kOffsetMask) != 0;
  const std::optional<Ipv6Layers> layers = parse_ipv6_headers(ip);
  return layers && layers->fragment_offset != 0;
}

}  // namespace weft

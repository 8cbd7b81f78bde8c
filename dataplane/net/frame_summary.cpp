#include "dataplane/net/frame_summary.hpp"

#include <cstdio>
#include <optional>

#include "dataplane/net/headers.hpp"
#include "dataplane/net/ipv6_headers.hpp"

namespace weft {
namespace {

using FrameBytes = std::span<const std::byte>;

/// The header at `at`, or null where the frame ends before its end.
template <typename Header>
const Header* header_in(FrameBytes bytes, std::size_t at) noexcept {
  if (at > bytes.size() || bytes.size() - at < sizeof(Header)) return nullptr;
  return reinterpret_cast<const Header*>(bytes.data() + at);
}

void read_transport(FrameBytes l4, FrameSummary& summary) noexcept {
  if (summary.later_fragment) return;
  if (summary.has_ports()) {
    const auto* const ports = header_in<Be32>(l4, 0);  // both
    if (ports == nullptr) return;
    summary.source_port = static_cast<std::uint16_t>(ports->host() >> 16);
    summary.destination_port = static_cast<std::uint16_t>(ports->host());
    summary.has_l4 = true;
    if (const auto* const tcp = header_in<TcpHeader>(l4, 0); tcp != nullptr && summary.protocol == kProtocolTcp)
      summary.tcp_flags = tcp->flags;
  } else if (summary.is_icmp() && l4.size() >= 2) {
    summary.type = static_cast<std::uint8_t>(l4[0]);
    summary.code = static_cast<std::uint8_t>(l4[1]);
    summary.has_l4 = true;
  }
}

void read_ipv4(FrameBytes packet, FrameSummary& summary) noexcept {
  const auto* const ip = header_in<Ipv4Header>(packet, 0);
  if (ip == nullptr || ip->version() != 4 || ip->header_bytes() < sizeof *ip) return;
  summary.kind = FrameSummary::Kind::kIp;
  summary.source = IpAddress::from({ip->source.host()});
  summary.destination = IpAddress::from({ip->destination.host()});
  summary.protocol = ip->protocol;
  summary.ip_bytes = ip->total_length.host();
  const std::uint16_t word = ip->fragment.host();
  summary.dont_fragment = (word & Ipv4Header::kDontFragment) != 0;
  summary.later_fragment = (word & Ipv4Header::kOffsetMask) != 0;
  summary.first_fragment = !summary.later_fragment && (word & Ipv4Header::kMoreFragments) != 0;
  if (packet.size() > ip->header_bytes()) read_transport(packet.subspan(ip->header_bytes()), summary);
}

void read_ipv6(FrameBytes packet, FrameSummary& summary) noexcept {
  const auto* const ip = header_in<Ipv6Header>(packet, 0);
  if (ip == nullptr || ip->version() != 6) return;
  summary.kind = FrameSummary::Kind::kIp;
  summary.source = ip->source;
  summary.destination = ip->destination;
  summary.ip_bytes = std::uint32_t{sizeof *ip} + ip->payload_length.host();
  const std::optional<Ipv6Layers> layers = parse_ipv6_headers(packet);
  summary.protocol = layers ? layers->protocol : ip->next_header;
  if (!layers) return;
  summary.later_fragment = layers->fragment_offset != 0;
  summary.first_fragment = !summary.later_fragment && layers->more_fragments;
  read_transport(packet.subspan(layers->l4_offset), summary);
}

void read_arp(FrameBytes packet, FrameSummary& summary) noexcept {
  const auto* const arp = header_in<ArpHeader>(packet, 0);
  if (arp == nullptr) return;
  summary.kind = FrameSummary::Kind::kArp;
  summary.source = IpAddress::from({arp->sender_ip.host()});
  summary.destination = IpAddress::from({arp->target_ip.host()});
  summary.arp_reply = arp->operation.host() == ArpHeader::kReply;
}

std::string with_port(const IpAddress& address, const FrameSummary& frame, std::uint16_t port) {
  const std::string text = address.to_string();
  if (!frame.has_l4 || !frame.has_ports()) return text;
  return (address.is_v4() ? text : "[" + text + "]") + ":" + std::to_string(port);
}

/// As tcpdump writes them.
std::string flag_letters(std::uint8_t flags) {
  std::string letters;
  for (const auto& [bit, letter] : {std::pair{TcpHeader::kSyn, 'S'}, {TcpHeader::kFin, 'F'}, {TcpHeader::kRst, 'R'},
                                    {TcpHeader::kPsh, 'P'}, {TcpHeader::kAck, '.'}})
    if ((flags & bit) != 0) letters += letter;
  return letters.empty() ? "none" : letters;
}

std::string protocol_word(std::uint8_t protocol) {
  switch (protocol) {
    case kProtocolTcp: return "tcp";
    case kProtocolUdp: return "udp";
    case kProtocolIcmp: return "icmp";
    case kProtocolIcmpv6: return "icmpv6";
    default: return "protocol " + std::to_string(protocol);
  }
}

std::string ip_text(const FrameSummary& frame) {
  std::string text = protocol_word(frame.protocol) + " " + with_port(frame.source, frame, frame.source_port) + " > " +
                     with_port(frame.destination, frame, frame.destination_port);
  if (frame.has_l4 && frame.protocol == kProtocolTcp) text.append(" ").append(flag_letters(frame.tcp_flags));
  if (frame.has_l4 && frame.is_icmp())
    text += " type " + std::to_string(frame.type) + " code " + std::to_string(frame.code);
  if (frame.first_fragment) text += " first fragment";
  if (frame.later_fragment) text += " later fragment";
  return text;
}

}  // namespace

bool FrameSummary::has_ports() const noexcept { return protocol == kProtocolTcp || protocol == kProtocolUdp; }

bool FrameSummary::is_icmp() const noexcept { return protocol == kProtocolIcmp || protocol == kProtocolIcmpv6; }

FrameSummary summarise(FrameBytes frame) noexcept {
  FrameSummary summary;
  const auto* const ethernet = header_in<EthernetHeader>(frame, 0);
  if (ethernet == nullptr) return summary;
  summary.kind = FrameSummary::Kind::kOther;
  summary.source_mac = ethernet->source;
  summary.destination_mac = ethernet->destination;
  summary.ether_type = ethernet->ether_type.host();
  const FrameBytes packet = frame.subspan(kIpOffset);
  switch (summary.ether_type) {
    case kEtherTypeIpv4: read_ipv4(packet, summary); break;
    case kEtherTypeIpv6: read_ipv6(packet, summary); break;
    case kEtherTypeArp: read_arp(packet, summary); break;
    default: break;
  }
  return summary;
}

std::string to_string(const FrameSummary& frame) {
  switch (frame.kind) {
    case FrameSummary::Kind::kTooShort: return "too short for an Ethernet header";
    case FrameSummary::Kind::kIp: return ip_text(frame);
    case FrameSummary::Kind::kArp:
      if (frame.arp_reply) return "arp " + frame.source.to_string() + " is at " + frame.source_mac.to_string();
      return "arp " + frame.source.to_string() + " asks for " + frame.destination.to_string();
    default: break;
  }
  char type[8];
  std::snprintf(type, sizeof type, "0x%04x", static_cast<unsigned>(frame.ether_type));
  return std::string("ethertype ") + type + " " + frame.source_mac.to_string() + " > " +
         frame.destination_mac.to_string();
}

}  // namespace weft

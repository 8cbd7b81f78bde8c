// The specification of one packet, as a table: what goes in, what becomes of it, and the whole change of the counters.
// Guests a, b, c (10.0.1.4-6) and d (10.0.2.4); all are in one group whose members may talk to each other by UDP to
// ports below 1000 and may be pinged.
#include <gtest/gtest.h>

#include "tests/dataplane/worker/one_packet.hpp"

namespace weft::test {
namespace {

const MacAddress kA = mac("02:00:0a:00:01:04"), kB = mac("02:00:0a:00:01:05"), kD = mac("02:00:0a:00:02:04");
const MacAddress kNobody = mac("02:00:00:00:00:99"), kZero{}, kEverybody = MacAddress::broadcast();

const Path kToB{kA, kB, "10.0.1.4", "10.0.1.5"};
const Path kToBThroughRouter{kA, kRouterMac, "10.0.1.4", "10.0.1.5"};
const Path kToD{kA, kRouterMac, "10.0.1.4", "10.0.2.4"};
const Path kToRouter{kA, kRouterMac, "10.0.1.4", "10.0.1.1"};

Path to(const std::string& address) { return {kA, kRouterMac, "10.0.1.4", address}; }

Frame edited(Frame frame, const std::function<void(Ipv4Header&)>& edit) {
  edit(header_at<Ipv4Header>(frame, kIpOffset));
  fix_ip_checksum(frame);
  return frame;
}
Frame with_ether_type(Frame frame, std::uint16_t type) {
  header_at<EthernetHeader>(frame, 0).ether_type = Be16(type);
  return frame;
}
Frame with_options(Frame frame) {  // four bytes: NOP NOP NOP EOL
  const std::uint8_t options[] = {1, 1, 1, 0};
  frame.insert(frame.begin() + kIpv4L4Offset, options, options + 4);
  return edited(frame, [](Ipv4Header& ip) {
    ip.version_length = 0x46;
    ip.total_length = Be16(static_cast<std::uint16_t>(ip.total_length.host() + 4));
  });
}
Frame echo_reply_of(const Frame& request, const MacAddress& router) {
  Frame reply = with_macs(request, kA, router);
  auto& ip = header_at<Ipv4Header>(reply, kIpOffset);
  std::swap(ip.source, ip.destination);
  header_at<IcmpHeader>(reply, kIpv4L4Offset).type = 0;
  header_at<IcmpHeader>(reply, kIpv4L4Offset).checksum = {};
  header_at<IcmpHeader>(reply, kIpv4L4Offset).checksum =
      checksum_finish(checksum_add({reinterpret_cast<const std::byte*>(reply.data()) + kIpv4L4Offset,
                                    reply.size() - kIpv4L4Offset}));
  fix_ip_checksum(reply);
  return reply;
}

/// The fabric answers a itself.
Fixture answered(std::string description, Frame in, Frame out) {
  return {std::move(description), std::move(in), {}, "a", std::move(out),
          {{"originated", 1}, {"consumed", 1}, {"a.originated", 1}, {"a.consumed", 1}}};
}
Fixture swallowed(std::string description, Frame in) {
  return {std::move(description), std::move(in), {}, "", {}, {{"consumed", 1}, {"a.consumed", 1}}};
}
Changes new_flow(const std::string& name) {
  return {{"flow " + name + " tracked-tracked", 1}, {"flow " + name.substr(0, name.find(' ')) + " packets", 1}};
}

std::vector<Fixture> fixtures() {
  const Frame good = udp(kToB, 5000, 53);
  const Frame ping = icmp(kToRouter, 8, 0, 77);
  const Frame gratuitous = arp(kA, kEverybody, 1, kA, "10.0.1.4", kZero, "10.0.1.4");
  Frame padded = udp(kToB, 5001, 53, 4);
  padded.resize(60);
  return {
      // --- delivery
      passes("UDP to a peer, sent straight to its MAC", good, "b", with_macs(good, kB, kA),
             new_flow("10.0.1.4:5000>10.0.1.5:53/17 udp-single")),
      passes("UDP to a peer, sent to the router's MAC", udp(kToBThroughRouter, 5000, 53), "b",
             with_macs(udp(kToBThroughRouter, 5000, 53), kB, kA), new_flow("10.0.1.4:5000>10.0.1.5:53/17 udp-single")),
      passes("UDP to another subnet arrives from that subnet's router, TTL unchanged", udp(kToD, 5000, 53), "d",
             with_macs(udp(kToD, 5000, 53), kD, kFarRouterMac), new_flow("10.0.1.4:5000>10.0.2.4:53/17 udp-single")),
      passes("any unicast MAC will do: the address decides", with_macs(good, kNobody, kA), "b", with_macs(good, kB, kA),
             new_flow("10.0.1.4:5000>10.0.1.5:53/17 udp-single")),
      passes("IP options are carried", with_options(good), "b", with_macs(with_options(good), kB, kA),
             new_flow("10.0.1.4:5000>10.0.1.5:53/17 udp-single")),
      passes("Ethernet padding is carried", padded, "b", with_macs(padded, kB, kA),
             new_flow("10.0.1.4:5001>10.0.1.5:53/17 udp-single")),
      passes("a jumbo frame of 9001 bytes", udp(kToB, 5000, 53, 9001 - 28), "b",
             with_macs(udp(kToB, 5000, 53, 9001 - 28), kB, kA), new_flow("10.0.1.4:5000>10.0.1.5:53/17 udp-single")),
      passes("ping", icmp(kToB, 8, 0, 7), "b", with_macs(icmp(kToB, 8, 0, 7), kB, kA),
             new_flow("10.0.1.4:7>10.0.1.5:2048/1 icmp")),
      {"a frame of 9002 bytes, which the groups allow", udp(kToB, 5000, 53, 9002 - 28), DropReason::kTooBig, "", {},
       new_flow("10.0.1.4:5000>10.0.1.5:53/17 udp-single")},
      // --- what the fabric answers
      answered("ARP for a peer", arp(kA, kEverybody, 1, kA, "10.0.1.4", kZero, "10.0.1.5"),
               arp(kB, kA, 2, kB, "10.0.1.5", kA, "10.0.1.4")),
      answered("ARP for the router", arp(kA, kEverybody, 1, kA, "10.0.1.4", kZero, "10.0.1.1"),
               arp(kRouterMac, kA, 2, kRouterMac, "10.0.1.1", kA, "10.0.1.4")),
      answered("ARP asked straight of the router, as Linux refreshes an entry",
               arp(kA, kRouterMac, 1, kA, "10.0.1.4", kZero, "10.0.1.1"),
               arp(kRouterMac, kA, 2, kRouterMac, "10.0.1.1", kA, "10.0.1.4")),
      answered("an address probe for a peer's address finds it taken",
               arp(kA, kEverybody, 1, kA, "0.0.0.0", kZero, "10.0.1.5"),
               arp(kB, kA, 2, kB, "10.0.1.5", kA, "0.0.0.0")),
      swallowed("an address probe for the own address finds it free",
                arp(kA, kEverybody, 1, kA, "0.0.0.0", kZero, "10.0.1.4")),
      swallowed("gratuitous ARP changes nothing", gratuitous),
      swallowed("an ARP reply nobody asked for changes nothing", arp(kA, kB, 2, kA, "10.0.1.4", kB, "10.0.1.5")),
      dropped("ARP for an address nobody has", arp(kA, kEverybody, 1, kA, "10.0.1.4", kZero, "10.0.1.99"),
              DropReason::kArpUnanswered),
      dropped("ARP for an address of another subnet", arp(kA, kEverybody, 1, kA, "10.0.1.4", kZero, "10.0.2.4"),
              DropReason::kArpUnanswered),
      dropped("ARP in another's name", arp(kA, kEverybody, 1, kA, "10.0.1.5", kZero, "10.0.1.6"),
              DropReason::kSpoofedIp),
      dropped("ARP with another's MAC inside", arp(kA, kEverybody, 1, kB, "10.0.1.4", kZero, "10.0.1.6"),
              DropReason::kSpoofedMac),
      answered("ping of the router, which no group filters", ping, echo_reply_of(ping, kRouterMac)),
      dropped("the router answers nothing else", udp(kToRouter, 5000, 53), DropReason::kRouterService),
      dropped("nor another subnet's router", udp(to("10.0.2.1"), 5000, 53), DropReason::kRouterService),
      // --- source
      dropped("a MAC address that is not the ENI's", with_macs(good, kB, kNobody), DropReason::kSpoofedMac),
      dropped("an IP address that is not the ENI's", udp({kA, kB, "10.0.1.6", "10.0.1.5"}, 5000, 53),
              DropReason::kSpoofedIp),
      // --- what a VPC does not carry
      dropped("IPv4 under IPv6's EtherType", with_ether_type(good, kEtherTypeIpv6), DropReason::kMalformed),
      dropped("a VLAN tag", with_ether_type(good, kEtherTypeVlan), DropReason::kUnknownEtherType),
      dropped("a broadcast frame", with_macs(good, kEverybody, kA), DropReason::kMulticast),
      dropped("a multicast frame", with_macs(good, mac("01:00:5e:00:00:fb"), kA), DropReason::kMulticast),
      dropped("a multicast address in a unicast frame", udp(to("224.0.0.251"), 5000, 53), DropReason::kMulticast),
      dropped("the limited broadcast address", udp(to("255.255.255.255"), 5000, 53), DropReason::kMulticast),
      dropped("the subnet's broadcast address", udp(to("10.0.1.255"), 5000, 53), DropReason::kMulticast),
      dropped("a first fragment whose size is no multiple of eight",
              edited(good, [](Ipv4Header& ip) { ip.fragment = Be16(Ipv4Header::kMoreFragments); }),
              DropReason::kMalformed),
      {"a later fragment waits for the first", edited(good, [](Ipv4Header& ip) { ip.fragment = Be16(3); }), {}, "", {},
       {{"held", 1}}},
      // --- destination
      dropped("outside the VPC", udp(to("192.0.2.1"), 5000, 53), DropReason::kNoRoute),
      dropped("in the VPC, nobody's", udp(to("10.0.1.99"), 5000, 53), DropReason::kNoSuchAddress),
      dropped("in the VPC, in no subnet", udp(to("10.0.77.1"), 5000, 53), DropReason::kNoSuchAddress),
      // --- gates
      dropped("a port the sender's group does not allow out", udp(kToB, 5000, 2000), DropReason::kGroupEgress),
      dropped("a port the receiver's group does not allow in", udp(kToB, 5000, 999), DropReason::kGroupIngress),
      dropped("a protocol no rule names", ipv4(kToB, kProtocolGre, pattern(30)), DropReason::kGroupEgress),
      dropped("an ICMP answer nobody asked for", icmp(kToB, 0, 0, 7), DropReason::kGroupEgress),
      dropped("an ICMP error about nothing", icmp_error(kToB, 3, 1, udp({kB, kA, "10.0.1.5", "10.0.1.4"}, 1, 2)),
              DropReason::kGroupEgress),
      // --- contradictions
      dropped("IP version 5", edited(good, [](Ipv4Header& ip) { ip.version_length = 0x55; }), DropReason::kMalformed),
      dropped("an IP header of 16 bytes", edited(good, [](Ipv4Header& ip) { ip.version_length = 0x44; }),
              DropReason::kMalformed),
      dropped("longer than the frame", edited(good, [](Ipv4Header& ip) { ip.total_length = Be16(2000); }),
              DropReason::kMalformed),
      dropped("shorter than its header", edited(good, [](Ipv4Header& ip) { ip.total_length = Be16(12); }),
              DropReason::kMalformed),
      dropped("from an address to the same address", udp(to("10.0.1.4"), 5000, 53), DropReason::kMalformed),
      dropped("ARP for a hardware that is not Ethernet", [] {
        Frame frame = arp(kA, kEverybody, 1, kA, "10.0.1.4", kZero, "10.0.1.5");
        header_at<ArpHeader>(frame, 14).hardware_type = Be16(6);
        return frame;
      }(), DropReason::kMalformed),
      dropped("UDP whose length goes beyond the packet", [] {
        Frame frame = udp(kToB, 5000, 53);
        header_at<UdpHeader>(frame, kIpv4L4Offset).length = Be16(500);
        return frame;
      }(), DropReason::kMalformed),
      dropped("TCP whose header goes beyond the packet", [] {
        Frame frame = tcp(kToB, 5000, 53, TcpHeader::kSyn);
        header_at<TcpHeader>(frame, kIpv4L4Offset).data_offset = 0xf0;
        return frame;
      }(), DropReason::kMalformed),
  };
}

Deployment fixture_deployment() {
  SecurityGroup members = make_group(
      "members", {rule(kUdp, 0, 998, group("members")), rule(kIcmp, 8, 0, group("members"))},
      {rule(kUdp, 0, 999, cidr("0.0.0.0/0")), rule(kIcmp, 8, 0, group("members"))});
  return make_deployment({members}, four_guests({"members"}));
}

class OnePacket : public ::testing::TestWithParam<Fixture> {};

TEST_P(OnePacket, HasThisEffectAndNoOther) {
  Fabric fabric(fixture_deployment());
  has_this_effect_and_no_other(GetParam(), fabric);
}

INSTANTIATE_TEST_SUITE_P(Fixtures, OnePacket, ::testing::ValuesIn(fixtures()), test_name);

}  // namespace
}  // namespace weft::test

// The whole pipeline against its slow twin, packet for packet: random networks of three subnets, an internet gateway,
// Elastic IPs, further addresses, routes, ACLs and groups, changed every now and then under the flows; verdict, output
// bytes, counters and flows are compared. A failure prints its seed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tests/dataplane/worker/networks.hpp"
#include "tests/dataplane/worker/pipeline_oracle.hpp"
#include "tests/sanitized.hpp"

namespace weft::test {
namespace {

const std::vector<std::string> kGuests = {"a", "b", "c", "d"};

class RandomTopology {
 public:
  explicit RandomTopology(std::uint32_t seed) : policy_(seed), random_(seed) {}

  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  bool once_in(unsigned n) { return below(n) == 0; }

  /// Always the same guests with the same primary addresses, and always the gateway: so that flows live over changes.
  Deployment deployment() {
    const Deployment random = policy_.deployment();
    Deployment made = make_deployment(random.security_groups, {});
    made.prefix_lists = random.prefix_lists;
    made.vpc_ipv6_cidr = *IpPrefix::parse("fd00::/56");
    for (Subnet& subnet : made.subnets) subnet.ipv6_cidr = *IpPrefix::parse("fd00::/64");
    Subnet box = made.subnets[0];
    box.id = "subnet-3";
    box.name = "box";
    box.cidr = *IpPrefix::parse("10.0.3.0/24");
    made.subnets.push_back(box);
    made.instances = {guest("a", "10.0.1.4", {}), guest("b", "10.0.1.5", {}), guest("c", "10.0.3.4", {}, "box"),
                      guest("d", "10.0.2.4", {}, "far")};
    groups(made);
    add_internet(made, {});
    addresses(made);
    for (const char* subnet : {"hpc", "far", "box"}) routes_and_acl(made, subnet);
    return made;
  }

  IpAddress own_address(const Deployment& deployment, const std::string& name, bool v6) {
    const Eni& eni = deployment.find_instance(name)->enis[0];
    if (v6) return eni.ipv6_addresses[0];
    if (!eni.secondary_private_ips.empty() && once_in(3)) return eni.secondary_private_ips[0];
    if (!eni.prefixes.empty() && once_in(3)) return ip("10.0.1." + std::to_string(32 + below(2)));
    return eni.private_ip;
  }

  /// A frame from a guest or from the internet, as its stack would send it, apart from what is wrong on purpose.
  Frame frame(const Deployment& deployment, const std::string& from) {
    const bool v6 = once_in(4);
    const bool outside = from == "internet";
    const IpAddress host = ip(v6 ? "2001:db8:99::1" : kOutside);
    IpAddress source = outside ? host : own_address(deployment, from, v6);
    if (once_in(12)) source = own_address(deployment, kGuests[below(4)], v6);
    IpAddress destination = own_address(deployment, kGuests[below(4)], v6);
    if (outside && !v6) destination = public_address();
    switch (below(10)) {
      case 0:
      case 1:
        if (!outside) destination = host;
        break;
      case 2:
        if (!v6) destination = public_address();
        break;
      case 3: destination = ip(v6 ? "fd00::1:88" : once_in(2) ? "10.0.1.88" : "192.0.2.5"); break;
      default: break;
    }
    if (source == destination) destination = ip(v6 ? "fd00::1:88" : "10.0.1.88");

    MacAddress own = kInternetMac, via = kGatewayMac;
    if (!outside) {
      const Eni& eni = deployment.find_instance(from)->enis[0];
      own = eni.mac;
      via = eni.subnet == "far" ? kFarRouterMac : kRouterMac;
    }
    return shaped(transport({own, via, source.to_string(), destination.to_string()}, v6), v6);
  }

 private:
  void groups(Deployment& made) {
    for (SecurityGroup& group : made.security_groups) {  // more that pass than the random rules alone allow
      for (const char* everybody : {"0.0.0.0/0", "::/0"}) {
        if (!once_in(3)) group.egress.push_back(all(cidr(everybody)));
        if (once_in(2)) group.ingress.push_back(all(cidr(everybody)));
        if (once_in(2)) group.ingress.push_back(rule(kTcp, 0, static_cast<int>(below(6)), cidr(everybody)));
      }
      if (once_in(3)) group.ingress.push_back(rule(kIcmp, -1, -1, cidr("10.0.0.0/16")));
    }
    for (Instance& instance : made.instances)
      for (unsigned n = 1 + below(2); n > 0; --n)
        instance.enis[0].security_groups.push_back(
            made.security_groups[below(static_cast<unsigned>(made.security_groups.size()))].name);
  }

  void addresses(Deployment& made) {
    for (std::size_t i = 0; i < made.instances.size(); ++i)
      made.instances[i].enis[0].ipv6_addresses = {ip("fd00::1:" + std::to_string(4 + i))};
    made.instances[below(2)].enis[0].secondary_private_ips = {ip("10.0.1.20")};
    made.instances[below(2)].enis[0].prefixes = {*IpPrefix::parse("10.0.1.32/28")};
    if (once_in(2)) made.instances[2].enis[0].source_dest_check = false;
    const char* own[] = {"10.0.1.4", "10.0.1.5", "10.0.3.4", "10.0.2.4", "10.0.1.20", "10.0.1.32"};
    for (unsigned i = 0; i < 6; ++i) {
      if (once_in(3)) continue;
      std::string eni = "eni-a";
      for (const Instance& instance : made.instances)
        if (instance.enis[0].owns(ip(own[i]))) eni = instance.enis[0].id;
      add_elastic_ip(made, "203.0.113." + std::to_string(1 + i), eni, own[i]);
    }
    if (once_in(2)) made.instances[3].enis[0].public_ip = ip("203.0.113.7");
  }

  void routes_and_acl(Deployment& made, const std::string& subnet) {
    if (!once_in(5)) add_route(made, subnet, "0.0.0.0/0", RouteTargetKind::kInternetGateway);
    if (!once_in(5)) add_route(made, subnet, "::/0", RouteTargetKind::kInternetGateway);
    if (once_in(3)) add_route(made, subnet, "192.0.2.0/24", RouteTargetKind::kInterface, "eni-c");
    if (once_in(6)) add_route(made, subnet, "198.51.100.0/24", RouteTargetKind::kBlackhole);
    if (once_in(4) && subnet == "hpc") add_route(made, subnet, "10.0.2.0/24", RouteTargetKind::kInterface, "eni-c");
    if (once_in(4) && subnet == "far") add_route(made, subnet, "10.0.1.0/24", RouteTargetKind::kInterface, "eni-c");
    if (once_in(2)) return;
    const auto entries = [&] {
      std::vector<AclEntryDeclaration> made_entries;
      int number = 10;
      for (unsigned n = below(4); n > 0; --n, number += 10) {
        const int protocol = once_in(3) ? kAllProtocols : once_in(2) ? int{kTcp} : int{kUdp};
        const int port = static_cast<int>(below(6));
        const std::string prefix = once_in(2) ? "0.0.0.0/0" : once_in(2) ? "10.0.2.0/23" : "fd00::/56";
        made_entries.push_back(acl_entry(number, once_in(2), protocol, protocol == kAllProtocols ? -1 : 0,
                                         protocol == kAllProtocols ? -1 : port, prefix));
      }
      for (const char* everybody : {"0.0.0.0/0", "::/0"}) {
        if (!once_in(4)) made_entries.push_back(acl_entry(number, true, kAllProtocols, -1, -1, everybody));
        number += 10;
      }
      return made_entries;
    };
    add_acl(made, subnet, entries(), entries());
  }

  IpAddress public_address() { return ip("203.0.113." + std::to_string(1 + below(8))); }

  Frame transport(const Path& path, bool v6) {
    const auto port = [&] { return static_cast<std::uint16_t>(below(6)); };  // few, so that answers meet connections
    const std::size_t payload = once_in(8) ? 1400 + below(200) : once_in(12) ? below(9100) : 18;
    switch (below(5)) {
      case 0:
      case 1:
        return v6 ? tcp6(path, port(), port(), TcpHeader::kAck, payload)
                  : tcp(path, port(), port(), TcpHeader::kAck, payload);
      case 2: {
        const bool reply = once_in(2);
        return v6 ? icmp6(path, reply ? 129 : 128, 0, port(), pattern(payload))
                  : icmp(path, reply ? 0 : 8, 0, port(), pattern(payload));
      }
      default: return v6 ? udp6(path, port(), port(), payload) : udp(path, port(), port(), payload);
    }
  }

  /// Sometimes about to end, sometimes allowed to be cut.
  Frame shaped(Frame frame, bool v6) {
    const auto hops = static_cast<std::uint8_t>(once_in(12) ? 1 + below(2) : 64);
    if (v6) {
      header_at<Ipv6Header>(frame, kIpOffset).hop_limit = hops;
      return frame;
    }
    auto& header = header_at<Ipv4Header>(frame, kIpOffset);
    header.time_to_live = hops;
    header.identification = Be16(static_cast<std::uint16_t>(random_()));
    if (once_in(2)) header.fragment = Be16(0);
    fix_ip_checksum(frame);
    return frame;
  }

  RandomPolicy policy_;
  std::mt19937 random_;
};

/// What the engine lists, named as the twin names it.
HopCounts hops_of(Fabric& fabric) {
  HopCounts hops;
  for (const FlowView& flow : fabric.engine().flows()) {
    const PacketTuple& t = flow.initiator_tuple;
    const auto from = std::pair(t.source, t.source_port), to = std::pair(t.destination, t.destination_port);
    const std::string initiator = flow.initiator_eni.substr(4), responder = flow.responder_eni.substr(4);
    const bool upper = from > to;
    const auto& low = upper ? to : from;
    const auto& high = upper ? from : to;
    const FlowId id{low.first, low.second, high.first, high.second, t.protocol};
    hops[{id, upper ? responder : initiator, upper ? initiator : responder}] = {flow.packets[upper ? 1 : 0],
                                                                                flow.packets[upper ? 0 : 1]};
  }
  return hops;
}

std::string describe(const Effect& effect) {
  std::string text;
  for (const auto& [name, value] : effect.counters) text += name + " " + std::to_string(value) + ", ";
  for (const auto& [name, frames] : effect.delivered) text += name + " gets " + std::to_string(frames.size()) + " ";
  return text;
}

class WholePipeline : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(WholePipeline, AgreesWithItsTwinPacketForPacket) {
  const char* const chosen = std::getenv("WEFT_SEED");  // to repeat a failure
  const std::uint32_t seed =
      chosen != nullptr ? static_cast<std::uint32_t>(std::strtoul(chosen, nullptr, 10)) : GetParam();
  SCOPED_TRACE("WEFT_SEED=" + std::to_string(seed));
  RandomTopology random(seed);
  const bool related = seed % 2 == 0;
  Deployment deployment = random.deployment();
  Fabric fabric(deployment, {.flow_capacity = 16384, .related_icmp_errors = related});
  PipelineOracle oracle(related);
  oracle.apply(deployment);
  std::map<std::string, unsigned> seen;
  std::vector<std::string> ends = kGuests;
  ends.push_back("internet");
  for (int step = 0; step < 2500; ++step) {
    if (random.once_in(100)) {
      deployment = random.deployment();
      fabric.apply(deployment);
      oracle.apply(deployment);
    }
    const std::string from = ends[random.below(5)];
    const Frame frame = random.frame(deployment, from);
    const Effect expected = oracle.send(from, frame);
    fabric.send(from, frame);
    Effect got;
    for (const std::string& end : ends)
      while (auto received = fabric.receive(end)) got.delivered[end].push_back(std::move(*received));
    got.counters = fabric.counter_changes();
    for (const auto& [name, value] : expected.counters) ++seen[name.substr(name.find('.') + 1)];
    const PacketTuple tuple = [&] {
      const FlowId id = flow_of(frame);
      return PacketTuple{std::get<0>(id), std::get<2>(id), std::get<4>(id), std::get<1>(id), std::get<3>(id)};
    }();
    ASSERT_EQ(got, expected) << "step " << step << ": " << from << " sends " << frame.size() << " bytes, protocol "
                             << int{tuple.protocol} << " between " << tuple.source.to_string() << ":"
                             << tuple.source_port << " and " << tuple.destination.to_string() << ":"
                             << tuple.destination_port << "\n  got " << describe(got) << "\n  expected "
                             << describe(expected);
    ASSERT_TRUE(fabric.engine().balance().holds());
    Fabric::advance_ms(1);  // errors of the router are limited to one in this time
    if (step % 250 == 249) {
      ASSERT_EQ(hops_of(fabric), oracle.hops()) << "step " << step;
    }
  }
  // The walk is worth something only if it comes by everywhere.
  for (const char* what :
       {"delivered", "copies", "originated", "group-egress", "group-ingress", "acl-egress", "acl-ingress", "no-route",
        "no-such-address", "no-public-address", "unknown-public-address", "spoofed-ip", "time-to-live", "too-big"})
    EXPECT_GT(seen[what], 0U) << what;
}

INSTANTIATE_TEST_SUITE_P(Seeds, WholePipeline, ::testing::Range(1U, 1 + seeds(8, 4)));

}  // namespace
}  // namespace weft::test

// Deployments for policy tests, made directly: the model's validation is not what is tested here.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "dataplane/model/deployment.hpp"
#include "dataplane/policy/gate.hpp"

namespace weft::test {

inline constexpr std::uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kGre = 47, kIcmpv6 = 58;

inline IpAddress ip(const std::string& text) { return *IpAddress::parse(text); }

inline RulePeer cidr(const std::string& text) { return *IpPrefix::parse(text); }
inline RulePeer group(const std::string& name) { return GroupReference{name}; }
inline RulePeer prefix_list(const std::string& name) { return PrefixListReference{name}; }
inline IpPrefix prefix(const std::string& text) { return *IpPrefix::parse(text); }
inline PrefixList make_prefix_list(const std::string& name, std::vector<IpPrefix> entries) {
  PrefixList list;
  list.id = "pl-" + name;
  list.name = name;
  list.ipv6 = !entries.empty() && !entries[0].is_v4();
  list.max_entries = static_cast<int>(entries.size());
  list.entries = std::move(entries);
  return list;
}
inline RuleDeclaration rule(int protocol, int from, int to, RulePeer peer, int line = 0) {
  RuleDeclaration made;
  made.protocol = protocol;
  made.from_port = from;
  made.to_port = to;
  made.peer = std::move(peer);
  made.line = line;
  return made;
}
inline RuleDeclaration all(RulePeer peer, int line = 0) { return rule(kAllProtocols, -1, -1, std::move(peer), line); }

inline SecurityGroup make_group(const std::string& name, std::vector<RuleDeclaration> ingress,
                                std::vector<RuleDeclaration> egress) {
  return {
      .id = "sg-" + name, .name = name, .description = "", .ingress = std::move(ingress), .egress = std::move(egress)};
}

/// One instance with one ENI; the subnet of the address must be in the deployment or explain() knows no zone for it.
inline Instance make_instance(const std::string& name, const std::string& address, std::vector<std::string> groups,
                              InterfaceType type = InterfaceType::kInterface, const std::string& subnet = "hpc") {
  Eni eni;
  eni.id = "eni-" + name;
  eni.instance = name;
  eni.subnet = subnet;
  eni.type = type;
  eni.private_ip = ip(address);
  eni.security_groups = std::move(groups);
  Instance instance;
  instance.id = "i-" + name;
  instance.name = name;
  instance.enis.push_back(eni);
  return instance;
}

inline Deployment make_deployment(std::vector<SecurityGroup> groups, std::vector<Instance> instances) {
  Deployment deployment;
  deployment.vpc_id = "vpc-1";
  deployment.vpc_cidr = *IpPrefix::parse("10.0.0.0/16");
  deployment.subnets.push_back({"subnet-1", "hpc", *IpPrefix::parse("10.0.1.0/24"), "use1-az1", {}, "", ""});
  deployment.subnets.push_back({"subnet-2", "far", *IpPrefix::parse("10.0.2.0/24"), "use1-az2", {}, "", ""});
  deployment.security_groups = std::move(groups);
  deployment.instances = std::move(instances);
  return deployment;
}

inline PacketTuple packet(const std::string& source, const std::string& destination, std::uint8_t protocol, int port) {
  return {ip(source), ip(destination), protocol, 40000, static_cast<std::uint16_t>(port)};
}
inline int icmp(int type, int code) { return type << 8 | code; }

/// Small numbers everywhere, so that rules and packets meet often.
class RandomPolicy {
 public:
  explicit RandomPolicy(std::uint32_t seed) : random_(seed) {}

  Deployment deployment() {
    std::vector<SecurityGroup> groups;
    groups_ = 1 + below(6);
    lists_ = below(4);
    for (unsigned i = 0; i < groups_; ++i) groups.push_back(make_group(group_name(i), rules(), rules()));
    std::vector<Instance> instances;
    enis_ = 2 + below(6);
    for (unsigned i = 0; i < enis_; ++i) {
      std::vector<std::string> members;
      for (unsigned n = below(4); n > 0; --n) members.push_back(group_name(below(groups_)));
      const bool v6 = below(8) == 0;
      instances.push_back(make_instance(
          "node-" + std::to_string(i), (v6 ? "fd00::1:" : "10.0.1.") + std::to_string(4 + i), members,
          below(2) == 0 ? InterfaceType::kEfa : InterfaceType::kInterface, below(4) == 0 ? "far" : "hpc"));
      add_addresses(instances.back().enis[0], i);
    }
    Deployment made = make_deployment(std::move(groups), std::move(instances));
    for (unsigned i = 0; i < lists_; ++i) made.prefix_lists.push_back(random_list(list_name(i)));
    if (below(4) == 0) {
      made.available_enis.push_back(std::move(made.instances.back().enis[0]));
      made.available_enis[0].instance.clear();
      made.instances.pop_back();
    }
    return made;
  }

  IpAddress address(const Deployment& deployment) {
    switch (below(6)) {
      case 0: return IpAddress::from({static_cast<std::uint32_t>(random_())});
      case 1: return ip("10.0." + std::to_string(below(3)) + "." + std::to_string(below(12)));
      case 2: return ip("fd00::" + std::to_string(below(3)) + ":" + std::to_string(below(12)));
      default: {
        const auto enis = flatten_enis(deployment);
        return address_of(*enis[below(static_cast<unsigned>(enis.size()))]);
      }
    }
  }

  PacketTuple packet(const Deployment& deployment) {
    PacketTuple tuple;
    tuple.source = address(deployment);
    tuple.destination = address(deployment);
    tuple.protocol = protocol();
    tuple.source_port = static_cast<std::uint16_t>(random_());
    tuple.destination_port = static_cast<std::uint16_t>(
        tuple.protocol == kIcmp || tuple.protocol == 58 ? icmp(static_cast<int>(below(4)), static_cast<int>(below(3)))
                                                        : port());
    return tuple;
  }

  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }

 private:
  std::string group_name(unsigned i) { return "g" + std::to_string(i); }
  std::string list_name(unsigned i) { return "l" + std::to_string(i); }
  /// No two ENIs get the same: the model sees to that.
  void add_addresses(Eni& eni, unsigned i) {
    const std::string n = std::to_string(i);
    if (below(3) == 0) eni.secondary_private_ips.push_back(ip("10.0.1.10" + n));
    if (below(3) == 0) eni.ipv6_addresses.push_back(ip("fd00::2:" + n));
    if (below(3) == 0) eni.ipv6_addresses.push_back(ip("fd00::" + n + ":b"));
    if (below(4) == 0) eni.prefixes.push_back(test::prefix("10.0.1." + std::to_string(112 + 16 * i) + "/28"));
    if (below(4) == 0) eni.prefixes.push_back(test::prefix("fd00:0:0:0:" + std::to_string(i + 1) + "::/80"));
  }
  IpAddress address_of(const Eni& eni) {
    std::vector<IpAddress> own = eni.secondary_private_ips;
    own.push_back(eni.private_ip);
    own.insert(own.end(), eni.ipv6_addresses.begin(), eni.ipv6_addresses.end());
    for (const IpPrefix& delegated : eni.prefixes) {
      IpAddress inside = delegated.address;
      inside.octets[15] |= static_cast<std::uint8_t>(below(16));
      own.push_back(inside);
    }
    return own[below(static_cast<unsigned>(own.size()))];
  }
  PrefixList random_list(const std::string& name) {
    std::vector<IpPrefix> entries;
    const bool v6 = below(3) == 0;
    for (unsigned n = below(8); n > 0; --n)
      entries.push_back(v6 ? test::prefix("fd00::" + std::to_string(below(3)) + ":0/" + std::to_string(100 + below(29)))
                           : test::prefix("10.0." + std::to_string(below(3)) + "." + std::to_string(below(256)) + "/" +
                                          std::to_string(20 + below(13))));
    return make_prefix_list(name, std::move(entries));
  }
  std::uint8_t protocol() {
    constexpr std::uint8_t kChoices[] = {kTcp, kTcp, kTcp, kUdp, kUdp, kIcmp, 58, kGre, 0, 255};
    return kChoices[below(std::size(kChoices))];
  }
  int port() { return below(8) == 0 ? (below(2) == 0 ? 0 : 65535) : static_cast<int>(below(8)); }

  RulePeer peer() {
    switch (below(10)) {
      case 8: return prefix_list(below(8) == 0 || lists_ == 0 ? "gone" : list_name(below(lists_)));
      case 0: return cidr("0.0.0.0/0");
      case 1: return cidr(below(2) == 0 ? "::/0" : "fd00::/" + std::to_string(100 + below(29)));
      case 2: return cidr("10.0." + std::to_string(below(3)) + ".0/" + std::to_string(8 + below(25)));
      case 3: return cidr("10.0.1." + std::to_string(below(12)) + "/" + std::to_string(26 + below(7)));
      case 4: return cidr(std::to_string(random_() % 256) + ".0.0.0/" + std::to_string(1 + below(8)));
      case 5: return group(below(8) == 0 ? "gone" : group_name(below(groups_)));
      default: return group(group_name(below(groups_)));
    }
  }
  RuleDeclaration rule() {
    if (below(5) == 0) return all(peer());
    const std::uint8_t chosen = protocol();
    if (chosen == kIcmp || chosen == 58) {
      const int type = static_cast<int>(below(5)) - 1;
      return test::rule(chosen, type, type < 0 ? -1 : static_cast<int>(below(4)) - 1, peer());
    }
    if (below(4) == 0) return test::rule(chosen, 0, 65535, peer());
    const int from = port();
    return test::rule(chosen, from, std::max(from, port()), peer());
  }
  std::vector<RuleDeclaration> rules() {
    std::vector<RuleDeclaration> made;
    const unsigned wanted = below(10) == 0 ? 60 : below(5);
    for (unsigned i = 0; i < wanted; ++i) made.push_back(rule());
    return made;
  }

  std::mt19937 random_;
  unsigned groups_ = 1;
  unsigned lists_ = 0;
  unsigned enis_ = 1;
};

}  // namespace weft::test

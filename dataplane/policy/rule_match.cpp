#include "dataplane/policy/rule_match.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "dataplane/model/describe.hpp"
#include "dataplane/net/headers.hpp"

namespace weft {
namespace {

// Any two add up to more than any one, with a port's gap (at most 65,535) on top.
constexpr std::uint32_t kWrongPeer = 4U << 20;
constexpr std::uint32_t kWrongPort = 5U << 20;
constexpr std::uint32_t kWrongProtocol = 6U << 20;

void add(RuleMatch& match, std::uint32_t distance, std::string why) {
  match.distance += distance;
  match.mismatches.push_back(std::move(why));
}

void compare_ports(RuleMatch& match, int port, const RuleDeclaration& rule) {
  if (rule.from_port <= port && port <= rule.to_port) return;
  const int gap = std::min(std::abs(port - rule.from_port), std::abs(port - rule.to_port));
  const std::string why = rule.from_port == rule.to_port
                              ? fmt::format("port {} is not {}", port, rule.from_port)
                              : fmt::format("port {} is outside {}-{}", port, rule.from_port, rule.to_port);
  add(match, kWrongPort + static_cast<std::uint32_t>(std::min(gap, 0xffff)), why);
}

void compare_icmp(RuleMatch& match, int type, int code, const RuleDeclaration& rule) {
  if (rule.from_port < 0) return;
  if (rule.from_port != type) {
    add(match, kWrongPort + 2, fmt::format("ICMP type {} is not {}", type, rule.from_port));
  } else if (rule.to_port >= 0 && rule.to_port != code) {
    add(match, kWrongPort + 1, fmt::format("code {} of ICMP type {} is not {}", code, type, rule.to_port));
  }
}

void compare_traffic(RuleMatch& match, const PacketTuple& packet, const RuleDeclaration& rule) {
  if (rule.protocol == kAllProtocols) return;
  if (rule.protocol != packet.protocol) {
    add(match, kWrongProtocol,
        fmt::format("{} is not {}", protocol_name(packet.protocol), protocol_name(rule.protocol)));
  } else if (packet.protocol == kProtocolTcp || packet.protocol == kProtocolUdp) {
    compare_ports(match, packet.destination_port, rule);
  } else if (packet.protocol == kProtocolIcmp || packet.protocol == kProtocolIcmpv6) {
    compare_icmp(match, packet.destination_port >> 8, packet.destination_port & 0xff, rule);
  }
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void compare_group(RuleMatch& match, const GateQuestion& question, const std::string& group) {
  if (question.deployment.find_security_group(group) == nullptr) {
    add(match, kWrongPeer, fmt::format("group {} does not exist", group));
  } else if (question.peer == HopPeer::kOther) {
    add(match, kWrongPeer,
        fmt::format("a route leads through a middlebox or the internet gateway, and group {} stands only for what its "
                    "members' ENIs send and receive themselves",
                    group));
  } else if (question.remote == nullptr) {
    add(match, kWrongPeer,
        fmt::format("{} is no ENI's private address, and those of its members are all that group {} stands for",
                    question.remote_address().to_string(), group));
  } else if (!contains(question.remote->security_groups, group)) {
    add(match, kWrongPeer,
        question.remote->instance.empty()
            ? fmt::format("{} is not a member of group {}", question.remote->id, group)
            : fmt::format("{}'s ENI (eth{}) is not a member of group {}", question.remote->instance,
                          question.remote->device_index, group));
  }
}

const char* remote_name(const GateQuestion& question) {
  return question.direction == Direction::kEgress ? "destination" : "source";
}

void compare_list(RuleMatch& match, const GateQuestion& question, const std::string& name) {
  const PrefixList* list = question.deployment.find_prefix_list(name);
  if (list == nullptr) return add(match, kWrongPeer, fmt::format("prefix list {} does not exist", name));
  const IpAddress& remote = question.remote_address();
  const auto has = [&](const IpPrefix& entry) { return entry.contains(remote); };
  if (std::any_of(list->entries.begin(), list->entries.end(), has)) return;
  add(match, kWrongPeer,
      fmt::format("{} {} is in none of the {} entries of prefix list {}", remote_name(question), remote.to_string(),
                  list->entries.size(), name));
}

void compare_peer(RuleMatch& match, const GateQuestion& question, const RuleDeclaration& rule) {
  if (const auto* group = std::get_if<GroupReference>(&rule.peer)) return compare_group(match, question, group->name);
  if (const auto* list = std::get_if<PrefixListReference>(&rule.peer)) return compare_list(match, question, list->name);
  const IpPrefix& prefix = std::get<IpPrefix>(rule.peer);
  if (prefix.contains(question.remote_address())) return;
  add(match, kWrongPeer,
      fmt::format("{} {} is not in {}", remote_name(question), question.remote_address().to_string(),
                  prefix.to_string()));
}

/// EFA packets carry neither addresses nor ports (facts ec2 2.5 and 6.2).
RuleMatch match_efa(const GateQuestion& question, const RuleDeclaration& rule) {
  RuleMatch result;
  if (rule.protocol != kAllProtocols)
    add(result, kWrongPort,
        fmt::format("EFA traffic has no protocol or ports, so a rule for {} does not match it",
                    describe_traffic(rule)));
  if (const auto* group = std::get_if<GroupReference>(&rule.peer)) {
    compare_group(result, question, group->name);
  } else {
    add(result, kWrongPeer,
        fmt::format("EFA traffic has no IP addresses, so {} does not match it: only a rule that names a group does",
                    describe(rule.peer)));
  }
  return result;
}

}  // namespace

const Eni* eni_at(const Deployment& deployment, const IpAddress& address) {
  if (address == IpAddress{}) return nullptr;  // what an EFA-only interface has in place of one
  const std::vector<const Eni*> enis = flatten_enis(deployment);
  const auto found = std::find_if(enis.begin(), enis.end(), [&](const Eni* eni) { return eni->owns(address); });
  return found == enis.end() ? nullptr : *found;
}

RuleMatch match(const GateQuestion& question, const RuleDeclaration& rule) {
  if (question.efa) return match_efa(question, rule);
  RuleMatch result;
  compare_traffic(result, question.packet, rule);
  compare_peer(result, question, rule);
  return result;
}

bool is_open_to_all(const RuleDeclaration& rule, const IpAddress& remote) {
  const auto* prefix = std::get_if<IpPrefix>(&rule.peer);
  return prefix != nullptr && prefix->is_v4() == remote.is_v4() && prefix->length == (remote.is_v4() ? 96 : 0);
}

std::string describe_packet(const PacketTuple& packet) {
  const std::string protocol = protocol_name(packet.protocol);
  switch (packet.protocol) {
    case kProtocolTcp:
    case kProtocolUdp: return fmt::format("{} {}", protocol, packet.destination_port);
    case kProtocolIcmp:
    case kProtocolIcmpv6:
      return fmt::format("{} type {} code {}", protocol, packet.destination_port >> 8, packet.destination_port & 0xff);
    default: return protocol;
  }
}

}  // namespace weft

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
  } else if (question.remote == nullptr) {
    add(match, kWrongPeer,
        fmt::format("{} is no ENI's private address, and those of its members are all that group {} stands for",
                    question.remote_address().to_string(), group));
  } else if (!contains(question.remote->security_groups, group)) {
    add(match, kWrongPeer,
        fmt::format("{}'s ENI (eth{}) is not a member of group {}", question.remote->instance,
                    question.remote->device_index, group));
  }
}

void compare_peer(RuleMatch& match, const GateQuestion& question, const RuleDeclaration& rule) {
  if (const auto* group = std::get_if<GroupReference>(&rule.peer)) return compare_group(match, question, group->name);
  const IpPrefix& prefix = std::get<IpPrefix>(rule.peer);
  if (prefix.contains(question.remote_address())) return;
  add(match, kWrongPeer,
      fmt::format("{} {} is not in {}", question.direction == Direction::kEgress ? "destination" : "source",
                  question.remote_address().to_string(), prefix.to_string()));
}

/// EFA packets carry neither addresses nor ports (facts ec2 2.5 and 6.2).
RuleMatch match_efa(const GateQuestion& question, const RuleDeclaration& rule) {
  RuleMatch result;
  if (rule.protocol != kAllProtocols)
    add(result, kWrongPort,
        fmt::format("EFA traffic has no protocol or ports, so a rule for {} does not match it",
                    describe_traffic(rule)));
  if (const auto* prefix = std::get_if<IpPrefix>(&rule.peer)) {
    add(result, kWrongPeer,
        fmt::format("EFA traffic has no IP addresses, so {} does not match it: only a rule that names a group does",
                    prefix->to_string()));
  } else {
    compare_group(result, question, std::get<GroupReference>(rule.peer).name);
  }
  return result;
}

}  // namespace

const Eni* eni_at(const Deployment& deployment, const IpAddress& address) {
  for (const Instance& instance : deployment.instances)
    for (const Eni& eni : instance.enis)
      if (eni.private_ip == address) return &eni;
  return nullptr;
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

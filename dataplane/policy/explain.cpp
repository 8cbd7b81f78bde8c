// A packet's whole way in words, in the order in which the data path decides (worker/pipeline.hpp, facts ec2 2.7):
// source, services, egress gate, egress ACL, route, internet gateway, ingress ACL, ingress gate, destination, MTU,
// allowances.
#include "dataplane/policy/explain.hpp"

#include <fmt/format.h>

#include "dataplane/policy/explain_path.hpp"
#include "dataplane/policy/rule_match.hpp"

namespace weft {
namespace {

ExplainStep named(const char* stage, const Eni* eni) {
  ExplainStep step;
  step.stage = stage;
  if (eni != nullptr) step.subject = eni_name(*eni);
  return step;
}

/// 224.0.0.0/4 and everything above; ff00::/8. A guest sends these to a multicast MAC address.
bool is_multicast(const IpAddress& address) {
  return address.is_v4() ? address.v4().value >= 0xe0000000U : address.octets[0] == 0xff;
}

/// Nobody's in the VPC, so the packet can only be one from behind the internet gateway.
bool comes_from_internet(const ExplainPath& path) {
  return path.source == nullptr && path.question.source_eni.empty() && path.deployment.internet_gateway &&
         is_outside(path.deployment, path.packet.source);
}

/// The spoof check and the sender's half of the source/destination check (facts ec2 1.2). False: it goes no further.
bool explain_source(ExplainPath& path) {
  ExplainStep step = named("source", path.source);
  const std::string address = path.packet.source.to_string();
  if (path.source == nullptr) {
    step.reason = fmt::format("no ENI of this VPC has {}", address);
    path.drop(std::move(step), DropReason::kSpoofedIp);
    return false;
  }
  if (auto down = why_link_is_down(path.deployment, *path.source)) {
    step.reason = *down;
    path.drop(std::move(step), DropReason::kLinkDown);
    return false;
  }
  if (path.source->owns(path.packet.source)) {
    step.reason = fmt::format("{} is its own", address);
  } else if (!path.source->source_dest_check) {
    step.reason = fmt::format("{} is not its own, but its source/destination check is off", address);
  } else if (!path.source->vf.spoof_check) {
    step.reason = fmt::format("{} is not its own, but its virtual function's spoof check is off", address);
  } else {
    step.reason = fmt::format("{} is not an address of {}, and its source/destination check is on", address,
                              eni_name(*path.source));
    path.drop(std::move(step), DropReason::kSpoofedIp);
    return false;
  }
  path.pass(std::move(step));
  return true;
}

/// The receiver's half of the source/destination check, and whether it is there to receive.
void explain_destination(ExplainPath& path) {
  ExplainStep step = named("destination", path.target);
  const std::string address = path.packet.destination.to_string();
  if (!path.target->owns(path.packet.destination) && path.target->source_dest_check) {
    step.reason = fmt::format("{} is not an address of {}, and its source/destination check is on", address,
                              eni_name(*path.target));
    return path.drop(std::move(step), DropReason::kNotForEni);
  }
  if (auto down = why_link_is_down(path.deployment, *path.target)) {
    step.reason = *down;
    return path.drop(std::move(step), DropReason::kLinkDown);
  }
  step.reason = path.target->owns(path.packet.destination)
                    ? fmt::format("{} is its own", address)
                    : fmt::format("{} is not its own, but its source/destination check is off", address);
  path.pass(std::move(step));
}

void explain_fabric_mtu(ExplainPath& path) {
  if (path.question.size == 0) return;
  ExplainStep step = named("MTU", path.target);
  step.reason = fmt::format("{} bytes; inside a VPC a packet may have {}", path.question.size, kFabricMtu);
  if (path.question.size > static_cast<std::uint32_t>(kFabricMtu))
    return path.drop(std::move(step), DropReason::kTooBig);
  path.pass(std::move(step));
}

/// Into the target's subnet and the target. `peer`: who the target takes the sender for.
void explain_arrival(ExplainPath& path, bool enters_subnet, HopPeer peer) {
  const Subnet* subnet = subnet_of(path.deployment, *path.target);
  if (enters_subnet && subnet != nullptr) explain_acl(path, *subnet, Direction::kIngress);
  path.gate(explain_gate(path.deployment, *path.target, Direction::kIngress, path.packet, peer),
            DropReason::kGroupIngress);
  explain_destination(path);
}

HopPeer peer_by(bool owns) { return owns ? HopPeer::kOwner : HopPeer::kOther; }

/// In the order of the checks; the route is looked up first, because the gate and the ACL depend on where it leads.
void explain_from_eni(ExplainPath& path) {
  const Subnet nowhere;
  const Subnet& from = path.from != nullptr ? *path.from : nowhere;
  const RouteLookup route = look_up_route(path.deployment, from, path.packet.destination);
  const bool to_owner =
      route.eni == nullptr ? route.outcome != RouteOutcome::kGateway : route.eni->owns(path.packet.destination);
  const bool inside = from.cidr.contains(path.packet.destination) ||
                      (from.ipv6_cidr && from.ipv6_cidr->contains(path.packet.destination));
  const bool leaves = route.outcome == RouteOutcome::kGateway ||
                      (route.eni != nullptr ? route.eni->subnet != path.source->subnet : !inside);

  path.gate(explain_gate(path.deployment, *path.source, Direction::kEgress, path.packet, peer_by(to_owner)),
            DropReason::kGroupEgress);
  if (leaves) explain_acl(path, from, Direction::kEgress);
  explain_route(path, route);
  if (route.outcome == RouteOutcome::kGateway) {
    if (explain_gateway_out(path)) {
      explain_gateway_in(path);
      if (path.target != nullptr) explain_arrival(path, true, HopPeer::kOther);
    }
    return explain_allowances(path, true);
  }
  if (path.target == nullptr) return;
  explain_arrival(path, leaves, peer_by(path.source->owns(path.packet.source)));
  explain_fabric_mtu(path);
  explain_allowances(path, false);
}

Explanation explain_ip(const Deployment& deployment, const ExplainQuestion& question) {
  ExplainPath path(deployment, question);
  if (path.packet.source == path.packet.destination) {
    ExplainStep step = named("source", path.source);
    step.reason = "what an instance sends to its own address never leaves it";
    path.drop(std::move(step), DropReason::kMalformed);
    return path.finish();
  }
  if (comes_from_internet(path)) {
    explain_gateway_in(path);
    if (path.target != nullptr) explain_arrival(path, true, HopPeer::kOther);
    explain_allowances(path, true);
    return path.finish();
  }
  if (!explain_source(path) || explain_service(path)) return path.finish();
  if (is_multicast(path.packet.destination) ||
      (path.from != nullptr && is_broadcast(*path.from, path.packet.destination))) {
    ExplainStep step = named("destination", nullptr);
    step.reason = fmt::format("{} is no single ENI's", path.packet.destination.to_string());
    path.drop(std::move(step), DropReason::kMulticast);
    return path.finish();
  }
  if (is_link_local_v6(path.packet.destination)) {
    ExplainStep step = named("destination", nullptr);
    step.reason = fmt::format("{} is an address of one link, and on this one there is only the router",
                              path.packet.destination.to_string());
    path.drop(std::move(step), DropReason::kNoSuchAddress);
    return path.finish();
  }
  explain_from_eni(path);
  return path.finish();
}

}  // namespace

Explanation explain(const Deployment& deployment, const ExplainQuestion& question) {
  return question.efa ? explain_efa(deployment, question) : explain_ip(deployment, question);
}

}  // namespace weft

// Allowances in words: which limits the way is subject to, and their numbers (facts ec2 1.9, 4.3, 5.3, 5.4). Whether
// one is used up depends on what else is sent, so none of them refuses here. In the order of worker/limit.cpp.
#include <fmt/format.h>

#include <algorithm>

#include "dataplane/model/allowances.hpp"
#include "dataplane/observe/ena_counter.hpp"
#include "dataplane/policy/explain_path.hpp"

namespace weft {
namespace {

const Instance* instance_of(const Deployment& deployment, const Eni* eni) {
  const Instance* instance = eni == nullptr ? nullptr : deployment.find_instance(eni->instance);
  return instance != nullptr && has_allowances(*instance) ? instance : nullptr;
}

ExplainStep limited(const std::string& subject, ExplainLimit limit, std::string reason) {
  ExplainStep step;
  step.stage = "allowance";
  step.subject = subject;
  step.reason = std::move(reason);
  step.limit = std::move(limit);
  return step;
}

std::string name_of(const Instance& instance) { return fmt::format("{} ({})", instance.name, instance.id); }

ExplainLimit limit_of(double value, const char* unit, DropReason reason, std::string_view counter) {
  return {.value = value,
          .peak = 0,
          .unit = unit,
          .drop_reason = std::string(name(reason)),
          .counter = std::string(counter)};
}

std::string_view ena(EnaCounter counter) { return kEnaCounterNames[static_cast<std::size_t>(counter)]; }

/// Tracked at a gate, a connection counts against the instance of that gate's ENI.
void connections(ExplainPath& path) {
  for (const GateExplanation& gate : path.gates()) {
    const Instance* const instance = instance_of(path.deployment, path.deployment.find_eni(gate.eni_id));
    if (instance == nullptr || !gate.tracked || instance->allowances.connections == 0) continue;
    const std::uint64_t most = instance->allowances.connections;
    path.pass(limited(name_of(*instance),
                      limit_of(static_cast<double>(most), "connections", DropReason::kConntrackAllowance,
                               ena(EnaCounter::kConntrackAllowanceExceeded)),
                      fmt::format("tracked at its {} gate, so a new connection takes one of its {}",
                                  gate.direction == Direction::kEgress ? "egress" : "ingress", most)));
  }
}

/// The lower of what the two ends allow a single flow.
void single_flow(ExplainPath& path, const Instance* sender, const Instance* receiver, bool through_gateway) {
  const auto cluster = [&](const Instance* of) { return of == nullptr ? nullptr : cluster_of(path.deployment, *of); };
  const bool together = !through_gateway && cluster(sender) != nullptr && cluster(sender) == cluster(receiver);
  const Instance* lower = nullptr;
  double gbps = 0;
  for (const Instance* end : {sender, receiver}) {
    const double of_end = end == nullptr ? 0 : flow_gbps(*end, cluster(end) != nullptr, together);
    if (of_end <= 0 || (lower != nullptr && gbps <= of_end)) continue;
    lower = end;
    gbps = of_end;
  }
  if (lower == nullptr) return;
  std::string why = fmt::format("a single flow may use {} Gbit/s in each direction", gbps);
  if (together && gbps == kFlowGbpsInCluster)
    why += fmt::format(", for both ends are in cluster placement group {}", lower->placement_group);
  else if (gbps == kFlowGbps)
    why += fmt::format(", and {} only between members of one cluster placement group", kFlowGbpsInCluster);
  path.pass(limited(name_of(*lower), limit_of(gbps, "Gbit/s", DropReason::kFlowBandwidth, ""), std::move(why)));
}

void packets(ExplainPath& path, const Instance& instance) {
  const std::uint64_t pps = instance.allowances.pps;
  if (pps == 0) return;
  path.pass(limited(name_of(instance),
                    limit_of(static_cast<double>(pps), "packets/s", DropReason::kPpsAllowance,
                             ena(EnaCounter::kPpsAllowanceExceeded)),
                    fmt::format("{} packets a second, sent and received together", pps)));
}

void bandwidth(ExplainPath& path, const Instance& instance, bool out, bool through_gateway) {
  const Allowances& all = instance.allowances;
  const char* const verb = out ? "sends" : "receives";
  ExplainLimit limit =
      limit_of(all.baseline_gbps, "Gbit/s", out ? DropReason::kBwOutAllowance : DropReason::kBwInAllowance,
               ena(out ? EnaCounter::kBwOutAllowanceExceeded : EnaCounter::kBwInAllowanceExceeded));
  if (all.baseline_gbps > 0) {
    limit.peak = all.peak_gbps > all.baseline_gbps ? all.peak_gbps : 0;
    std::string why = fmt::format("it {} at most {} Gbit/s", verb, all.baseline_gbps);
    if (limit.peak > 0) why += fmt::format(", and up to {} as long as it has credits", limit.peak);
    path.pass(limited(name_of(instance), limit, std::move(why)));
  }
  const double gateway = gateway_gbps(instance);
  if (!through_gateway || gateway <= 0) return;
  limit.value = gateway;
  limit.peak = 0;
  path.pass(limited(name_of(instance), limit,
                    fmt::format("it {} at most {} Gbit/s through the internet gateway", verb, gateway)));
}

}  // namespace

void explain_link_local_allowance(ExplainPath& path) {
  if (instance_of(path.deployment, path.source) == nullptr) return;
  path.pass(limited(eni_name(*path.source),
                    limit_of(kLinkLocalPacketsPerSecond, "packets/s", DropReason::kLinkLocalAllowance,
                             ena(EnaCounter::kLinkLocalAllowanceExceeded)),
                    fmt::format("this interface may send {} packets in any second to the resolver, the time server and "
                                "instance metadata together",
                                kLinkLocalPacketsPerSecond)));
}

void explain_allowances(ExplainPath& path, bool through_gateway) {
  if (path.dropped()) return;  // what is refused uses no allowance
  const Instance* const sender = instance_of(path.deployment, path.source);
  const Instance* const receiver = instance_of(path.deployment, path.target);
  connections(path);
  single_flow(path, sender, receiver, through_gateway);
  if (sender != nullptr) {
    packets(path, *sender);
    bandwidth(path, *sender, true, through_gateway);
  }
  if (receiver != nullptr) {
    packets(path, *receiver);
    bandwidth(path, *receiver, false, through_gateway);
  }
}

}  // namespace weft

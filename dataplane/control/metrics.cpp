#include "dataplane/control/metrics.hpp"

#include <optional>

#include "dataplane/model/describe.hpp"
#include "dataplane/observe/open_metrics.hpp"
#include "dataplane/worker/statistics_table.hpp"

namespace weft {
namespace {

using Type = OpenMetricsText::Type;

constexpr double kBytesPerGigabit = 1e9 / 8;

/// An end that has counters, with what its labels say. `eni` is null for the internet gateway.
struct Counted {
  const EniStatistics& statistics;
  const Eni* eni;
  std::string_view instance;
};

std::vector<Counted> counted_ends(const MetricsInput& input) {
  std::vector<Counted> ends;
  for (const EniStatistics& one : input.interfaces) {
    const Eni* const eni = input.deployment ? input.deployment->find_eni(one.eni_id) : nullptr;
    ends.push_back({one, eni, eni ? std::string_view(eni->instance) : std::string_view()});
  }
  return ends;
}

/// One family of which each end has one sample, where `value` has one for it.
template <typename Value>
void add_per_end(OpenMetricsText& text, Type type, std::string_view name, std::string_view help,
                 const std::vector<Counted>& ends, Value&& value) {
  text.family(type, name, help);
  for (const Counted& end : ends)
    if (const std::optional<std::uint64_t> sample = value(end))
      text.sample({{"eni", end.statistics.eni_id}, {"instance", end.instance}}, *sample);
}

void add_interfaces(OpenMetricsText& text, const std::vector<Counted>& ends) {
  text.family(Type::kInfo, "weft_eni", "What an interface is; join by eni");
  for (const Counted& end : ends)
    if (end.eni)
      text.sample({{"eni", end.statistics.eni_id},
                   {"instance", end.instance},
                   {"interface", "eth" + std::to_string(end.eni->device_index)},
                   {"type", interface_type_name(end.eni->type)},
                   {"subnet", end.eni->subnet},
                   {"vf", std::to_string(end.eni->vf.index)}});
  for (const auto& field : kEniFields)
    add_per_end(text, Type::kCounter, field.metric, field.help, ends,
                [&](const Counted& end) { return std::optional(end.statistics.*field.value); });
}

/// All reasons of every end, zeros too: a rate sees a first drop only if the counter was there before (Prometheus,
/// "Avoid missing metrics").
void add_drops(OpenMetricsText& text, const std::vector<Counted>& ends) {
  text.family(Type::kCounter, "weft_eni_dropped_packets", "Packets that were dropped, by the reasons of docs/drop-reasons.md");
  for (const Counted& end : ends)
    for (std::size_t i = 0; i < kDropReasons; ++i)
      text.sample({{"eni", end.statistics.eni_id}, {"instance", end.instance}, {"reason", kDropNames[i]}},
                  end.statistics.drops[i]);
}

bool has_ena(const Counted& end) { return end.eni && end.eni->type != InterfaceType::kEfaOnly; }
bool has_efa(const Counted& end) { return end.eni && end.eni->type != InterfaceType::kInterface; }

/// ENA's names; those of ENA Express have "ena" in theirs already.
std::string ena_metric(std::string_view name) {
  return (name.starts_with("ena_") ? "weft_" : "weft_ena_") + std::string(name);
}

void add_ena(OpenMetricsText& text, const std::vector<Counted>& ends) {
  for (std::size_t i = 0; i < kEnaCounters; ++i)
    add_per_end(text, Type::kCounter, ena_metric(kEnaCounterNames[i]), "As ethtool -S shows it of an ENA", ends,
                [i](const Counted& end) { return has_ena(end) ? std::optional(end.statistics.ena[i]) : std::nullopt; });
  add_per_end(text, Type::kGauge, ena_metric(kConntrackAllowanceAvailable),
              "Connections that the instance may track besides; not there without a limit", ends, [](const Counted& end) {
                const bool limited = has_ena(end) && end.statistics.connections_limited;
                return limited ? std::optional(end.statistics.conntrack_allowance_available) : std::nullopt;
              });
}

void add_efa(OpenMetricsText& text, const std::vector<Counted>& ends) {
  const auto names = efa_hw_counters(EfaCounters{});
  for (std::size_t i = 0; i < names.size(); ++i)
    add_per_end(text, Type::kCounter, std::string("weft_efa_") + names[i].name, "As rdma statistic shows it of an EFA", ends,
                [i](const Counted& end) {
                  return has_efa(end) ? std::optional(efa_hw_counters(end.statistics.efa)[i].value) : std::nullopt;
                });
  const auto of_fabric = [&](const char* name, const char* help, std::uint64_t EfaCounters::*value) {
    add_per_end(text, Type::kCounter, name, help, ends, [&](const Counted& end) {
      return has_efa(end) ? std::optional(end.statistics.efa.*value) : std::nullopt;
    });
  };
  of_fabric("weft_efa_wire_packets", "Packets given to the emulated fabric", &EfaCounters::on_wire);
  of_fabric("weft_efa_wire_dropped_packets", "Packets that the emulated fabric lost", &EfaCounters::wire_drops);
}

/// What each instance may. Without a limit there is no sample.
void add_allowances(OpenMetricsText& text, const Deployment* deployment) {
  const auto add = [&](const char* name, const char* help, auto&& limit) {
    text.family(Type::kGauge, name, help);
    if (!deployment) return;
    for (const Instance& instance : deployment->instances)
      if (const auto most = limit(instance.allowances); most != 0) text.sample({{"instance", instance.name}}, most);
  };
  add("weft_instance_baseline_bytes_per_second", "Bandwidth that an instance always has, each direction",
      [](const Allowances& a) { return a.baseline_gbps * kBytesPerGigabit; });
  add("weft_instance_peak_bytes_per_second", "Bandwidth that an instance has while it has credits, each direction",
      [](const Allowances& a) { return a.peak_gbps * kBytesPerGigabit; });
  add("weft_instance_flow_bytes_per_second", "Bandwidth that one flow of an instance may use",
      [](const Allowances& a) { return a.flow_gbps * kBytesPerGigabit; });
  add("weft_instance_packets_per_second", "Packets that an instance may send and receive",
      [](const Allowances& a) { return a.pps; });
  add("weft_instance_connections", "Connections that an instance may track",
      [](const Allowances& a) { return a.connections; });
}

void add_workers(OpenMetricsText& text, const MetricsInput& input) {
  const auto add = [&](Type type, const char* name, const char* help, const auto& workers, auto&& value) {
    text.family(type, name, help);
    for (std::size_t i = 0; i < workers.size(); ++i) text.sample({{"worker", std::to_string(i)}}, value(workers[i]));
  };
  using Idle = Engine::IdleTime;
  add(Type::kCounter, "weft_worker_awake_seconds", "Time in which the worker was not asleep", input.idle_times,
      [](const Idle& idle) { return static_cast<double>(idle.awake_ns) / 1e9; });
  add(Type::kCounter, "weft_worker_asleep_seconds", "Time in which the worker was asleep", input.idle_times,
      [](const Idle& idle) { return static_cast<double>(idle.asleep_ns) / 1e9; });
  using Flows = Engine::FlowCounts::OfWorker;
  for (const auto& [name, help, ipv4, ipv6] :
       {std::tuple{"weft_worker_flows", "Entries of the worker's flow tables", &Flows::flows, &Flows::flows6},
        std::tuple{"weft_worker_flow_capacity", "Entries that the worker's flow tables have room for", &Flows::capacity,
                   &Flows::capacity6}}) {
    text.family(Type::kGauge, name, help);
    for (std::size_t i = 0; i < input.flows.workers.size(); ++i) {
      text.sample({{"worker", std::to_string(i)}, {"family", "ipv4"}}, std::uint64_t{input.flows.workers[i].*ipv4});
      text.sample({{"worker", std::to_string(i)}, {"family", "ipv6"}}, std::uint64_t{input.flows.workers[i].*ipv6});
    }
  }
}

void add_engine(OpenMetricsText& text, const MetricsInput& input) {
  text.family(Type::kInfo, "weft_build", "The weftd that answers");
  text.sample({{"version", input.version}});
  for (const auto& [word, state] : {std::pair{"running", InstanceState::kRunning}, {"stopped", InstanceState::kStopped}}) {
    if (state == InstanceState::kRunning) text.family(Type::kGauge, "weft_instances", "Instances by state");
    std::uint64_t count = 0;
    if (input.deployment)
      for (const Instance& instance : input.deployment->instances) count += instance.state == state ? 1U : 0U;
    text.sample({{"state", word}}, count);
  }
  for (const auto& field : kBalanceFields) {
    text.family(Type::kCounter, field.metric, field.help);
    text.sample({}, input.balance.*field.value);
  }
  text.family(Type::kGauge, kHeldField.metric, kHeldField.help);
  text.sample({}, input.balance.*kHeldField.value);
}

}  // namespace

std::string metrics_text(const MetricsInput& input) {
  const std::vector<Counted> ends = counted_ends(input);
  OpenMetricsText text;
  add_engine(text, input);
  add_workers(text, input);
  add_interfaces(text, ends);
  add_per_end(text, Type::kGauge, "weft_eni_flows", "Flows of which the interface is an end", ends, [&](const Counted& end) {
    const auto found = input.flows.of_enis.find(end.statistics.eni_id);
    return std::optional(found == input.flows.of_enis.end() ? std::uint64_t{0} : found->second);
  });
  add_drops(text, ends);
  add_ena(text, ends);
  add_efa(text, ends);
  add_allowances(text, input.deployment.get());
  return std::move(text).finish();
}

}  // namespace weft

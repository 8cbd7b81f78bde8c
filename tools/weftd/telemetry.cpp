#include "tools/weftd/telemetry.hpp"

#include <rte_telemetry.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <string>

#include "dataplane/control/json.hpp"
#include "dataplane/worker/statistics_table.hpp"

namespace weft {
namespace {

std::mutex asked_mutex;         // of the next
Controller* asked = nullptr;    // a callback has no argument of its own

/// DPDK wants letters, digits, '_' and '/' only.
std::string key_of(std::string_view name) {
  std::string key(name);
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

/// Numbers and texts of an object and of those inside. DPDK takes 256 entries of each, and leaves out what comes after.
void add_to(rte_tel_data* data, const Json& object) {
  for (const auto& [name, value] : object.items()) {
    const std::string key = key_of(name);
    if (value.is_number_unsigned()) rte_tel_data_add_dict_u64(data, key.c_str(), value.get<std::uint64_t>());
    else if (value.is_number_integer()) rte_tel_data_add_dict_int(data, key.c_str(), value.get<int>());
    else if (value.is_string()) rte_tel_data_add_dict_string(data, key.c_str(), value.get<std::string>().c_str());
    else if (value.is_object() && !value.empty()) {
      rte_tel_data* const inner = rte_tel_data_alloc();
      rte_tel_data_start_dict(inner);
      add_to(inner, value);
      if (rte_tel_data_add_dict_container(data, key.c_str(), inner, 0) != 0) rte_tel_data_free(inner);
    }
  }
}

void enis(Controller& controller, rte_tel_data* data) {
  rte_tel_data_start_array(data, RTE_TEL_STRING_VAL);
  for (const EniStatistics& one : controller.with_engine([](Engine& engine) { return engine.statistics(); }))
    rte_tel_data_add_array_string(data, one.eni_id.c_str());  // DPDK keeps the first 512
}

int eni(Controller& controller, const std::string& id, rte_tel_data* data) {
  const std::shared_ptr<const Deployment> deployment = controller.deployment();
  for (const EniStatistics& one : controller.with_engine([](Engine& engine) { return engine.statistics(); })) {
    if (one.eni_id != id) continue;
    rte_tel_data_start_dict(data);
    add_to(data, to_json(one, deployment.get()));
    return 0;
  }
  return -ENOENT;
}

void workers(Controller& controller, rte_tel_data* data) {
  rte_tel_data_start_dict(data);
  const auto [times, flows] =
      controller.with_engine([](Engine& engine) { return std::pair(engine.idle_times(), engine.flow_counts()); });
  for (std::size_t i = 0; i < times.size(); ++i) {
    Json worker = to_json(times[i]);
    worker["flows"] = flows.workers[i].flows;
    worker["flows6"] = flows.workers[i].flows6;
    add_to(data, Json{{std::to_string(i), worker}});
  }
}

/// The sums of all interfaces that are there.
void drops(Controller& controller, rte_tel_data* data) {
  rte_tel_data_start_dict(data);
  const std::vector<EniStatistics> all = controller.with_engine([](Engine& engine) { return engine.statistics(); });
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    std::uint64_t sum = 0;
    for (const EniStatistics& one : all) sum += one.drops[i];
    rte_tel_data_add_dict_u64(data, key_of(kDropNames[i]).c_str(), sum);
  }
}

/// No exception leaves a callback of C; DPDK answers null for an error.
template <auto Answer>
int answer(const char*, const char* parameters, rte_tel_data* data) noexcept try {
  std::lock_guard lock(asked_mutex);
  if (asked == nullptr) return -ENODEV;
  if constexpr (requires { Answer(*asked, std::string(), data); })
    return parameters == nullptr ? -EINVAL : Answer(*asked, parameters, data);
  else
    return Answer(*asked, data), 0;
} catch (const std::exception&) {
  return -ENOMEM;
}

void register_commands() {
  static const bool once = [] {
    rte_telemetry_register_cmd("/weft/enis", answer<enis>, "Ids of all interfaces. No parameters");
    rte_telemetry_register_cmd("/weft/eni", answer<eni>, "Counters of one interface. Parameters: its id (eni-...)");
    rte_telemetry_register_cmd("/weft/workers", answer<workers>, "Each worker's time and flows. No parameters");
    rte_telemetry_register_cmd("/weft/drops", answer<drops>, "Dropped packets by reason. No parameters");
    return true;
  }();
  (void)once;
}

}  // namespace

std::unique_ptr<Telemetry> Telemetry::start(Controller& controller) {
  register_commands();
  std::lock_guard lock(asked_mutex);
  asked = &controller;
  return std::unique_ptr<Telemetry>(new Telemetry);
}

Telemetry::~Telemetry() {
  std::lock_guard lock(asked_mutex);
  asked = nullptr;
}

}  // namespace weft

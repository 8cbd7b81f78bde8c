#include "dataplane/control/json_vf.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "dataplane/model/describe.hpp"
#include "dataplane/model/instance_types.hpp"
#include "dataplane/model/port_backend.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

std::uint64_t dropped_for(const EniStatistics& statistics, std::initializer_list<DropReason> reasons) {
  std::uint64_t sum = 0;
  for (const DropReason reason : reasons) sum += statistics.drops[static_cast<std::size_t>(reason)];
  return sum;
}

/// As `ip -s link show` counts them of a card's function.
Json counters_of(const EniStatistics& statistics) {
  std::uint64_t dropped = 0;
  for (const std::uint64_t count : statistics.drops) dropped += count;
  return {{"rx_packets", statistics.rx_packets},
          {"rx_bytes", statistics.rx_bytes},
          {"tx_packets", statistics.tx_packets},
          {"tx_bytes", statistics.tx_bytes},
          {"dropped", dropped},
          {"spoofed", dropped_for(statistics, {DropReason::kSpoofedMac, DropReason::kSpoofedIp})},
          {"over_rate", dropped_for(statistics, {DropReason::kVfRate})}};
}

Json function_of(const Eni& eni, const Instance& instance, const EniStatistics& statistics,
                 const Engine::PortState* port) {
  return {{"index", eni.vf.index},
          {"eni", eni.id},
          {"interface", label(eni)},
          {"instance", instance.name},
          {"mac", eni.mac.to_string()},
          {"host", {{"rack", instance.placement.rack}, {"host", instance.placement.host}}},
          {"port", eni.type == InterfaceType::kEfaOnly ? Json(nullptr) : Json(driver_name(eni.port.driver))},
          {"queues", port != nullptr ? port->queues : 0},
          {"spoof_check", eni.vf.spoof_check},
          {"trust", eni.vf.trust},
          {"link", vf_link_name(eni.vf.link)},
          {"link_up", port != nullptr && (eni.vf.link == VfLink::kAuto ? port->link_up : eni.vf.link_up())},
          {"max_tx_rate_mbps", eni.vf.max_tx_rate_mbps},
          {"min_tx_rate_mbps", 0},
          {"source_dest_check", eni.source_dest_check},
          {"network_card", eni.network_card},
          {"delete_on_termination", eni.delete_on_termination},
          {"description", eni.description},
          {"statistics", counters_of(statistics)}};
}

/// [[3, 3], [7, 65533]]: first and last of each run.
Json free_runs(std::vector<std::uint32_t> used) {
  std::sort(used.begin(), used.end());
  used.push_back(kVirtualFunctions);
  Json runs = Json::array();
  std::uint32_t next = 0;
  for (const std::uint32_t index : used) {
    if (index > next) runs.push_back({next, index - 1});
    next = index + 1;
  }
  return runs;
}

Error wrong(const char* field, const char* sentence) { return {"InvalidRequest", sentence, {"", 0, field}}; }

}  // namespace

Json virtual_functions_json(const Deployment& deployment, const std::vector<EniStatistics>& statistics,
                            const std::map<std::string, Engine::PortState>& ports) {
  std::map<std::string, const EniStatistics*> counted;
  for (const EniStatistics& one : statistics) counted[one.eni_id] = &one;
  static const EniStatistics kNothing;
  std::map<std::uint32_t, Json> functions;
  std::vector<std::uint32_t> used;
  Json instances = Json::array();
  for (const Instance& instance : deployment.instances) {
    const InstanceType* const type = find_instance_type(instance.type);
    instances.push_back({{"instance", instance.name},
                         {"type", instance.type},
                         {"interfaces", instance.enis.size()},
                         {"most_interfaces", type != nullptr ? Json(type->interfaces) : Json(nullptr)}});
    for (const Eni& eni : instance.enis) {
      const auto has = counted.find(eni.id);
      const auto port = ports.find(eni.id);
      functions[eni.vf.index] = function_of(eni, instance, has == counted.end() ? kNothing : *has->second,
                                            port == ports.end() ? nullptr : &port->second);
      used.push_back(eni.vf.index);
    }
  }
  Json list = Json::array();
  for (auto& [index, function] : functions) list.push_back(std::move(function));
  return {{"total", kVirtualFunctions}, {"functions", std::move(list)}, {"free", free_runs(std::move(used))},
          {"instances", std::move(instances)}};
}

Result<VfChange> vf_change_of(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return wrong("", "the body is no JSON object; docs/api.md shows what it should be");
  VfChange change;
  for (const auto& [key, value] : json.items()) {
    if (key == "interface" && value.is_string()) change.interface = value.get<std::string>();
    else if (key == "interface") return wrong("interface", "'interface' is no text");
    else if (key == "spoof_check" || key == "trust") {
      if (!value.is_boolean()) return Error{"InvalidRequest", fmt::format("'{}' is true or false", key), {"", 0, key}};
      (key == "trust" ? change.trust : change.spoof_check) = value.get<bool>();
    } else if (key == "link") {
      change.link = value.is_string() ? parse_vf_link(value.get<std::string>()) : std::nullopt;
      if (!change.link) return wrong("link", "'link' is auto, enable or disable");
    } else if (key == "rate") {
      const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
      change.max_tx_rate_mbps = parse_vf_rate(text);
      if (!change.max_tx_rate_mbps)
        return Error{"InvalidParameterValue", fmt::format("{} {}", in_quotes(text), kIsNoVfRate), {"", 0, "rate"}};
    } else {
      return Error{"InvalidRequest",
                   fmt::format("there is no field {}{}", in_quotes(key),
                               hint(key, {"interface", "rate", "spoof_check", "trust", "link"})),
                   {"", 0, key}};
    }
  }
  if (change.interface.empty()) return wrong("interface", "'interface' is missing");
  return change;
}

}  // namespace weft

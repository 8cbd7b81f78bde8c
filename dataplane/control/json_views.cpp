#include "dataplane/control/json.hpp"
#include "dataplane/net/headers.hpp"
#include "dataplane/worker/statistics_table.hpp"

namespace weft {

namespace {

/// {"eni", "instance"}, or null when there is none.
Json end_json(const std::string& eni_id, const Deployment* deployment) {
  if (eni_id.empty()) return nullptr;
  const Eni* eni = deployment ? deployment->find_eni(eni_id) : nullptr;
  return {{"eni", eni_id}, {"instance", eni ? eni->instance : ""}};
}

Json flow_end(const FlowView& flow, int end, const Deployment* deployment) {
  Json json = end_json(end == 0 ? flow.initiator_eni : flow.responder_eni, deployment);
  json["tracked"] = flow.tracked[end];
  json["packets"] = flow.packets[end];
  json["bytes"] = flow.bytes[end];
  return json;
}

Json efa_json(const EfaCounters& counters) {
  Json json = Json::object();
  for (const EfaHwCounter& counter : efa_hw_counters(counters)) json[counter.name] = counter.value;
  return json;
}

/// ENA's hardware metrics under their exact names, in the order of `ethtool -S` (facts ec2 5.3). The driver shows
/// conntrack_allowance_available only where the device reports it; here that is where the instance's connections are
/// limited. Those of ENA Express where the interface has it.
Json ena_json(const EniStatistics& statistics, const Eni& eni) {
  Json json = Json::object();
  const auto add = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) json[std::string(kEnaCounterNames[i])] = statistics.ena[i];
  };
  add(0, kAllowanceCounters);
  if (statistics.connections_limited)
    json[std::string(kConntrackAllowanceAvailable)] = statistics.conntrack_allowance_available;
  if (eni.ena_srd || eni.ena_srd_udp) {
    json[std::string(kEnaSrdMode)] = (eni.ena_srd ? 1 : 0) + (eni.ena_srd_udp ? 2 : 0);
    add(kAllowanceCounters, kEnaCounters);
  }
  return json;
}

}  // namespace

Json to_json(const PacketTuple& tuple) {
  Json json{{"protocol", protocol_text(tuple.protocol)},
            {"source", tuple.source.to_string()},
            {"destination", tuple.destination.to_string()}};
  if (tuple.protocol == kProtocolTcp || tuple.protocol == kProtocolUdp) {
    json["source_port"] = tuple.source_port;
    json["destination_port"] = tuple.destination_port;
  } else if (tuple.protocol == kProtocolIcmp || tuple.protocol == kProtocolIcmpv6) {
    json["icmp_type"] = tuple.destination_port >> 8;
    json["icmp_code"] = tuple.destination_port & 0xff;
  }
  return json;
}

Json to_json(const FlowView& flow, const Deployment* deployment) {
  return {{"tuple", to_json(flow.initiator_tuple)},
          {"initiator", flow_end(flow, 0, deployment)},
          {"responder", flow_end(flow, 1, deployment)},
          {"state", flow.state},
          {"idle_ms", flow.idle_ms}};
}

Json to_json(const DropView& drop, const Deployment* deployment, std::uint64_t now_ns) {
  Json tuple = nullptr;
  if (drop.efa)
    tuple = {{"source", drop.tuple.source.to_string()}, {"destination", drop.tuple.destination.to_string()}};
  else if (drop.tuple.source != IpAddress{} || drop.tuple.destination != IpAddress{})
    tuple = to_json(drop.tuple);
  return {{"age_ms", now_ns > drop.when_ns ? (now_ns - drop.when_ns) / 1'000'000 : 0},
          {"reason", name(drop.reason)},
          {"sentence", sentence(drop.reason)},
          {"source", end_json(drop.source_eni, deployment)},
          {"destination", end_json(drop.destination_eni, deployment)},
          {"tuple", std::move(tuple)},
          {"efa", drop.efa},
          {"count", drop.count}};
}

Json to_json(const EniStatistics& statistics, const Deployment* deployment) {
  Json json = end_json(statistics.eni_id, deployment);
  for (const auto& field : kEniFields) json[std::string(field.name)] = statistics.*field.value;
  json["drops"] = Json::object();
  for (std::size_t i = 0; i < kDropReasons; ++i)
    if (statistics.drops[i] != 0) json["drops"][std::string(kDropNames[i])] = statistics.drops[i];
  const Eni* eni = deployment ? deployment->find_eni(statistics.eni_id) : nullptr;
  if (eni && eni->type != InterfaceType::kEfaOnly) json["ena"] = ena_json(statistics, *eni);
  if (eni && eni->type != InterfaceType::kInterface) {
    json["efa"] = efa_json(statistics.efa);
    // No EFA has these: apart from its names.
    json["efa_fabric"] = {{"on_wire", statistics.efa.on_wire}, {"wire_drops", statistics.efa.wire_drops}};
  }
  return json;
}

Json to_json(const Balance& balance) {
  Json json{{"holds", balance.holds()}};
  for (const auto& field : kBalanceFields) json[std::string(field.name)] = balance.*field.value;
  json[std::string(kHeldField.name)] = balance.*kHeldField.value;
  return json;
}

Json to_json(const Engine::IdleTime& idle) { return {{"asleep_ns", idle.asleep_ns}, {"awake_ns", idle.awake_ns}}; }

}  // namespace weft

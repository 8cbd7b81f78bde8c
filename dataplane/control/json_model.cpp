// Interfaces, instances, and the whole deployment as JSON; errors and changes.
#include "dataplane/control/json.hpp"
#include "dataplane/model/vf.hpp"
#include "dataplane/model/describe.hpp"

namespace weft {

namespace {

template <typename T>
Json texts(const std::vector<T>& values) {
  Json list = Json::array();
  for (const T& value : values) list.push_back(value.to_string());
  return list;
}

Json seconds_or_null(const std::optional<int>& seconds) { return seconds ? Json(*seconds) : Json(nullptr); }

const char* enabled_or_disabled(bool enabled) { return enabled ? "enabled" : "disabled"; }

template <typename List, typename... Context>
Json each(const List& list, const Context&... context) {
  Json json = Json::array();
  for (const auto& element : list) json.push_back(to_json(element, context...));
  return json;
}

Json error_body(const Error& error) {
  Json body{{"code", error.code}, {"message", error.message}};
  if (!error.where.file.empty()) body["where"]["file"] = error.where.file;
  if (error.where.line > 0) body["where"]["line"] = error.where.line;
  if (!error.where.key.empty()) body["where"]["key"] = error.where.key;
  return body;
}

}  // namespace

Json to_json(const PortBackend& port) {
  return {{"driver", driver_name(port.driver)},
          {"device", port.device},
          {"socket", port.socket},
          {"mode", port.server ? "server" : "client"},
          {"id", port.id},
          {"queues", port.queues}};
}

Json to_json(const Eni& eni, const Deployment& deployment) {
  const Subnet* subnet = deployment.find_subnet(eni.subnet);
  return {{"id", eni.id},
          {"name", eni.name},
          {"status", eni.instance.empty() ? "available" : "in-use"},
          {"instance", eni.instance},
          {"device_index", eni.device_index},
          {"network_card", eni.network_card},
          {"delete_on_termination", eni.delete_on_termination},
          {"subnet", eni.subnet},
          {"az", subnet ? subnet->az : ""},
          {"type", interface_type_name(eni.type)},
          {"mac", eni.mac.to_string()},
          {"private_ip", address_or_null(eni.private_ip)},
          {"secondary_private_ips", texts(eni.secondary_private_ips)},
          {"ipv6_addresses", texts(eni.ipv6_addresses)},
          {"prefixes", texts(eni.prefixes)},
          {"public_ip_wanted", eni.public_ip_wanted},
          {"public_ip", eni.public_ip ? Json(eni.public_ip->to_string()) : Json(nullptr)},
          {"security_groups", eni.security_groups},
          {"source_dest_check", eni.source_dest_check},
          {"enable_frag_bypass", eni.enable_frag_bypass},
          {"ena_srd", eni.ena_srd},
          {"ena_srd_udp", eni.ena_srd_udp},
          {"description", eni.description},
          {"port", to_json(eni.port)},
          {"connection_tracking",
           {{"tcp_established_timeout", seconds_or_null(eni.connection_tracking.tcp_established_timeout)},
            {"udp_timeout", seconds_or_null(eni.connection_tracking.udp_timeout)},
            {"udp_stream_timeout", seconds_or_null(eni.connection_tracking.udp_stream_timeout)}}},
          {"vf",
           {{"index", eni.vf.index},
            {"spoof_check", eni.vf.spoof_check},
            {"trust", eni.vf.trust},
            {"link", vf_link_name(eni.vf.link)},
            {"max_tx_rate_mbps", eni.vf.max_tx_rate_mbps},
            {"declared",
             {{"spoof_check", eni.vf.declared.spoof_check},
              {"trust", eni.vf.declared.trust},
              {"link", vf_link_name(eni.vf.declared.link)},
              {"max_tx_rate_mbps", eni.vf.declared.max_tx_rate_mbps}}}}}};
}

Json to_json(const Instance& instance, const Deployment& deployment) {
  return {{"id", instance.id},
          {"name", instance.name},
          {"state", instance.state == InstanceState::kRunning ? "running" : "stopped"},
          {"starts", instance.starts},
          {"type", instance.type},
          {"placement_group", instance.placement_group},
          {"placement",
           {{"rack", instance.placement.rack},
            {"host", instance.placement.host},
            {"partition", instance.placement.partition}}},
          {"allowances",
           {{"baseline_gbps", instance.allowances.baseline_gbps},
            {"peak_gbps", instance.allowances.peak_gbps},
            {"pps", instance.allowances.pps},
            {"connections", instance.allowances.connections},
            {"flow_gbps", instance.allowances.flow_gbps}}},
          {"metadata_options",
           {{"http_tokens", instance.metadata_options.tokens_required ? "required" : "optional"},
            {"http_put_response_hop_limit", instance.metadata_options.put_response_hop_limit},
            {"http_endpoint", enabled_or_disabled(instance.metadata_options.endpoint_enabled)},
            {"http_protocol_ipv6", enabled_or_disabled(instance.metadata_options.ipv6_enabled)}}},
          {"interfaces", each(instance.enis, deployment)}};
}

Json to_json(const Deployment& deployment) {
  const auto& gateway = deployment.internet_gateway;
  return {{"vpc", vpc_json(deployment)},
          {"hosts",
           {{"racks_per_zone", deployment.hosts.racks_per_zone}, {"hosts_per_rack", deployment.hosts.hosts_per_rack}}},
          {"internet_gateway", gateway ? to_json(*gateway) : Json(nullptr)},
          {"prefix_lists", each(deployment.prefix_lists)},
          {"route_tables", each(deployment.route_tables, deployment)},
          {"network_acls", each(deployment.network_acls, deployment)},
          {"subnets", each(deployment.subnets)},
          {"placement_groups", each(deployment.placement_groups)},
          {"security_groups", each(deployment.security_groups, deployment)},
          {"instances", each(deployment.instances, deployment)},
          {"available_interfaces", each(deployment.available_enis, deployment)},
          {"elastic_ips", each(deployment.elastic_ips, deployment)},
          {"flow_logs", each(deployment.flow_logs, deployment)},
          {"fabric", to_json(deployment.layout)},
          {"faults", faults_json(deployment)}};
}

Json to_json(const Error& error) {
  Json body = error_body(error);
  if (!error.others.empty()) {
    body["errors"].push_back(error_body(error));
    for (const Error& other : error.others) body["errors"].push_back(error_body(other));
  }
  return {{"error", std::move(body)}};
}

Json to_json(const Change& change) {
  static constexpr const char* kKinds[] = {"add", "change", "remove"};
  return {{"kind", kKinds[static_cast<int>(change.kind)]},
          {"resource", change.resource},
          {"name", change.name},
          {"id", change.id},
          {"details", change.details}};
}

}  // namespace weft

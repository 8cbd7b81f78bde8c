#include "dataplane/control/json_parse.hpp"
#include "dataplane/model/vf.hpp"

namespace weft {
namespace json_parse {
namespace {

constexpr int kMostSeconds = 432'000;

std::optional<int> seconds_of(const Json& json, const char* field) {
  if (json.at(field).is_null()) return std::nullopt;
  return number_of<int>(json, field, 1, kMostSeconds);
}

VfSettings vf_settings_of(const Json& json) {
  VfSettings settings;
  settings.spoof_check = truth_of(json, "spoof_check");
  settings.trust = truth_of(json, "trust");
  settings.link = word_of<VfLink>(
      json, "link", {{"auto", VfLink::kAuto}, {"enable", VfLink::kEnable}, {"disable", VfLink::kDisable}});
  settings.max_tx_rate_mbps = number_of<std::uint32_t>(json, "max_tx_rate_mbps", 0, kMostVfRateMbps);
  return settings;
}

VirtualFunction vf_of(const Json& json) {
  VirtualFunction vf;
  static_cast<VfSettings&>(vf) = vf_settings_of(json);
  vf.index = number_of<std::uint32_t>(json, "index");
  vf.declared = vf_settings_of(json.at("declared"));
  return vf;
}

Eni eni_of(const Json& json) {
  Eni eni;
  eni.id = text_of(json, "id");
  eni.name = text_of(json, "name");
  eni.instance = text_of(json, "instance");
  eni.device_index = number_of<int>(json, "device_index");
  eni.network_card = number_of<int>(json, "network_card");
  eni.delete_on_termination = truth_of(json, "delete_on_termination");
  eni.subnet = text_of(json, "subnet");
  eni.type = word_of<InterfaceType>(json, "type",
                                    {{"interface", InterfaceType::kInterface},
                                     {"efa", InterfaceType::kEfa},
                                     {"efa-only", InterfaceType::kEfaOnly}});
  eni.mac = parsed<MacAddress>(json.at("mac"));
  eni.private_ip = parsed_or_null<IpAddress>(json.at("private_ip")).value_or(IpAddress{});
  eni.secondary_private_ips = parsed_list<IpAddress>(json, "secondary_private_ips");
  eni.ipv6_addresses = parsed_list<IpAddress>(json, "ipv6_addresses");
  eni.prefixes = parsed_list<IpPrefix>(json, "prefixes");
  eni.public_ip_wanted = truth_of(json, "public_ip_wanted");
  eni.public_ip = parsed_or_null<IpAddress>(json.at("public_ip"));
  for (const Json& group : list_of(json, "security_groups")) eni.security_groups.push_back(group.get<std::string>());
  eni.source_dest_check = truth_of(json, "source_dest_check");
  eni.enable_frag_bypass = truth_of(json, "enable_frag_bypass");
  eni.ena_srd = truth_of(json, "ena_srd");
  eni.ena_srd_udp = truth_of(json, "ena_srd_udp");
  eni.description = text_of(json, "description");
  const Json& tracking = json.at("connection_tracking");
  eni.connection_tracking.tcp_established_timeout = seconds_of(tracking, "tcp_established_timeout");
  eni.connection_tracking.udp_timeout = seconds_of(tracking, "udp_timeout");
  eni.connection_tracking.udp_stream_timeout = seconds_of(tracking, "udp_stream_timeout");
  eni.vf = vf_of(json.at("vf"));
  eni.port = port_of(json.at("port"));
  return eni;
}

MetadataOptions metadata_options_of(const Json& json) {
  const auto enabled = [&](const char* field) {
    return word_of<bool>(json, field, {{"enabled", true}, {"disabled", false}});
  };
  MetadataOptions options;
  options.tokens_required = word_of<bool>(json, "http_tokens", {{"required", true}, {"optional", false}});
  options.put_response_hop_limit = number_of<int>(json, "http_put_response_hop_limit", 1, 64);
  options.endpoint_enabled = enabled("http_endpoint");
  options.ipv6_enabled = enabled("http_protocol_ipv6");
  return options;
}

Instance instance_of(const Json& json) {
  Instance instance;
  instance.id = text_of(json, "id");
  instance.name = text_of(json, "name");
  instance.state =
      word_of<InstanceState>(json, "state", {{"running", InstanceState::kRunning}, {"stopped", InstanceState::kStopped}});
  instance.starts = number_of<std::uint32_t>(json, "starts", 0, UINT32_MAX);
  instance.type = text_of(json, "type");
  instance.placement_group = text_of(json, "placement_group");
  const Json& placement = json.at("placement");
  instance.placement = {number_of<int>(placement, "rack"), number_of<int>(placement, "host"),
                        number_of<int>(placement, "partition")};
  const Json& allowances = json.at("allowances");
  instance.allowances = {rate_of(allowances, "baseline_gbps"), rate_of(allowances, "peak_gbps"),
                         number_of<std::uint64_t>(allowances, "pps", 0, INT64_MAX),
                         number_of<std::uint64_t>(allowances, "connections", 0, INT64_MAX),
                         rate_of(allowances, "flow_gbps")};
  instance.metadata_options = metadata_options_of(json.at("metadata_options"));
  for (const Json& eni : list_of(json, "interfaces")) instance.enis.push_back(eni_of(eni));
  return instance;
}

template <typename T, typename Read>
void read_each(const Json& json, const char* field, std::vector<T>& into, Read read) {
  for (const Json& one : list_of(json, field)) into.push_back(read(one));
}

constexpr int kMostMachines = 256;  // as many racks, and hosts of a rack, as a topology may say

}  // namespace

PortBackend port_of(const Json& json) {
  using Driver = PortBackend::Driver;
  PortBackend port;
  port.driver = word_of<Driver>(json, "driver",
                                {{"tap", Driver::kTap},
                                 {"vhost-user", Driver::kVhostUser},
                                 {"ethdev", Driver::kEthdev},
                                 {"memif", Driver::kMemif}});
  port.device = text_of(json, "device");
  port.socket = text_of(json, "socket");
  port.server = word_of<bool>(json, "mode", {{"server", true}, {"client", false}});
  port.id = number_of<std::uint32_t>(json, "id");
  port.queues = number_of<std::uint16_t>(json, "queues", 1, kMostQueues);
  return port;
}
}  // namespace json_parse

Result<Deployment> deployment_from_json(const std::string& text) try {
  using namespace json_parse;
  const Json json = Json::parse(text);
  Deployment deployment;
  read_vpc(json.at("vpc"), deployment);
  deployment.hosts = {number_of<int>(json.at("hosts"), "racks_per_zone", 0, kMostMachines),
                      number_of<int>(json.at("hosts"), "hosts_per_rack", 0, kMostMachines)};
  if (const Json& gateway = json.at("internet_gateway"); !gateway.is_null())
    deployment.internet_gateway = internet_gateway_of(gateway);
  read_each(json, "prefix_lists", deployment.prefix_lists, prefix_list_of);
  read_each(json, "route_tables", deployment.route_tables, route_table_of);
  read_each(json, "network_acls", deployment.network_acls, acl_of);
  read_each(json, "subnets", deployment.subnets, subnet_of);
  read_each(json, "placement_groups", deployment.placement_groups, placement_group_of);
  read_each(json, "security_groups", deployment.security_groups, group_of);
  read_each(json, "instances", deployment.instances, instance_of);
  read_each(json, "available_interfaces", deployment.available_enis, eni_of);
  read_each(json, "elastic_ips", deployment.elastic_ips, elastic_ip_of);
  read_each(json, "flow_logs", deployment.flow_logs, flow_log_of);
  deployment.layout = layout_of(json.at("fabric"));
  read_faults(json, deployment);
  check_names(deployment);
  return deployment;
} catch (const std::exception& e) {
  return Error{"InternalError", fmt::format("the saved state is damaged: {}", e.what()), {}};
}

}  // namespace weft

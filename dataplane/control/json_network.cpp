// The VPC, subnets, routes, the internet gateway and Elastic IPs as JSON.
#include "dataplane/control/json.hpp"
#include "dataplane/model/flow_logs.hpp"

namespace weft {
namespace {

const char* strategy_text(PlacementStrategy strategy) {
  switch (strategy) {
    case PlacementStrategy::kCluster: return "cluster";
    case PlacementStrategy::kSpread: return "spread";
    case PlacementStrategy::kPartition: return "partition";
  }
  return "";
}

const char* target_text(RouteTargetKind target) {
  switch (target) {
    case RouteTargetKind::kLocal: return "local";
    case RouteTargetKind::kInternetGateway: return "internet_gateway";
    case RouteTargetKind::kInterface: return "interface";
    case RouteTargetKind::kBlackhole: return "blackhole";
  }
  return "";
}

Json route_json(const Route& route) {
  // EC2 says "blackhole" of a route whose target is gone, too.
  const bool lost = route.target == RouteTargetKind::kBlackhole ||
                    (route.target == RouteTargetKind::kInterface && route.eni_id.empty());
  Json json{{"destination", route.destination.to_string()}, {"target", target_text(route.target)}};
  if (route.target == RouteTargetKind::kInterface) json["eni"] = route.eni_id;
  json["state"] = lost ? "blackhole" : "active";
  if (route.line > 0) json["line"] = route.line;
  return json;
}

}  // namespace

Json address_or_null(const IpAddress& address) {
  return address == IpAddress{} ? Json(nullptr) : Json(address.to_string());
}

Json vpc_json(const Deployment& deployment) {
  auto servers = [](const std::vector<Ipv4Address>& addresses) {
    Json list = Json::array();
    for (const Ipv4Address& address : addresses) list.push_back(address.to_string());
    return list;
  };
  const DhcpOptions& dhcp = deployment.dhcp;
  const auto& ipv6 = deployment.vpc_ipv6_cidr;
  Json parameters = Json::object();
  for (const NumberParameter& one : kNumberParameters)
    parameters[std::string(one.key)] = deployment.parameters.*one.value;
  for (const SwitchParameter& one : kSwitchParameters)
    parameters[std::string(one.key)] = deployment.parameters.*one.value;
  return {{"id", deployment.vpc_id},
          {"cidr", deployment.vpc_cidr.to_string()},
          {"ipv6_cidr", ipv6 ? Json(ipv6->to_string()) : Json(nullptr)},
          {"dns_support", deployment.dns_support},
          {"dhcp",
           {{"domain_name", dhcp.domain_name},
            {"domain_name_servers", servers(dhcp.domain_name_servers)},
            {"ntp_servers", servers(dhcp.ntp_servers)}}},
          {"parameters", std::move(parameters)}};
}

Json to_json(const Subnet& subnet) {
  return {{"id", subnet.id},
          {"name", subnet.name},
          {"cidr", subnet.cidr.to_string()},
          {"ipv6_cidr", subnet.ipv6_cidr ? Json(subnet.ipv6_cidr->to_string()) : Json(nullptr)},
          {"az", subnet.az},
          {"router", subnet.router().to_string()},
          {"route_table", subnet.route_table},
          {"network_acl", subnet.network_acl},
          {"map_public_ip_on_launch", subnet.map_public_ip_on_launch}};
}

Json to_json(const PlacementGroup& group) {
  return {{"id", group.id},
          {"name", group.name},
          {"strategy", strategy_text(group.strategy)},
          {"partition_count", group.partition_count}};
}

Json to_json(const RouteTable& table, const Deployment& deployment) {
  Json subnets = Json::array(), routes = Json::array();
  for (const Subnet& subnet : deployment.subnets)
    if (subnet.route_table == table.name) subnets.push_back(subnet.name);
  for (const Route& route : table.routes) routes.push_back(route_json(route));
  return {{"id", table.id},
          {"name", table.name},
          {"main", table.main},
          {"subnets", std::move(subnets)},
          {"routes", std::move(routes)}};
}

Json to_json(const InternetGateway& gateway) {
  Json addresses = Json::array();
  for (const IpAddress& address : gateway.addresses) addresses.push_back(address.to_string());
  return {{"id", gateway.id},
          {"guest", gateway.guest},
          {"mac", gateway.mac.to_string()},
          {"addresses", std::move(addresses)},
          {"public_pool", gateway.public_pool.to_string()},
          {"port", to_json(gateway.port)}};
}

Json to_json(const ElasticIp& elastic, const Deployment& deployment) {
  const Eni* eni = deployment.find_eni(elastic.eni_id);
  return {{"id", elastic.id},
          {"association_id", elastic.association_id},
          {"name", elastic.name},
          {"address", elastic.address.to_string()},
          {"eni", elastic.eni_id},
          {"instance", eni ? eni->instance : ""},
          {"private_ip", address_or_null(elastic.private_ip)}};
}

Json to_json(const FlowLog& log, const Deployment& deployment) {
  return {{"id", log.id},
          {"name", log.name},
          {"resource_type", resource_type_name(log)},
          {"resource_id", log.resource_id},
          {"resource", resource_label(log, deployment)},
          {"traffic_type", traffic_type_name(log.traffic_type)},
          {"max_aggregation_interval", log.max_aggregation_interval},
          {"log_format", log.log_format},
          {"destination", log.destination}};
}

}  // namespace weft

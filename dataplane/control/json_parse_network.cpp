#include "dataplane/control/json_parse.hpp"
#include "dataplane/observe/flow_log_format.hpp"

namespace weft::json_parse {
namespace {

Route route_of(const Json& json) {
  Route route;
  route.destination = parsed<IpPrefix>(json.at("destination"));
  route.target = word_of<RouteTargetKind>(json, "target",
                                          {{"local", RouteTargetKind::kLocal},
                                           {"internet_gateway", RouteTargetKind::kInternetGateway},
                                           {"interface", RouteTargetKind::kInterface},
                                           {"blackhole", RouteTargetKind::kBlackhole}});
  if (route.target == RouteTargetKind::kInterface) route.eni_id = text_of(json, "eni");
  if (json.contains("line")) route.line = number_of<int>(json, "line");
  return route;
}

}  // namespace

void read_vpc(const Json& json, Deployment& deployment) {
  deployment.vpc_id = text_of(json, "id");
  deployment.vpc_cidr = parsed<IpPrefix>(json.at("cidr"));
  deployment.vpc_ipv6_cidr = parsed_or_null<IpPrefix>(json.at("ipv6_cidr"));
  deployment.dns_support = truth_of(json, "dns_support");
  const Json& dhcp = json.at("dhcp");
  deployment.dhcp.domain_name = text_of(dhcp, "domain_name");
  deployment.dhcp.domain_name_servers = parsed_list<Ipv4Address>(dhcp, "domain_name_servers");
  deployment.dhcp.ntp_servers = parsed_list<Ipv4Address>(dhcp, "ntp_servers");
  const Json& parameters = json.at("parameters");
  for (const NumberParameter& one : kNumberParameters)
    deployment.parameters.*one.value =
        number_of<int>(parameters, std::string(one.key).c_str(), one.least, one.most);
  for (const SwitchParameter& one : kSwitchParameters)
    deployment.parameters.*one.value = truth_of(parameters, std::string(one.key).c_str());
}

Subnet subnet_of(const Json& json) {
  Subnet subnet;
  subnet.id = text_of(json, "id");
  subnet.name = text_of(json, "name");
  subnet.cidr = parsed<IpPrefix>(json.at("cidr"));
  subnet.ipv6_cidr = parsed_or_null<IpPrefix>(json.at("ipv6_cidr"));
  subnet.az = text_of(json, "az");
  subnet.route_table = text_of(json, "route_table");
  subnet.network_acl = text_of(json, "network_acl");
  subnet.map_public_ip_on_launch = truth_of(json, "map_public_ip_on_launch");
  return subnet;
}

PlacementGroup placement_group_of(const Json& json) {
  PlacementGroup group;
  group.id = text_of(json, "id");
  group.name = text_of(json, "name");
  group.strategy = word_of<PlacementStrategy>(json, "strategy",
                                              {{"cluster", PlacementStrategy::kCluster},
                                               {"spread", PlacementStrategy::kSpread},
                                               {"partition", PlacementStrategy::kPartition}});
  group.partition_count = number_of<int>(json, "partition_count");
  return group;
}

RouteTable route_table_of(const Json& json) {
  RouteTable table;
  table.id = text_of(json, "id");
  table.name = text_of(json, "name");
  table.main = truth_of(json, "main");
  for (const Json& route : list_of(json, "routes")) table.routes.push_back(route_of(route));
  return table;
}

InternetGateway internet_gateway_of(const Json& json) {
  InternetGateway gateway;
  gateway.id = text_of(json, "id");
  gateway.guest = text_of(json, "guest");
  gateway.mac = parsed<MacAddress>(json.at("mac"));
  gateway.addresses = parsed_list<IpAddress>(json, "addresses");
  gateway.public_pool = parsed<IpPrefix>(json.at("public_pool"));
  gateway.port = port_of(json.at("port"));
  return gateway;
}

ElasticIp elastic_ip_of(const Json& json) {
  ElasticIp elastic;
  elastic.id = text_of(json, "id");
  elastic.association_id = text_of(json, "association_id");
  elastic.name = text_of(json, "name");
  elastic.address = parsed<IpAddress>(json.at("address"));
  elastic.eni_id = text_of(json, "eni");
  elastic.private_ip = parsed_or_null<IpAddress>(json.at("private_ip")).value_or(IpAddress{});
  return elastic;
}

FlowLog flow_log_of(const Json& json) {
  FlowLog log;
  log.id = text_of(json, "id");
  log.name = text_of(json, "name");
  log.resource_id = text_of(json, "resource_id");
  log.traffic_type = word_of<TrafficType>(
      json, "traffic_type",
      {{"ACCEPT", TrafficType::kAccept}, {"REJECT", TrafficType::kReject}, {"ALL", TrafficType::kAll}});
  log.max_aggregation_interval = number_of<int>(json, "max_aggregation_interval", 60, 600);
  if (log.max_aggregation_interval != 60 && log.max_aggregation_interval != 600)
    damaged("'max_aggregation_interval' is neither 60 nor 600");
  log.log_format = text_of(json, "log_format");
  if (const Result<FlowLogFormat> format = parse_flow_log_format(log.log_format); !format)
    damaged(format.error().message);
  log.destination = text_of(json, "destination");
  return log;
}

}  // namespace weft::json_parse

#include <fmt/format.h>

#include <stdexcept>

#include "dataplane/control/json.hpp"

namespace weft {

namespace {

// A wrong state is reported by exception up to deployment_from_json(), as nlohmann's own accessors do.
template <typename T>
T parsed(std::optional<T> value, const std::string& text, const char* what) {
  if (!value) throw std::runtime_error(fmt::format("'{}' is no {}", text, what));
  return *value;
}

const Json& list_of(const Json& json, const char* field) {
  const Json& list = json.at(field);
  if (!list.is_array()) throw std::runtime_error(fmt::format("'{}' is no list", field));
  return list;
}

IpPrefix prefix_of(const Json& json) {
  const std::string text = json.get<std::string>();
  return parsed(IpPrefix::parse(text), text, "CIDR block");
}

RuleDeclaration rule_of(const Json& json) {
  RuleDeclaration rule;
  const std::string protocol = json.at("protocol").get<std::string>();
  rule.protocol = parsed(protocol_from_text(protocol), protocol, "protocol");
  const char* low = json.contains("icmp_type") ? "icmp_type" : "from_port";
  const char* high = json.contains("icmp_type") ? "icmp_code" : "to_port";
  rule.from_port = json.value(low, -1);
  rule.to_port = json.value(high, -1);
  if (json.contains("cidr"))
    rule.peer = prefix_of(json.at("cidr"));
  else
    rule.peer = GroupReference{json.at("group").get<std::string>()};
  rule.description = json.at("description").get<std::string>();
  rule.line = json.value("line", 0);
  return rule;
}

SecurityGroup group_of(const Json& json) {
  SecurityGroup group;
  group.id = json.at("id").get<std::string>();
  group.name = json.at("name").get<std::string>();
  group.description = json.at("description").get<std::string>();
  for (const Json& rule : list_of(json, "ingress")) group.ingress.push_back(rule_of(rule));
  for (const Json& rule : list_of(json, "egress")) group.egress.push_back(rule_of(rule));
  return group;
}

PlacementGroup placement_group_of(const Json& json) {
  const std::string strategy = json.at("strategy").get<std::string>();
  PlacementGroup group{json.at("id").get<std::string>(), json.at("name").get<std::string>(), {}};
  if (strategy == "cluster")
    group.strategy = PlacementStrategy::kCluster;
  else if (strategy == "spread")
    group.strategy = PlacementStrategy::kSpread;
  else if (strategy == "partition")
    group.strategy = PlacementStrategy::kPartition;
  else
    throw std::runtime_error(fmt::format("'{}' is no placement strategy", strategy));
  return group;
}

Eni eni_of(const Json& json) {
  Eni eni;
  eni.id = json.at("id").get<std::string>();
  eni.instance = json.at("instance").get<std::string>();
  eni.device_index = json.at("device_index").get<int>();
  eni.subnet = json.at("subnet").get<std::string>();
  eni.type = json.at("type") == "efa" ? InterfaceType::kEfa : InterfaceType::kInterface;
  const std::string mac = json.at("mac").get<std::string>();
  eni.mac = parsed(MacAddress::parse(mac), mac, "MAC address");
  const std::string address = json.at("private_ip").get<std::string>();
  eni.private_ip = parsed(IpAddress::parse(address), address, "IP address");
  eni.security_groups = json.at("security_groups").get<std::vector<std::string>>();
  eni.source_dest_check = json.at("source_dest_check").get<bool>();
  const Json& vf = json.at("vf");
  eni.vf.index = vf.at("index").get<std::uint32_t>();
  eni.vf.spoof_check = vf.at("spoof_check").get<bool>();
  eni.vf.trust = vf.at("trust").get<bool>();
  eni.vf.link_up = vf.at("link_up").get<bool>();
  eni.vf.max_tx_rate_mbps = vf.at("max_tx_rate_mbps").get<std::uint32_t>();
  return eni;
}

Instance instance_of(const Json& json) {
  Instance instance;
  instance.id = json.at("id").get<std::string>();
  instance.name = json.at("name").get<std::string>();
  instance.type = json.at("type").get<std::string>();
  instance.placement_group = json.at("placement_group").get<std::string>();
  for (const Json& eni : list_of(json, "interfaces")) instance.enis.push_back(eni_of(eni));
  return instance;
}

}  // namespace

Result<Deployment> deployment_from_json(const std::string& text) try {
  const Json json = Json::parse(text);
  Deployment deployment;
  deployment.vpc_id = json.at("vpc").at("id").get<std::string>();
  deployment.vpc_cidr = prefix_of(json.at("vpc").at("cidr"));
  for (const Json& subnet : list_of(json, "subnets"))
    deployment.subnets.push_back({subnet.at("id").get<std::string>(), subnet.at("name").get<std::string>(),
                                  prefix_of(subnet.at("cidr")), subnet.at("az").get<std::string>()});
  for (const Json& group : list_of(json, "placement_groups"))
    deployment.placement_groups.push_back(placement_group_of(group));
  for (const Json& group : list_of(json, "security_groups")) deployment.security_groups.push_back(group_of(group));
  for (const Json& instance : list_of(json, "instances")) deployment.instances.push_back(instance_of(instance));
  return deployment;
} catch (const std::exception& e) {
  return Error{"InternalError", fmt::format("the saved state is damaged: {}", e.what()), {}};
}

}  // namespace weft

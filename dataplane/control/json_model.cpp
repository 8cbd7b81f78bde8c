#include <algorithm>

#include "dataplane/control/json.hpp"
#include "dataplane/net/headers.hpp"

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

Json rule_json(const RuleDeclaration& rule, const Deployment& deployment) {
  Json json{{"protocol", protocol_text(rule.protocol)}};
  if (rule.protocol == kProtocolTcp || rule.protocol == kProtocolUdp) {
    json["from_port"] = rule.from_port;
    json["to_port"] = rule.to_port;
  } else if (rule.protocol == kProtocolIcmp) {
    json["icmp_type"] = rule.from_port;
    json["icmp_code"] = rule.to_port;
  }
  if (const auto* prefix = std::get_if<IpPrefix>(&rule.peer)) {
    json["cidr"] = prefix->to_string();
  } else {
    const std::string& name = std::get<GroupReference>(rule.peer).name;
    const SecurityGroup* group = deployment.find_security_group(name);
    json["group"] = name;
    json["group_id"] = group ? group->id : "";
  }
  json["description"] = rule.description;
  if (rule.line > 0) json["line"] = rule.line;
  return json;
}

Json rules_json(const std::vector<RuleDeclaration>& rules, const Deployment& deployment) {
  Json list = Json::array();
  for (const RuleDeclaration& rule : rules) list.push_back(rule_json(rule, deployment));
  return list;
}

Json error_body(const Error& error) {
  Json body{{"code", error.code}, {"message", error.message}};
  if (!error.where.file.empty()) body["where"]["file"] = error.where.file;
  if (error.where.line > 0) body["where"]["line"] = error.where.line;
  if (!error.where.key.empty()) body["where"]["key"] = error.where.key;
  return body;
}

}  // namespace

std::string protocol_text(IpProtocol protocol) {
  switch (protocol) {
    case kAllProtocols: return "all";
    case kProtocolIcmp: return "icmp";
    case kProtocolTcp: return "tcp";
    case kProtocolUdp: return "udp";
    default: return std::to_string(protocol);
  }
}

std::optional<IpProtocol> protocol_from_text(const std::string& text) {
  if (text == "all" || text == "-1") return kAllProtocols;
  if (text == "icmp") return kProtocolIcmp;
  if (text == "tcp") return kProtocolTcp;
  if (text == "udp") return kProtocolUdp;
  if (text.empty() || text.size() > 3 || !std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; }))
    return {};
  int number = std::stoi(text);
  if (number > 255) return {};
  return number;
}

Json to_json(const Eni& eni, const Deployment& deployment) {
  const Subnet* subnet = deployment.find_subnet(eni.subnet);
  return {{"id", eni.id},
          {"instance", eni.instance},
          {"device_index", eni.device_index},
          {"subnet", eni.subnet},
          {"az", subnet ? subnet->az : ""},
          {"type", eni.type == InterfaceType::kEfa ? "efa" : "interface"},
          {"mac", eni.mac.to_string()},
          {"private_ip", eni.private_ip.to_string()},
          {"security_groups", eni.security_groups},
          {"source_dest_check", eni.source_dest_check},
          {"vf",
           {{"index", eni.vf.index},
            {"spoof_check", eni.vf.spoof_check},
            {"trust", eni.vf.trust},
            {"link_up", eni.vf.link_up},
            {"max_tx_rate_mbps", eni.vf.max_tx_rate_mbps}}}};
}

Json to_json(const Instance& instance, const Deployment& deployment) {
  Json interfaces = Json::array();
  for (const Eni& eni : instance.enis) interfaces.push_back(to_json(eni, deployment));
  return {{"id", instance.id},
          {"name", instance.name},
          {"type", instance.type},
          {"placement_group", instance.placement_group},
          {"interfaces", std::move(interfaces)}};
}

Json to_json(const SecurityGroup& group, const Deployment& deployment) {
  Json members = Json::array();
  for (const Instance& instance : deployment.instances)
    for (const Eni& eni : instance.enis)
      if (std::ranges::find(eni.security_groups, group.name) != eni.security_groups.end()) members.push_back(eni.id);
  return {{"id", group.id},
          {"name", group.name},
          {"description", group.description},
          {"interfaces", std::move(members)},
          {"ingress", rules_json(group.ingress, deployment)},
          {"egress", rules_json(group.egress, deployment)}};
}

Json to_json(const Deployment& deployment) {
  Json json{{"vpc", {{"id", deployment.vpc_id}, {"cidr", deployment.vpc_cidr.to_string()}}}};
  for (const char* list : {"subnets", "placement_groups", "security_groups", "instances"}) json[list] = Json::array();
  for (const Subnet& subnet : deployment.subnets)
    json["subnets"].push_back({{"id", subnet.id},
                               {"name", subnet.name},
                               {"cidr", subnet.cidr.to_string()},
                               {"az", subnet.az},
                               {"router", subnet.router().to_string()}});
  for (const PlacementGroup& group : deployment.placement_groups)
    json["placement_groups"].push_back(
        {{"id", group.id}, {"name", group.name}, {"strategy", strategy_text(group.strategy)}});
  for (const SecurityGroup& group : deployment.security_groups)
    json["security_groups"].push_back(to_json(group, deployment));
  for (const Instance& instance : deployment.instances) json["instances"].push_back(to_json(instance, deployment));
  return json;
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

#include <algorithm>

#include "dataplane/control/json_parse.hpp"
#include "dataplane/model/faults.hpp"

namespace weft::json_parse {
namespace {

void require(bool there, const std::string& who, const char* what, const std::string& name) {
  if (!there) damaged(fmt::format("{} names the {} '{}', which there is not", who, what, name));
}

void check_rules(const std::vector<RuleDeclaration>& rules, const std::string& who, const Deployment& deployment) {
  for (const RuleDeclaration& rule : rules) {
    if (const auto* group = std::get_if<GroupReference>(&rule.peer))
      require(deployment.find_security_group(group->name) != nullptr, who, "security group", group->name);
    if (const auto* list = std::get_if<PrefixListReference>(&rule.peer))
      require(deployment.find_prefix_list(list->name) != nullptr, who, "prefix list", list->name);
  }
}

void check_eni(const Eni& eni, const std::string& instance, const Deployment& deployment) {
  require(eni.instance == instance, eni.id, "instance", eni.instance);
  require(deployment.find_subnet(eni.subnet) != nullptr, eni.id, "subnet", eni.subnet);
  for (const std::string& group : eni.security_groups)
    require(deployment.find_security_group(group) != nullptr, eni.id, "security group", group);
}

}  // namespace

void check_names(const Deployment& deployment) {
  for (const SecurityGroup& group : deployment.security_groups) {
    check_rules(group.ingress, group.id, deployment);
    check_rules(group.egress, group.id, deployment);
  }
  for (const Subnet& subnet : deployment.subnets) {
    require(subnet.route_table.empty() || deployment.find_route_table(subnet.route_table) != nullptr, subnet.id,
            "route table", subnet.route_table);
    require(subnet.network_acl.empty() || deployment.find_network_acl(subnet.network_acl) != nullptr, subnet.id,
            "network ACL", subnet.network_acl);
  }
  for (const Instance& instance : deployment.instances)
    for (const Eni& eni : instance.enis) check_eni(eni, instance.name, deployment);
  for (const Eni& eni : deployment.available_enis) check_eni(eni, "", deployment);
  for (const RouteTable& table : deployment.route_tables)
    for (const Route& route : table.routes)
      require(route.eni_id.empty() || deployment.find_eni(route.eni_id) != nullptr, table.id, "interface",
              route.eni_id);
  for (const ElasticIp& elastic : deployment.elastic_ips)
    require(elastic.eni_id.empty() || deployment.find_eni(elastic.eni_id) != nullptr, elastic.id, "interface",
            elastic.eni_id);
  for (const underlay::Fault& fault : all_faults(deployment))
    for (const std::string& end : {fault.from, fault.to, fault.host})
      require(end.empty() || deployment.find_instance(end) != nullptr, fault.name, "instance", end);
  for (const FlowLog& log : deployment.flow_logs)
    require(log.resource_id == deployment.vpc_id || deployment.find_eni(log.resource_id) != nullptr ||
                std::ranges::any_of(deployment.subnets, [&](const Subnet& s) { return s.id == log.resource_id; }),
            log.id, "resource", log.resource_id);
}

}  // namespace weft::json_parse

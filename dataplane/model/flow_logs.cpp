#include "dataplane/model/flow_logs.hpp"

#include "dataplane/model/describe.hpp"

namespace weft {

bool is_logged(const FlowLog& log, const Eni& eni, const Deployment& deployment) {
  if (eni.type == InterfaceType::kEfaOnly) return false;
  const Instance* instance = eni.instance.empty() ? nullptr : deployment.find_instance(eni.instance);
  if (instance == nullptr || instance->state != InstanceState::kRunning) return false;
  if (log.resource_id == eni.id || log.resource_id == deployment.vpc_id) return true;
  const Subnet* subnet = deployment.find_subnet(eni.subnet);
  return subnet != nullptr && log.resource_id == subnet->id;
}

std::string_view traffic_type_name(TrafficType type) {
  switch (type) {
    case TrafficType::kAccept: return "ACCEPT";
    case TrafficType::kReject: return "REJECT";
    case TrafficType::kAll: return "ALL";
  }
  return "";
}

std::string_view resource_type_name(const FlowLog& log) {
  if (log.resource_id.starts_with("vpc-")) return "VPC";
  return log.resource_id.starts_with("subnet-") ? "Subnet" : "NetworkInterface";
}

std::string resource_label(const FlowLog& log, const Deployment& deployment) {
  if (log.resource_id == deployment.vpc_id) return "the VPC";
  for (const Subnet& subnet : deployment.subnets)
    if (subnet.id == log.resource_id) return "subnet " + subnet.name;
  const Eni* eni = deployment.find_eni(log.resource_id);
  if (eni == nullptr) return log.resource_id;
  return eni->name.empty() ? label(*eni) : eni->name;
}

}  // namespace weft

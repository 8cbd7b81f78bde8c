#include "dataplane/control/state.hpp"

#include <fmt/format.h>

#include <initializer_list>

#include "dataplane/control/json.hpp"

namespace weft {
namespace {

void add_missing(Json& json, const Json& defaults, std::initializer_list<const char*> fields) {
  for (const char* field : fields)
    if (!json.contains(field)) json[field] = defaults.at(field);
}

/// Version 1 is that of daemons which did not write one.
void complete_version_1(Json& json) {
  const Json defaults = to_json(Deployment{}), instance_defaults = to_json(Instance{}, Deployment{}),
             interface_defaults = to_json(Eni{}, Deployment{});
  const auto complete_interface = [&](Json& eni) {
    add_missing(eni, interface_defaults, {"enable_frag_bypass", "ena_srd", "ena_srd_udp"});
  };
  add_missing(json, defaults, {"hosts", "flow_logs"});
  add_missing(json.at("vpc"), defaults.at("vpc"), {"parameters"});
  add_missing(json.at("vpc").at("parameters"), defaults.at("vpc").at("parameters"), {"rules_per_security_group"});
  for (Json& instance : json.at("instances")) {
    add_missing(instance, instance_defaults, {"metadata_options"});
    for (Json& eni : instance.at("interfaces")) complete_interface(eni);
  }
  for (Json& eni : json.at("available_interfaces")) complete_interface(eni);
}

/// Ports were all TAPs, hosts had no links; a virtual function's was up or down, and nothing was declared of it.
void complete_version_3(Json& json) {
  const Json defaults = to_json(Eni{}, Deployment{});
  const auto complete_interface = [&](Json& eni) {
    Json& vf = eni.at("vf");
    if (vf.contains("link_up")) vf["link"] = vf.at("link_up") == Json(false) ? "disable" : "auto";
    add_missing(vf, defaults.at("vf"), {"link", "declared"});
    add_missing(eni, defaults, {"port"});
  };
  add_missing(json.at("fabric"), to_json(underlay::Layout{}), {"host"});
  for (Json& fault : json.at("faults")) add_missing(fault, {{"host", ""}}, {"host"});
  for (Json& instance : json.at("instances"))
    for (Json& eni : instance.at("interfaces")) complete_interface(eni);
  for (Json& eni : json.at("available_interfaces")) complete_interface(eni);
}

/// What was behind the internet gateway was always a namespace.
void complete_version_4(Json& json) {
  if (Json& gateway = json.at("internet_gateway"); !gateway.is_null())
    add_missing(gateway, to_json(InternetGateway{}), {"port"});
}

}  // namespace

std::string state_of(const Deployment& deployment) {
  Json json = to_json(deployment);
  json["state_version"] = kStateVersion;
  return json.dump();
}

Result<Deployment> deployment_of_state(const std::string& state) try {
  Json json = Json::parse(state);
  const Json version = json.value("state_version", Json(1));
  if (!version.is_number_integer() || version < 1)
    return Error{"InternalError", "the saved state is damaged: 'state_version' is no version", {}};
  if (version > kStateVersion)
    return Error{"InternalError",
                 fmt::format("the saved state is of version {}, which a later weftd wrote; this one reads up to {}",
                             version.dump(), kStateVersion),
                 {}};
  if (version < 2) complete_version_1(json);
  if (version < 3) add_missing(json, to_json(Deployment{}), {"fabric", "faults"});  // underlay
  if (version < 4) complete_version_3(json);
  if (version < 5) complete_version_4(json);
  return deployment_from_json(json.dump());
} catch (const std::exception& e) {
  return Error{"InternalError", fmt::format("the saved state is damaged: {}", e.what()), {}};
}

}  // namespace weft

#include "tests/dataplane/statements/given.hpp"

namespace weft::test {
namespace {

std::string list(const std::string& key, const std::vector<std::string>& items) {
  if (items.empty()) return "";
  std::string text = key + ":\n";
  for (const std::string& item : items) text += "  - " + item + "\n";
  return text;
}

}  // namespace

std::string Given::text() const {
  return "version: 1\nvpc: " + vpc + "\n" + (internet_gateway ? "internet_gateway: true\n" : "") +
         "parameters: " + parameters + "\n" +
         list("subnets", subnets) + list("route_tables", route_tables) + list("network_acls", network_acls) +
         list("security_groups", security_groups) + list("placement_groups", placement_groups) +
         list("instances", instances) + list("network_interfaces", network_interfaces) +
         list("elastic_ips", elastic_ips);
}

}  // namespace weft::test

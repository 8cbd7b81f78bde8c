// weft ps: what there is.
#include <fmt/format.h>

#include "tools/weft/api_client.hpp"
#include "tools/weft/command.hpp"
#include "tools/weft/exit_code.hpp"
#include "tools/weft/output.hpp"

namespace weft::cli {
namespace {

using nlohmann::json;

std::string nic_name(const json& interface) { return fmt::format("eth{}", interface.value("device_index", 0)); }

/// "3/1", "3/1 p2": rack and host inside the zone, and the partition of a partition placement group.
std::string place(const json& instance) {
  const json where = instance.value("placement", json());
  if (!where.is_object()) return "-";
  const int partition = where.value("partition", 0);
  return fmt::format("{}/{}{}", where.value("rack", 0), where.value("host", 0),
                     partition > 0 ? fmt::format(" p{}", partition) : "");
}

/// Secondary addresses, IPv6 addresses and delegated prefixes.
std::string further_addresses(const json& nic) {
  std::string text;
  for (const char* key : {"secondary_private_ips", "ipv6_addresses", "prefixes"})
    if (const std::string list = cell(nic, key); list != "-") text += (text.empty() ? "" : ",") + list;
  return text.empty() ? "-" : text;
}

/// The public address of its primary one, and the Elastic IPs of all: "203.0.113.7", "203.0.113.8 (elastic)".
std::string public_addresses(const json& nic, const json& elastic_ips) {
  std::string text;
  const auto add = [&](const std::string& one) { text += (text.empty() ? "" : ",") + one; };
  for (const json& elastic : elastic_ips)
    if (elastic.is_object() && elastic.value("eni", "") == nic.value("id", ""))
      add(cell(elastic, "address") + " (elastic)");
  if (const std::string assigned = cell(nic, "public_ip"); text.empty() && assigned != "-") add(assigned);
  return text.empty() ? "-" : text;
}

void print_instances(const json& instances, const json& elastic_ips) {
  Table table({"INSTANCE", "ID", "STATE", "TYPE", "PLACEMENT", "RACK/HOST", "NIC", "KIND", "ADDRESS", "PUBLIC", "FURTHER",
               "SUBNET", "AZ", "VF", "GROUPS"});
  for (const json& instance : instances) {
    bool first = true;
    for (const json& nic : instance.value("interfaces", json::array())) {
      auto once = [&](const char* key) { return first ? cell(instance, key) : std::string(); };
      table.add({once("name"), once("id"), once("state"), once("type"), once("placement_group"),
                 first ? place(instance) : "", nic_name(nic), cell(nic, "type"), cell(nic, "private_ip"),
                 public_addresses(nic, elastic_ips), further_addresses(nic), cell(nic, "subnet"), cell(nic, "az"),
                 std::to_string(nic.value("/vf/index"_json_pointer, 0)), cell(nic, "security_groups")});
      first = false;
    }
  }
  std::fputs(table.empty() ? "no instances\n" : table.to_string().c_str(), stdout);
}

void print_available(const json& interfaces, const json& elastic_ips) {
  Table table({"AVAILABLE", "ID", "KIND", "ADDRESS", "PUBLIC", "FURTHER", "SUBNET", "AZ", "GROUPS"});
  for (const json& nic : interfaces)
    if (cell(nic, "instance") == "-")
      table.add({cell(nic, "name"), cell(nic, "id"), cell(nic, "type"), cell(nic, "private_ip"),
                 public_addresses(nic, elastic_ips), further_addresses(nic), cell(nic, "subnet"), cell(nic, "az"),
                 cell(nic, "security_groups")});
  if (!table.empty()) std::printf("\n%s", table.to_string().c_str());
}

int ps(bool as_json) {
  Result<ApiClient> client = ApiClient::open();
  if (!client) return report(client.error());
  Result<json> instances = client->get("/v1/instances");
  if (!instances) return report(instances.error());
  if (as_json) {
    print_json(*instances);
    return kOk;
  }
  Result<json> interfaces = client->get("/v1/interfaces");
  if (!interfaces) return report(interfaces.error());
  json elastic_ips = json::array();  // nothing is deployed: there are none
  if (Result<json> deployment = client->get("/v1/deployment"))
    elastic_ips = deployment->value("elastic_ips", json::array());
  print_instances(*instances, elastic_ips);
  print_available(*interfaces, elastic_ips);
  return kOk;
}

}  // namespace

void add_ps(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("ps", "Instances and their interfaces");
  auto as_json = std::make_shared<bool>(false);
  add_output_option(command, *as_json);
  command->footer("Example: weft ps -o json | jq '.[].interfaces[].private_ip'");
  command->callback([&chosen, as_json] { chosen.run = [as_json] { return ps(*as_json); }; });
}

}  // namespace weft::cli

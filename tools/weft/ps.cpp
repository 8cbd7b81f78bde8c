// weft ps, weft vf: what there is.
#include <fmt/format.h>

#include "tools/weft/api_client.hpp"
#include "tools/weft/command.hpp"
#include "tools/weft/exit_code.hpp"
#include "tools/weft/output.hpp"

namespace weft::cli {
namespace {

using nlohmann::json;

std::string nic_name(const json& interface) { return fmt::format("eth{}", interface.value("device_index", 0)); }

int ps(bool as_json) {
  Result<json> instances = ask_daemon("/v1/instances");
  if (!instances) return report(instances.error());
  if (as_json) {
    print_json(*instances);
    return kOk;
  }
  Table table({"INSTANCE", "ID", "TYPE", "PLACEMENT", "NIC", "KIND", "ADDRESS", "SUBNET", "AZ", "VF", "GROUPS"});
  for (const json& instance : *instances) {
    bool first = true;
    for (const json& nic : instance.value("interfaces", json::array())) {
      auto once = [&](const char* key) { return first ? cell(instance, key) : std::string(); };
      table.add({once("name"), once("id"), once("type"), once("placement_group"), nic_name(nic), cell(nic, "type"),
                 cell(nic, "private_ip"), cell(nic, "subnet"), cell(nic, "az"),
                 std::to_string(nic.value("/vf/index"_json_pointer, 0)), cell(nic, "security_groups")});
      first = false;
    }
  }
  std::fputs(table.empty() ? "no instances\n" : table.to_string().c_str(), stdout);
  return kOk;
}

/// As iproute2 prints a card's VFs, then whose it is.
std::string vf_line(const json& nic) {
  const json vf = nic.value("vf", json::object());
  auto on = [&](const char* key) { return vf.value(key, false) ? "on" : "off"; };
  const int rate = vf.value("max_tx_rate_mbps", 0);
  return fmt::format(
      "    vf {:<5} link/ether {} brd ff:ff:ff:ff:ff:ff, {}spoof checking {}, link-state {}, trust {}  # {} {} {} {}",
      vf.value("index", 0), cell(nic, "mac"), rate > 0 ? fmt::format("max_tx_rate {}Mbps, ", rate) : "",
      on("spoof_check"), vf.value("link_up", false) ? "enable" : "disable", on("trust"), cell(nic, "id"),
      cell(nic, "instance"), nic_name(nic), cell(nic, "private_ip"));
}

int vf(bool as_json) {
  Result<json> interfaces = ask_daemon("/v1/interfaces");
  if (!interfaces) return report(interfaces.error());
  if (as_json) {
    print_json(*interfaces);
    return kOk;
  }
  std::printf("weft: the host's adapter, %zu virtual function%s\n", interfaces->size(),
              interfaces->size() == 1 ? "" : "s");
  std::vector<json> sorted(interfaces->begin(), interfaces->end());
  std::sort(sorted.begin(), sorted.end(), [](const json& a, const json& b) {
    return a.value("/vf/index"_json_pointer, 0) < b.value("/vf/index"_json_pointer, 0);
  });
  for (const json& nic : sorted) std::puts(vf_line(nic).c_str());
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

void add_vf(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("vf", "Virtual functions of the adapter, as `ip link show` prints a card's");
  auto as_json = std::make_shared<bool>(false);
  add_output_option(command, *as_json);
  command->footer("Example: weft vf");
  command->callback([&chosen, as_json] { chosen.run = [as_json] { return vf(*as_json); }; });
}

}  // namespace weft::cli

// weft vf: the virtual functions of the host's adapter; weft vf set: what ip-link(8) sets of a real card's.
#include <fmt/format.h>

#include "dataplane/model/vf.hpp"
#include "tools/weft/api_client.hpp"
#include "tools/weft/command.hpp"
#include "tools/weft/exit_code.hpp"
#include "tools/weft/output.hpp"

namespace weft::cli {
namespace {

using nlohmann::json;

constexpr const char* kVfs = "/v1/vf";

std::string on_off(const json& function, const char* key) { return function.value(key, false) ? "on" : "off"; }

/// "auto, up"; "-" of EFA alone, which has no port.
std::string link_cell(const json& function) {
  return fmt::format("{}, {}", cell(function, "link"), function.value("link_up", false) ? "up" : "down");
}

std::string rate_cell(const json& function) {
  const std::uint64_t mbps = number(function, "max_tx_rate_mbps");
  return mbps == 0 ? "-" : fmt::format("{}Mbps", mbps);
}

std::string counted(const json& counters, const char* direction) {
  return fmt::format("{} / {}", number(counters, fmt::format("{}_packets", direction).c_str()),
                     human_bytes(number(counters, fmt::format("{}_bytes", direction).c_str())));
}

std::string functions_table(const json& functions) {
  Table table({"VF", "INTERFACE", "ENI", "MAC", "PORT", "QUEUES", "SPOOF CHECK", "TRUST", "LINK", "MAX RATE", "MIN RATE", "RX",
               "TX", "DROPPED", "SPOOFED", "CARD", "SRC/DST CHECK", "TERMINATION"});
  for (const json& function : functions) {
    const json counters = function.value("statistics", json::object());
    table.add({cell(function, "index"), cell(function, "interface"), cell(function, "eni"), cell(function, "mac"),
               cell(function, "port"), cell(function, "queues"), on_off(function, "spoof_check"), on_off(function, "trust"),
               link_cell(function), rate_cell(function), "-", counted(counters, "rx"), counted(counters, "tx"),
               cell(counters, "dropped"), cell(counters, "spoofed"), cell(function, "network_card"),
               on_off(function, "source_dest_check"), function.value("delete_on_termination", true) ? "deleted" : "kept"});
  }
  return table.empty() ? "" : table.to_string();
}

/// "3, 7-65533"
std::string runs_text(const json& runs) {
  std::string text;
  for (const json& run : runs)
    if (run.is_array() && run.size() == 2)
      text += fmt::format("{}{}{}", text.empty() ? "" : ", ", run[0].dump(), run[0] == run[1] ? "" : "-" + run[1].dump());
  return text.empty() ? "none" : text;
}

int show(bool as_json) {
  Result<json> vfs = ask_daemon(kVfs);
  if (!vfs) return report(vfs.error());
  if (as_json) {
    print_json(*vfs);
    return kOk;
  }
  const json functions = vfs->value("functions", json::array());
  std::printf("weft: the host's adapter, %s virtual functions, %zu in use\n%s", cell(*vfs, "total").c_str(), functions.size(),
              functions_table(functions).c_str());
  std::printf("free: %s\n", runs_text(vfs->value("free", json::array())).c_str());
  for (const json& instance : vfs->value("instances", json::array()))
    if (!instance.value("most_interfaces", json()).is_null())
      std::printf("%s: %s of the %s interfaces that %s may have\n", cell(instance, "instance").c_str(),
                  cell(instance, "interfaces").c_str(), cell(instance, "most_interfaces").c_str(),
                  cell(instance, "type").c_str());
  return kOk;
}

struct SetOptions {
  std::string interface, rate, spoof_check, trust, link;
  bool json = false;
};

int set(const SetOptions& options) {
  json request{{"interface", options.interface}};
  for (const auto& [key, word] : {std::pair{"spoof_check", &options.spoof_check}, std::pair{"trust", &options.trust}})
    if (!word->empty()) request[key] = *word == "on";
  if (!options.rate.empty()) request["rate"] = options.rate;
  if (!options.link.empty()) request["link"] = options.link;
  Result<ApiClient> client = ApiClient::open();
  if (!client) return report(client.error());
  Result<json> outcome = client->post(kVfs, request, ApiClient::kLong);
  if (!outcome) return report(outcome.error());
  const json changes = outcome->value("changes", json::array());
  if (options.json) print_json(*outcome);
  else if (changes.empty()) std::puts("nothing changes: it is so already");
  else std::fputs(format_changes(changes, wants_colour(stdout)).c_str(), stdout);
  return kOk;
}

void add_set(CLI::App& vf, Chosen& chosen) {
  auto* command = vf.add_subcommand("set", "Change one virtual function, as `ip link set DEV vf NUM` does");
  auto options = std::make_shared<SetOptions>();
  command
      ->add_option("INTERFACE", options->interface,
                   "eni-..., web/eth0, web (its only interface), or a network interface's name")
      ->required();
  command->add_option("--rate", options->rate, "The most that the guest may send: 100, 100Mbit, 2.5Gbps; 0 for no limit")
      ->check([](const std::string& text) {
        return parse_vf_rate(text) ? std::string() : fmt::format("'{}' {}", printable(text), kIsNoVfRate);
      })
      ->type_name("RATE");
  command->add_option("--spoof-check", options->spoof_check, "on: only from its own MAC and addresses")
      ->check(CLI::IsMember({"on", "off"}));
  command->add_option("--trust", options->trust, "on: the guest may choose its MAC")->check(CLI::IsMember({"on", "off"}));
  command->add_option("--link", options->link, "disable: no carrier, and nothing passes")
      ->check(CLI::IsMember({"auto", "enable", "disable"}));
  add_output_option(command, options->json);
  command->footer("It stays until the topology file says something else about it, or the interface is detached.\n"
                  "Example: weft vf set web/eth0 --rate 100Mbit --spoof-check off");
  command->callback([&chosen, options] {
    if (options->rate.empty() && options->spoof_check.empty() && options->trust.empty() && options->link.empty())
      throw CLI::ValidationError("vf set", "say what to change: --rate, --spoof-check, --trust or --link");
    chosen.run = [options] { return set(*options); };
  });
}

}  // namespace

void add_vf(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("vf", "Virtual functions of the adapter: what `ip link show` prints of a card's");
  auto as_json = std::make_shared<bool>(false);
  add_output_option(command, *as_json);
  command->require_subcommand(0, 1);
  add_set(*command, chosen);
  command->footer("Example: weft vf");
  command->callback([&chosen, command, as_json] {
    if (command->get_subcommands().empty()) chosen.run = [as_json] { return show(*as_json); };
  });
}

}  // namespace weft::cli

// weft stats: counters of every interface, ENA's and EFA's own, and the engine's balance.
#include <fmt/format.h>

#include "dataplane/observe/ena_counter.hpp"
#include "tools/weft/api_client.hpp"
#include "tools/weft/command.hpp"
#include "tools/weft/exit_code.hpp"
#include "tools/weft/output.hpp"

namespace weft::cli {
namespace {

using nlohmann::json;

struct StatsOptions {
  std::string instance;
  bool ena = false;
  bool json = false;
};

/// ENA's counters in ENA's order, which JSON's objects do not keep.
std::vector<std::pair<std::string, std::uint64_t>> ena_counters(const json& nic) {
  std::vector<std::pair<std::string, std::uint64_t>> counters;
  const json ena = nic.value("ena", json::object());
  const auto add = [&](std::string_view name) {
    const std::string key(name);
    if (ena.contains(key)) counters.emplace_back(key, number(ena, key.c_str()));
  };
  for (std::size_t i = 0; i < kAllowanceCounters; ++i) add(kEnaCounterNames[i]);
  add(kConntrackAllowanceAvailable);
  add(kEnaSrdMode);
  for (std::size_t i = kAllowanceCounters; i < kEnaCounters; ++i) add(kEnaCounterNames[i]);
  return counters;
}

void print_interface(const json& nic) {
  std::printf("%s %s\n", cell(nic, "instance").c_str(), cell(nic, "eni").c_str());
  for (const char* direction : {"rx", "tx"}) {
    const std::uint64_t bytes = number(nic, fmt::format("{}_bytes", direction).c_str());
    std::printf("    %s        %lu packets, %lu bytes (%s)\n", direction,
                static_cast<unsigned long>(number(nic, fmt::format("{}_packets", direction).c_str())),
                static_cast<unsigned long>(bytes), human_bytes(bytes).c_str());
  }
  std::printf("    fabric    %lu frames answered by the fabric itself, %lu answers\n",
              static_cast<unsigned long>(number(nic, "consumed")),
              static_cast<unsigned long>(number(nic, "originated")));
  const json drops = nic.value("drops", json::object());
  for (const auto& [reason, count] : drops.items())
    std::printf("    dropped   %s %s\n", count.dump().c_str(), printable(reason).c_str());
  for (const auto& [name, count] : ena_counters(nic))
    if (count != 0) std::printf("    ena       %lu %s\n", static_cast<unsigned long>(count), name.c_str());
  for (const char* counters : {"efa", "efa_fabric"})
    for (const json all = nic.value(counters, json::object()); const auto& [name, count] : all.items())
      if (count != 0) std::printf("    efa       %s %s\n", printable(name).c_str(), count.dump().c_str());
}

/// One interface as `ethtool -S` prints a device, so that what reads that reads this.
void print_as_ethtool(const json& nic) {
  if (!nic.contains("ena")) return;
  std::printf("%s %s\nNIC statistics:\n", cell(nic, "instance").c_str(), cell(nic, "eni").c_str());
  for (const auto& [name, count] : ena_counters(nic))
    std::printf("     %s: %lu\n", name.c_str(), static_cast<unsigned long>(count));
}

void print_engine(const json& statistics) {
  const json balance = statistics.value("balance", json::object());
  std::printf(
      "balance: %lu received + %lu originated + %lu copies = %lu delivered + %lu dropped + %lu consumed + %lu held%s\n",
      static_cast<unsigned long>(number(balance, "received")),
      static_cast<unsigned long>(number(balance, "originated")), static_cast<unsigned long>(number(balance, "copies")),
      static_cast<unsigned long>(number(balance, "delivered")), static_cast<unsigned long>(number(balance, "dropped")),
      static_cast<unsigned long>(number(balance, "consumed")), static_cast<unsigned long>(number(balance, "held")),
      balance.value("holds", true) ? "" : "  (read while traffic flows)");
  int index = 0;
  for (const json& worker : statistics.value("workers", json::array())) {
    const double asleep = static_cast<double>(number(worker, "asleep_ns"));
    const double awake = static_cast<double>(number(worker, "awake_ns"));
    std::printf("worker %d: awake %.1f %% of %s\n", index++, asleep + awake > 0 ? 100 * awake / (asleep + awake) : 0,
                human_time((asleep + awake) / 1e6).c_str());
  }
}

int stats(const StatsOptions& options) {
  Result<json> statistics = ask_daemon("/v1/statistics");
  if (!statistics) return report(statistics.error());
  if (!options.instance.empty()) {
    json chosen = json::array();
    for (const json& nic : (*statistics)["interfaces"])
      if (cell(nic, "instance") == options.instance || cell(nic, "eni") == options.instance) chosen.push_back(nic);
    if (chosen.empty())
      return report({"InvalidInstanceID.NotFound",
                     fmt::format("no instance has the name and no interface the id '{}'; `weft ps` lists them",
                                 printable(options.instance)),
                     {}});
    (*statistics)["interfaces"] = chosen;
  }
  if (options.json) {
    print_json(*statistics);
    return kOk;
  }
  for (const json& nic : (*statistics)["interfaces"]) options.ena ? print_as_ethtool(nic) : print_interface(nic);
  if (options.ena) return kOk;
  if (options.instance.empty()) print_engine(*statistics);
  return kOk;
}

}  // namespace

void add_stats(CLI::App& app, Chosen& chosen) {
  auto* command =
      app.add_subcommand("stats", "Counters: packets, bytes, drops by reason, ENA's and EFA's own, the balance");
  auto options = std::make_shared<StatsOptions>();
  command->add_option("INSTANCE", options->instance, "Only this instance (name) or interface (eni-...)");
  command->add_flag("--ena", options->ena, "Only ENA's allowance counters, as ethtool -S shows them");
  add_output_option(command, options->json);
  command->footer(
      "rx is towards the instance, tx from it. ENA and EFA counters have the real devices' names.\n"
      "Example: weft stats node-0 --ena");
  command->callback([&chosen, options] { chosen.run = [options] { return stats(*options); }; });
}

}  // namespace weft::cli

// weft mpirun: Open MPI's own mpirun, inside the first instance, with `weft ssh` as the launch agent to the others.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "dataplane/model/suggest.hpp"
#include "instances/scheduling_group.hpp"
#include "tools/weft/api_client.hpp"
#include "tools/weft/command.hpp"
#include "tools/weft/cpu_sets.hpp"
#include "tools/weft/enter.hpp"
#include "tools/weft/executables.hpp"
#include "tools/weft/exit_code.hpp"
#include "tools/weft/mpirun_arguments.hpp"

namespace weft::cli {
namespace {

using nlohmann::json;

bool has_efa(const json& instance) {
  const json interfaces = instance.value("interfaces", json::array());
  return std::any_of(interfaces.begin(), interfaces.end(),
                     [](const json& nic) { return nic.value("type", "") == "efa"; });
}

/// The instances that take part: those asked for, else those with EFA interfaces, else (over tcp) all.
Result<std::vector<std::string>> choose_instances(const MpirunRequest& request, const json& deployed) {
  std::vector<std::string> all, with_efa;
  for (const json& instance : deployed) {
    if (instance.value("state", "running") != "running") continue;
    all.push_back(instance.value("name", ""));
    if (has_efa(instance)) with_efa.push_back(all.back());
  }
  if (all.empty()) return Error{"InvalidInstanceID.NotFound", "no instance runs; start with `weft up FILE`", {}};
  const bool needs_efa = request.provider == "weft";
  if (request.instances.empty()) {
    if (!with_efa.empty()) return with_efa;
    if (!needs_efa) return all;
    return Error{"InvalidParameterCombination",
                 "no instance has an EFA interface; give some `type: efa`, or use --provider tcp",
                 {}};
  }
  for (const std::string& name : request.instances) {
    if (std::find(all.begin(), all.end(), name) == all.end())
      return Error{"InvalidInstanceID.NotFound",
                   fmt::format("no running instance has the name {}{}", in_quotes(name), hint(name, all)),
                   {}};
    if (needs_efa && std::find(with_efa.begin(), with_efa.end(), name) == with_efa.end())
      return Error{"InvalidParameterCombination",
                   fmt::format("{} has no EFA interface; give it one, or use --provider tcp", in_quotes(name)),
                   {}};
  }
  return request.instances;
}

/// Where the ranks find libfabric's provider. The environment's own FI_PROVIDER_PATH wins.
Result<void> set_provider_environment(const std::string& provider) {
  ::setenv("FI_PROVIDER", provider.c_str(), 1);
  if (provider == "tcp") {
    ::setenv("FI_TCP_IFACE", "eth0", 0);
    return {};
  }
  const char* given = std::getenv("FI_PROVIDER_PATH");
  if (given != nullptr && *given != '\0') return {};
  const std::optional<std::string> directory = find_provider_directory();
  if (!directory)
    return Error{"Weft.Internal",
                 "libweft-fi.so is neither in this weft's build tree nor installed; build it, or set FI_PROVIDER_PATH",
                 {}};
  ::setenv("FI_PROVIDER_PATH", directory->c_str(), 1);
  return {};
}

/// On stderr, so that what the program prints stays what it prints.
void warn_of_scheduling() {
  Result<json> status = ask_daemon("/v1/status");
  if (!status) return;
  const std::string warning = scheduling_warning(scheduling_group_nice(status->value("pid", 0)), scheduling_group_nice(0));
  if (!warning.empty()) std::fprintf(stderr, "weft mpirun: %s\n", warning.c_str());
}

int mpirun(const std::vector<std::string>& arguments) {
  Result<MpirunRequest> request = parse_mpirun_arguments(arguments);
  if (!request) return report(request.error());
  if (!request->has_program) return report({"MissingParameter", "say which program: weft mpirun -n 4 ./app", {}});
  const std::optional<std::string> program = find_on_path("mpirun");
  if (!program) return report({"Weft.Internal", "Open MPI's mpirun is not on PATH; apt-get install openmpi-bin", {}});
  Result<json> deployed = ask_daemon("/v1/instances");
  if (!deployed) return report(deployed.error());
  Result<std::vector<std::string>> instances = choose_instances(*request, *deployed);
  if (!instances) return report(instances.error());
  if (Result<void> set = set_provider_environment(request->provider); !set) return report(set.error());

  const auto ranks = static_cast<std::size_t>(ranks_each(*request, instances->size()));
  const std::vector<int> cpus = usable_cpus();
  const auto shares = share_cpus(cpus, instances->size(), ranks);
  if (!shares.empty() && !request->own_binding) ::setenv("WEFT_CPUS", encode_shares(*instances, shares).c_str(), 1);
  const std::vector<std::string> command =
      build_mpirun_command(*request, {*program, own_path(), *instances, cpus.size() <= ranks * instances->size()});
  if (request->verbose) std::fprintf(stderr, "[%s] %s\n", instances->front().c_str(), shell_text(command).c_str());

  if (request->provider == "weft") warn_of_scheduling();
  if (Result<void> entered = become_guest(instances->front()); !entered) return report(entered.error());
  take_cpus_from_environment(instances->front());
  return execute(command);
}

}  // namespace

void add_mpirun(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("mpirun", "Open MPI's mpirun, ranks spread over the instances");
  command->footer(
      "Form: weft mpirun [--provider weft|tcp] [--instances A,B] [--verbose] [MPIRUN OPTIONS] -n N PROGRAM...\n"

      "  --provider weft|tcp   weft: EFA (the default); tcp: libfabric's tcp provider over eth0, to compare\n"
      "  --instances A,B       these instances, in this order; left out: all with EFA interfaces\n"
      "  --verbose             print Open MPI's command line\n"
      "Every other option is Open MPI's, and wins over what weft would say.\n"
      "Exit code: mpirun's.\n"
      "Example: weft mpirun -n 4 ./app");
  command->callback([&chosen] { chosen.run = [&chosen] { return mpirun(chosen.command); }; });
}

}  // namespace weft::cli

// weft stop, start, reboot, terminate: the life of instances, as EC2's calls of those names.
#include <fmt/format.h>

#include "tools/weft/api_client.hpp"
#include "tools/weft/command.hpp"
#include "tools/weft/exit_code.hpp"
#include "tools/weft/output.hpp"

namespace weft::cli {
namespace {

using nlohmann::json;

struct LifeOptions {
  std::vector<std::string> instances;
  bool json = false;
};

void say(const json& answer) {
  const std::string before = cell(answer, "previous_state"), now = cell(answer, "state");
  std::printf("%s: %s, %s\n", cell(answer, "instance").c_str(),
              before == now ? now.c_str() : fmt::format("{} -> {}", before, now).c_str(),
              human_time(answer.value("took_ms", 0.0)).c_str());
  for (const json& warning : answer.value("warnings", json::array()))
    std::fprintf(stderr, "weft: warning: %s\n", printable(warning.get<std::string>()).c_str());
}

/// Every instance is tried; the exit code is that of the first that failed.
int change_life(const std::string& verb, const LifeOptions& options) {
  Result<ApiClient> client = ApiClient::open();
  if (!client) return report(client.error());
  json answers = json::array();
  int code = kOk;
  for (const std::string& instance : options.instances) {
    Result<json> answer =
        client->post(fmt::format("/v1/instances/{}/{}", instance, verb), json::object(), ApiClient::kLong);
    if (!answer) {
      const int failed = report(answer.error());
      if (code == kOk) code = failed;
      if (failed == kNotRunning) break;  // nor for the others
      continue;
    }
    if (!options.json) say(*answer);
    answers.push_back(std::move(*answer));
  }
  if (options.json) print_json(answers);
  return code;
}

std::string refuse_other_than_names(const std::string& instance) {
  return refuse_other_than_words(instance, "name or id of an instance");
}

void add_life_command(CLI::App& app, Chosen& chosen, const std::string& verb, const std::string& what,
                      const std::string& footer) {
  auto* command = app.add_subcommand(verb, what);
  auto options = std::make_shared<LifeOptions>();
  command->add_option("INSTANCE", options->instances, "Names or ids of instances")
      ->required()
      ->check(CLI::Validator(refuse_other_than_names, ""));
  add_output_option(command, options->json);
  command->footer(footer);
  command->callback(
      [&chosen, options, verb] { chosen.run = [options, verb] { return change_life(verb, *options); }; });
}

}  // namespace

void add_life(CLI::App& app, Chosen& chosen) {
  add_life_command(app, chosen, "stop", "End what runs in instances; their interfaces and private addresses stay",
                   "An automatically assigned public address is given back; an Elastic IP stays.\n"
                   "Exit code 1: the instance is in no state for it.\n"
                   "Example: weft stop web-0 web-1");
  add_life_command(app, chosen, "start", "Start stopped instances, with the same interfaces and private addresses",
                   "An automatically assigned public address is another one than before.\n"
                   "Example: weft start web-0");
  add_life_command(app, chosen, "reboot", "End what runs in instances and make them anew; no address changes",
                   "Example: weft reboot web-0");
  add_life_command(app, chosen, "terminate",
                   "Remove instances, and of their interfaces those that are deleted on termination",
                   "The next `weft up` of a file that still has them makes new ones.\n"
                   "Example: weft terminate web-1 -o json");
}

}  // namespace weft::cli

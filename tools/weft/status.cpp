// weft status, weft version
#include <fmt/format.h>

#include "tools/weft/api_client.hpp"
#include "tools/weft/command.hpp"
#include "tools/weft/exit_code.hpp"
#include "tools/weft/output.hpp"

namespace weft::cli {
namespace {

using nlohmann::json;

int status(bool as_json) {
  Result<json> answer = ask_daemon("/v1/status");
  if (!answer) return report(answer.error());
  if (as_json) {
    print_json(*answer);
    return kOk;
  }
  std::printf("weftd %s, pid %d, %s, %d worker%s, %s\n", cell(*answer, "version").c_str(), answer->value("pid", 0),
              cell(*answer, "mode").c_str(), answer->value("workers", 0), answer->value("workers", 0) == 1 ? "" : "s",
              answer->value("huge_pages", false) ? "huge pages" : "no huge pages");
  if (const json& progress = (*answer)["progress"]; progress.is_object())
    std::printf("under way: %s (%d of %d)\n", cell(progress, "what").c_str(), progress.value("done", 0),
                progress.value("total", 0));
  std::puts(answer->value("deployment", false) ? "a topology is deployed; see weft ps" : "nothing is deployed");
  return kOk;
}

int version() {
  std::puts("weft " WEFT_VERSION);
  if (Result<json> answer = ask_daemon("/v1/status"))
    std::printf("weftd %s (running, pid %d)\n", cell(*answer, "version").c_str(), answer->value("pid", 0));
  return kOk;
}

}  // namespace

void add_status(CLI::App& app, Chosen& chosen) {
  auto* status_command = app.add_subcommand("status", "Whether weftd runs, and how");
  auto as_json = std::make_shared<bool>(false);
  add_output_option(status_command, *as_json);
  status_command->footer("Exit code 3: no weftd runs.\nExample: weft status -o json");
  status_command->callback([&chosen, as_json] { chosen.run = [as_json] { return status(*as_json); }; });

  auto* version_command = app.add_subcommand("version", "Versions of weft and of the running weftd");
  version_command->footer("Example: weft version");
  version_command->callback([&chosen] { chosen.run = version; });
}

}  // namespace weft::cli

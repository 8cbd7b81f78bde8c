// weft down: everything away, whatever state it is in.
#include <unistd.h>

#include "instances/holder.hpp"
#include "tools/weft/command.hpp"
#include "tools/weft/deployment.hpp"
#include "tools/weft/exit_code.hpp"

namespace weft::cli {
namespace {

/// weftd died and its holder still keeps the instances for it: take them away at once.
Result<bool> remove_orphans() {
  Result<std::string> directory = runtime_directory();
  if (!directory) return directory.error();
  if (::access((*directory + "/holder.sock").c_str(), F_OK) != 0) return false;
  Result<std::unique_ptr<Holder>> holder = Holder::start_or_join(*directory, 0);
  if (!holder) return holder.error();
  const bool had_some = (*holder)->joined();
  (*holder)->shutdown();
  return had_some;
}

int down() {
  Result<ApiClient> client = ApiClient::open();
  if (!client) return report(client.error());
  Result<int> removed = remove_everything(*client);
  if (removed) {
    std::printf("removed %d instance%s and ended weftd\n", *removed, *removed == 1 ? "" : "s");
    return kOk;
  }
  if (removed.error().code != kNotRunningCode) return report(removed.error());
  Result<bool> orphans = remove_orphans();
  if (!orphans) return report(orphans.error());
  std::puts(*orphans ? "removed what a weftd that died had left" : "nothing is running");
  return kOk;
}

}  // namespace

void add_down(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("down", "Remove everything and end weftd");
  command->footer("Ends what runs in the instances (SIGTERM, SIGKILL a second later).\nExample: weft down");
  command->callback([&chosen] { chosen.run = down; });
}

}  // namespace weft::cli

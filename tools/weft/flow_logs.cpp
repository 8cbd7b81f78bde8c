// weft flow-logs: what is logged and where the lines are; --flush ends an interval now, --follow shows what comes.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tools/weft/api_client.hpp"
#include "tools/weft/command.hpp"
#include "tools/weft/exit_code.hpp"
#include "tools/weft/output.hpp"

namespace weft::cli {
namespace {

using nlohmann::json;

constexpr int kLookEveryMs = 250;

struct FlowLogsOptions {
  bool flush = false;
  bool json = false;
  std::string follow;
};

int show_flow_logs(const json& logs, bool as_json) {
  if (as_json) {
    print_json(logs);
    return kOk;
  }
  Table table({"NAME", "ID", "RESOURCE", "TRAFFIC", "INTERVAL", "LINES", "SKIPPED", "STATUS", "FILE"});
  for (const json& log : logs)
    table.add({cell(log, "name"), cell(log, "id"), cell(log, "resource"), cell(log, "traffic_type"),
               cell(log, "max_aggregation_interval") + " s", cell(log, "lines_written"), cell(log, "records_skipped"),
               cell(log, "deliver_logs_status"), cell(log, "file")});
  std::fputs(table.empty() ? "no flow logs\n" : table.to_string().c_str(), stdout);
  for (const json& log : logs)
    if (const json& error = log.value("deliver_logs_error_message", json()); error.is_string())
      std::printf("%s: %s\n", cell(log, "name").c_str(), printable(error.get<std::string>()).c_str());
  return kOk;
}

/// From the end of the file on, until somebody interrupts or nobody reads.
int follow_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    std::fprintf(stderr, "weft: cannot read %s: %s\n", path.c_str(), std::strerror(errno));
    return kInternal;
  }
  ::lseek(file, 0, SEEK_END);
  char buffer[65536];
  for (;;) {
    const ssize_t count = ::read(file, buffer, sizeof buffer);
    if (count < 0 && errno != EINTR) break;
    if (count > 0) {
      if (std::fwrite(buffer, 1, static_cast<std::size_t>(count), stdout) == 0 || std::fflush(stdout) != 0) break;
      continue;
    }
    pollfd reader{STDOUT_FILENO, 0, 0};  // wakes when the pipe's reader has gone
    if (::poll(&reader, 1, kLookEveryMs) > 0) break;
  }
  ::close(file);
  return kOk;
}

int follow(const json& logs, const std::string& name) {
  for (const json& log : logs)
    if (cell(log, "name") == name || cell(log, "id") == name) return follow_file(cell(log, "file"));
  std::fprintf(stderr, "weft: there is no flow log '%s'; `weft flow-logs` lists them\n", name.c_str());
  return kRefused;
}

Result<json> flush_all() {
  Result<ApiClient> daemon = ApiClient::open();
  if (!daemon) return daemon.error();
  return daemon->post("/v1/flow-logs/flush", json::object());
}

int run_flow_logs(const FlowLogsOptions& options) {
  Result<json> logs = options.flush ? flush_all() : ask_daemon("/v1/flow-logs");
  if (!logs) return report(logs.error());
  return options.follow.empty() ? show_flow_logs(*logs, options.json) : follow(*logs, options.follow);
}

}  // namespace

void add_flow_logs(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("flow-logs", "Flow logs, what they are about and where their lines are");
  auto options = std::make_shared<FlowLogsOptions>();
  command->add_flag("--flush", options->flush, "End the aggregation interval of all of them now");
  command->add_option("--follow", options->follow, "Print the lines of this one as they are written")
      ->type_name("NAME");
  add_output_option(command, options->json);
  command->footer("Example: weft flow-logs --flush");
  command->callback([&chosen, options] { chosen.run = [options] { return run_flow_logs(*options); }; });
}

}  // namespace weft::cli

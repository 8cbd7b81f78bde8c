#include "tools/weft/deployment.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <future>

#include "dataplane/control/topology_file.hpp"
#include "dataplane/model/deployment.hpp"
#include "tools/weft/daemon_process.hpp"
#include "tools/weft/output.hpp"

namespace weft::cli {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kProgressInterval{200};
constexpr std::chrono::seconds kSilentFor{1};
constexpr int kEndTimeoutMs = 10'000;

const char* kind_name(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kAdd: return "add";
    case ChangeKind::kChange: return "change";
    case ChangeKind::kRemove: return "remove";
  }
  return "";
}

json body_of(const TopologyText& topology) { return {{"file", topology.name}, {"topology", topology.text}}; }

/// One line on the terminal, written over and over; wiped at the end.
class ProgressLine {
 public:
  ~ProgressLine() {
    if (shown_) std::fprintf(stderr, "\r\x1b[K");
  }
  void show(const json& progress) {
    if (::isatty(STDERR_FILENO) != 1 || !progress.is_object()) return;
    shown_ = true;
    std::fprintf(stderr, "\r\x1b[K%s (%d of %d)", printable(progress.value("what", "")).c_str(),
                 progress.value("done", 0), progress.value("total", 0));
    std::fflush(stderr);
  }

 private:
  bool shown_ = false;
};

void say_warnings(const json& answer) {
  for (const json& warning : answer.value("warnings", json::array()))
    std::fprintf(stderr, "weft: warning: %s\n", printable(warning.get<std::string>()).c_str());
}

}  // namespace

Result<TopologyText> read_topology(const std::string& path) {
  const bool from_stdin = path == "-";
  Result<std::string> text = read_topology_text(from_stdin ? "/dev/stdin" : path);
  if (!text) return text.error();
  return TopologyText{from_stdin ? "<stdin>" : path, std::move(*text)};
}

Result<json> plan_from_nothing(const TopologyText& topology) {
  Result<Topology> parsed = parse_topology(topology.text, topology.name);
  if (!parsed) return parsed.error();
  Result<Deployment> deployment = resolve(*parsed, nullptr);
  if (!deployment) return deployment.error();
  json changes = json::array();
  for (const Change& change : plan(nullptr, *deployment))
    changes.push_back({{"kind", kind_name(change.kind)},
                       {"resource", change.resource},
                       {"name", change.name},
                       {"id", change.id},
                       {"details", change.details}});
  return json{{"changes", changes}};
}

Result<void> apply(const ApiClient& client, const TopologyText& topology, std::FILE* out) {
  Result<json> planned = client.post("/v1/plan", body_of(topology));
  if (!planned) return planned.error();
  const json& changes = (*planned)["changes"];
  if (!changes.empty())
    std::fprintf(out, "%s%s\n", format_changes(changes, wants_colour(out)).c_str(), summary(changes).c_str());
  std::fflush(out);

  // Applied even when nothing changes: weftd then knows the file's lines of now, which explain names.
  const Clock::time_point start = Clock::now();
  auto applying =
      std::async(std::launch::async, [&] { return client.post("/v1/apply", body_of(topology), ApiClient::kLong); });
  {
    ProgressLine line;
    if (applying.wait_for(kSilentFor) != std::future_status::ready)
      while (applying.wait_for(kProgressInterval) != std::future_status::ready)
        if (Result<json> status = client.get("/v1/status")) line.show(status->value("progress", json()));
  }
  Result<json> applied = applying.get();
  if (!applied) return applied.error();
  say_warnings(*applied);
  const std::chrono::duration<double, std::milli> took = Clock::now() - start;
  if (changes.empty())
    std::fprintf(out, "nothing to do: what runs is what %s says\n", topology.name.c_str());
  else
    std::fprintf(out, "done in %s\n", human_time(took.count()).c_str());
  return {};
}

Result<int> remove_everything(const ApiClient& client) {
  Result<json> status = client.get("/v1/status");
  if (!status) return status.error();
  const UniqueFd daemon = watch_process(status->value("pid", 0));
  Result<json> removed = client.remove("/v1/deployment", ApiClient::kLong);
  if (!removed) return removed.error();
  if (!wait_for_end(daemon, kEndTimeoutMs))
    return Error{"InternalError",
                 fmt::format("weftd (pid {}) has removed everything but does not end", status->value("pid", 0)),
                 {}};
  return removed->value("removed", 0);
}

}  // namespace weft::cli

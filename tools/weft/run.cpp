// weft run: a network for the length of one command, with a daemon and a runtime directory of its own: the CI form.
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "tools/weft/command.hpp"
#include "tools/weft/daemon_process.hpp"
#include "tools/weft/deployment.hpp"
#include "tools/weft/enter.hpp"
#include "tools/weft/executables.hpp"
#include "tools/weft/exit_code.hpp"

namespace weft::cli {
namespace {

constexpr int kEndTimeoutMs = 10'000;

volatile std::sig_atomic_t g_signal = 0;
volatile std::sig_atomic_t g_command = 0;  // pid; pid_t fits on Linux

/// What the terminal sends it sends to the command too, as one process group; what kill(1) sends only we get.
void forward(int signal, siginfo_t* info, void*) {
  const int saved = errno;
  g_signal = signal;
  if (g_command > 0 && info->si_code != SI_KERNEL) ::kill(g_command, signal);
  errno = saved;
}

void catch_signals() {
  struct sigaction action {};
  action.sa_sigaction = forward;
  action.sa_flags = SA_SIGINFO;
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::sigaction(signal, &action, nullptr);
}

void default_signals() {
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::signal(signal, SIG_DFL);
}

/// Made for one run, gone after it.
class PrivateDirectory {
 public:
  static Result<std::string> make() {
    const char* base = std::getenv("TMPDIR");
    std::string path = fmt::format("{}/weft-run-XXXXXX", base != nullptr && *base != '\0' ? base : "/tmp");
    if (::mkdtemp(path.data()) == nullptr)
      return Error{"Weft.Internal", fmt::format("cannot make {}: {}", path, std::strerror(errno)), {}};
    return path;
  }
  explicit PrivateDirectory(std::string path) : path_(std::move(path)) {}
  PrivateDirectory(const PrivateDirectory&) = delete;
  PrivateDirectory& operator=(const PrivateDirectory&) = delete;
  ~PrivateDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// The daemon of this run. Its end is the end of everything it made.
class PrivateDaemon {
 public:
  explicit PrivateDaemon(pid_t pid) : pid_(pid), ended_(watch_process(pid)) {}
  PrivateDaemon(const PrivateDaemon&) = delete;
  PrivateDaemon& operator=(const PrivateDaemon&) = delete;
  ~PrivateDaemon() {
    if (!wait_for_end(ended_, 0)) ::kill(pid_, SIGTERM);
    if (!wait_for_end(ended_, kEndTimeoutMs)) ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_;
  UniqueFd ended_;
};

int exit_code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

int run_command(const std::vector<std::string>& command) {
  if (g_signal != 0) return 128 + g_signal;
  const pid_t child = ::fork();
  if (child < 0) return report({"Weft.Internal", fmt::format("cannot fork: {}", std::strerror(errno)), {}});
  if (child == 0) {
    default_signals();
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // a CI that kills us outright means the command
    _exit(execute(command));
  }
  g_command = child;
  if (g_signal != 0) ::kill(child, g_signal);  // one that came between the two lines above
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  g_command = 0;
  return exit_code_of(status);
}

int run(const std::string& file, const std::vector<std::string>& command) {
  if (command.empty()) return report({"MissingParameter", "say which command: weft run FILE -- COMMAND...", {}});
  Result<TopologyText> topology = read_topology(file);
  if (!topology) return report(topology.error());
  if (Result<nlohmann::json> checked = plan_from_nothing(*topology); !checked) return report(checked.error());
  Result<std::string> path = PrivateDirectory::make();
  if (!path) return report(path.error());
  const PrivateDirectory directory(*path);
  ::setenv("WEFT_RUNTIME_DIR", directory.path().c_str(), 1);
  if (!find_on_path("weft")) {  // `weft run FILE -- weft mpirun ...` means this weft
    const char* search = std::getenv("PATH");
    const std::string here = std::filesystem::path(own_path()).parent_path();
    ::setenv("PATH", fmt::format("{}:{}", search != nullptr ? search : "/usr/bin:/bin", here).c_str(), 1);
  }

  catch_signals();
  Result<pid_t> pid = start_child_daemon(directory.path());
  if (!pid) return report(pid.error());
  const PrivateDaemon daemon(*pid);
  Result<ApiClient> client = ApiClient::open();
  if (!client) return report(client.error());
  int code = kInternal;
  if (Result<void> applied = apply(*client, *topology, stderr); !applied)
    code = report(applied.error());
  else
    code = run_command(command);
  if (Result<int> removed = remove_everything(*client); !removed) {
    const int failure = report(removed.error());
    return code == kOk ? failure : code;
  }
  return code;
}

}  // namespace

void add_run(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("run", "Bring a topology up for the length of one command");
  auto file = std::make_shared<std::string>();
  command->add_option("FILE", *file, "Topology file")->required();
  command->footer(
      "Form: weft run FILE [--] COMMAND...\n"

      "A private weftd and runtime directory; other deployments are not touched. The plan goes to stderr.\n"
      "Exit code: the command's.\n"
      "Example: weft run examples/hpc-cluster.yaml -- weft mpirun -n 2 ./app");
  command->callback([&chosen, file] { chosen.run = [&chosen, file] { return run(*file, chosen.command); }; });
}

}  // namespace weft::cli

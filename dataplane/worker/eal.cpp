#include "dataplane/worker/eal.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_pdump.h>

namespace weft {
namespace {

/// EAL pins its main lcore; "0@(0,1)" lets it float over every CPU this process may use.
std::string main_lcore_anywhere(const cpu_set_t& allowed) {
  std::string cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &allowed)) cpus += (cpus.empty() ? "" : ",") + std::to_string(cpu);
  return "0@(" + cpus + ")";
}

/// EAL makes its runtime directory even in modes that put nothing there, and complains where it may not. So it gets one
/// of its own for as long as it starts.
class PassingDirectory {
 public:
  PassingDirectory() {
    if (::mkdtemp(path_) == nullptr) return;
    if (const char* before = std::getenv(kVariable)) before_ = before;
    ::setenv(kVariable, path_, 1);
    made_ = true;
  }
  ~PassingDirectory() {
    if (!made_) return;
    if (before_) ::setenv(kVariable, before_->c_str(), 1);
    else ::unsetenv(kVariable);
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

 private:
  static constexpr char kVariable[] = "RUNTIME_DIRECTORY";
  char path_[24] = "/tmp/weft-eal-XXXXXX";
  std::optional<std::string> before_;
  bool made_ = false;
};

/// Whoever counts the free huge pages takes them before another process counts: without, daemons that start together
/// count the same pages. The lock is on a folder of the kernel's, which everybody may open and nobody has to make.
class HugePageTurn {
 public:
  explicit HugePageTurn(bool wanted)
      : folder_(wanted ? ::open("/sys/kernel/mm/hugepages", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1) {
    if (folder_ >= 0) ::flock(folder_, LOCK_EX);
  }
  ~HugePageTurn() {
    if (folder_ >= 0) ::close(folder_);
  }
  HugePageTurn(const HugePageTurn&) = delete;
  HugePageTurn& operator=(const HugePageTurn&) = delete;

 private:
  int folder_;
};

/// What a primary process leaves in every hugetlbfs for secondary ones, which keeps the pages taken.
void remove_huge_page_files(const std::string& prefix) {
  std::ifstream mounts("/proc/self/mounts");
  std::string line;
  while (std::getline(mounts, line)) {
    std::istringstream words(line);
    std::string device, folder, type;
    words >> device >> folder >> type;
    std::error_code ignored;
    if (type != "hugetlbfs") continue;
    for (const auto& file : std::filesystem::directory_iterator(folder, ignored))
      if (file.path().filename().string().starts_with(prefix + "map_")) std::filesystem::remove(file.path(), ignored);
  }
}

std::vector<std::string> arguments_of(const EalOptions& options, bool huge, const cpu_set_t& allowed) {
  std::vector<std::string> arguments = {"weft", "--log-level=error", "--iova-mode=va", "--lcores", main_lcore_anywhere(allowed),
                                        "-m", std::to_string(options.memory_mb)};
  if (!options.telemetry) arguments.push_back("--no-telemetry");
  if (!options.shared.empty()) arguments.insert(arguments.end(), {"--proc-type=primary", "--file-prefix", options.shared});
  else if (huge) arguments.push_back("--in-memory");
  else arguments.insert(arguments.end(), {"--no-huge", "--no-shconf"});
  if (!options.pci) arguments.push_back("--no-pci");
  arguments.insert(arguments.end(), options.extra.begin(), options.extra.end());
  return arguments;
}

std::string mode_of(const EalOptions& options, bool huge, unsigned long free_mb) {
  if (huge)
    return "huge pages: " + std::to_string(options.memory_mb) + " MiB of " + std::to_string(free_mb) + " MiB free";
  return "plain memory: " + std::to_string(options.memory_mb) + " MiB, since " +
         (options.huge_pages ? std::to_string(free_mb) + " MiB of huge pages are free" : "huge pages are switched off");
}

}  // namespace

unsigned long free_huge_page_mb(const std::string& sysfs) {
  unsigned long total_kb = 0;
  std::error_code ignored;
  for (const auto& size : std::filesystem::directory_iterator(sysfs, ignored)) {
    unsigned long page_kb = 0, pages = 0;
    const std::string name = size.path().filename();  // "hugepages-2048kB"
    if (std::sscanf(name.c_str(), "hugepages-%lukB", &page_kb) != 1) continue;
    if (std::ifstream(size.path() / "free_hugepages") >> pages) total_kb += page_kb * pages;
  }
  return total_kb / 1024;
}

Result<std::unique_ptr<Eal>> Eal::start(const EalOptions& options) {
  static bool started = false;
  if (started) return Error{"Weft.EalStarted", "DPDK's EAL can be started once in a process, and it was", {}};

  const HugePageTurn turn(options.huge_pages);
  const unsigned long free_mb = options.huge_pages ? free_huge_page_mb() : 0;
  const bool huge = free_mb >= options.memory_mb;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  ::sched_getaffinity(0, sizeof allowed, &allowed);

  if (!options.shared.empty() && !huge)
    return Error{"Weft.NoHugePages",
                 "to be shared, weftd needs " + std::to_string(options.memory_mb) + " MiB of huge pages, and " +
                     std::to_string(free_mb) + " MiB are free; see /proc/sys/vm/nr_hugepages",
                 {}};
  std::vector<std::string> arguments = arguments_of(options, huge, allowed);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  std::optional<PassingDirectory> directory;
  if (!options.telemetry && options.shared.empty()) directory.emplace();
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
    std::string line;
    for (const std::string& argument : arguments) line += (line.empty() ? "" : " ") + argument;
    return Error{"Weft.EalFailed",
                 std::string("DPDK's EAL does not start: ") + rte_strerror(rte_errno) + " (arguments: " + line + ")",
                 {}};
  }
  started = true;
  if (!options.shared.empty() && rte_pdump_init() < 0)
    return Error{"Weft.EalFailed", std::string("dpdk-dumpcap could not be served: ") + rte_strerror(rte_errno), {}};
  return std::unique_ptr<Eal>(new Eal(huge, mode_of(options, huge, free_mb), options));
}

Eal::Eal(bool huge_pages, std::string mode, const EalOptions& options)
    : huge_pages_(huge_pages), shared_(options.shared), mode_(std::move(mode)) {
  if (options.telemetry || !shared_.empty()) files_ = rte_eal_get_runtime_dir();
}

Eal::~Eal() {
  if (!shared_.empty()) rte_pdump_uninit();
  rte_eal_cleanup();
  if (!shared_.empty()) remove_huge_page_files(shared_);
  if (files_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(files_, ignored);
  std::filesystem::remove(std::filesystem::path(files_).parent_path(), ignored);  // if no other process has files there
}

}  // namespace weft

#include "tools/weft-gen/report/system_facts.hpp"

#include <sys/utsname.h>

#include <chrono>
#include <ctime>
#include <fstream>
#include <sstream>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <rte_version.h>

namespace weft::gen {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

/// Of the kernel's command line what moves figures; the rest is nobody's business.
std::string kernel_options() {
  std::istringstream words(first_line("/proc/cmdline"));
  std::string chosen;
  for (std::string word; words >> word;)
    for (const char* name : {"isolcpus", "nohz_full", "rcu_nocbs", "mitigations", "hugepages", "default_hugepagesz",
                             "intel_iommu", "amd_iommu", "iommu", "processor.max_cstate"})
      if (word.starts_with(std::string(name) + "=")) chosen += (chosen.empty() ? "" : " ") + word;
  return chosen.empty() ? "none that matters" : chosen;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> system_facts() {
  utsname kernel{};
  ::uname(&kernel);
  const std::string governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  return {{"Date", fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(std::time(nullptr)))},
          {"CPU", cpu_model()},
          {"CPUs online", first_line("/sys/devices/system/cpu/online")},
          {"Frequency governor", governor.empty() ? "not shown by this machine" : governor},
          {"Load before", first_line("/proc/loadavg")},
          {"Kernel", fmt::format("{} {} {}", kernel.sysname, kernel.release, kernel.machine)},
          {"Kernel options", kernel_options()},
          {"DPDK", rte_version()},
          {"weft-gen", WEFT_VERSION}};
}

}  // namespace weft::gen

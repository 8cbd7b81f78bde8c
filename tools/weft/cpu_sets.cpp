#include "tools/weft/cpu_sets.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace weft::cli {

std::vector<int> usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  return cpus;
}

std::vector<std::vector<int>> share_cpus(const std::vector<int>& cpus, std::size_t instances, std::size_t ranks_each) {
  const std::size_t ranks = instances * ranks_each;
  if (ranks == 0 || cpus.size() < ranks) return {};
  const std::size_t each = std::max(ranks_each, (cpus.size() - 1) / instances);  // the last ones stay for weftd
  std::vector<std::vector<int>> shares;
  for (std::size_t i = 0; i < instances; ++i)
    shares.emplace_back(cpus.begin() + static_cast<std::ptrdiff_t>(i * each),
                        cpus.begin() + static_cast<std::ptrdiff_t>((i + 1) * each));
  return shares;
}

std::string encode_shares(const std::vector<std::string>& instances, const std::vector<std::vector<int>>& shares) {
  std::string text;
  for (std::size_t i = 0; i < instances.size() && i < shares.size(); ++i)
    text += fmt::format("{}{}={}", text.empty() ? "" : ";", instances[i], fmt::join(shares[i], ","));
  return text;
}

std::vector<int> share_of(const std::string& encoded, const std::string& instance) {
  std::istringstream entries(encoded);
  for (std::string entry; std::getline(entries, entry, ';');) {
    if (!entry.starts_with(instance + "=")) continue;
    std::vector<int> cpus;
    std::istringstream numbers(entry.substr(instance.size() + 1));
    for (std::string number; std::getline(numbers, number, ',');) cpus.push_back(std::atoi(number.c_str()));
    return cpus;
  }
  return {};
}

void take_cpus_from_environment(const std::string& instance) {
  const char* encoded = std::getenv("WEFT_CPUS");
  if (encoded == nullptr) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int cpu : share_of(encoded, instance))
    if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_SET(cpu, &set);
  if (CPU_COUNT(&set) > 0) ::sched_setaffinity(0, sizeof(set), &set);  // no share is better than no start
}

}  // namespace weft::cli

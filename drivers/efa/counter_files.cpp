#include "drivers/efa/counter_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "drivers/efa/file_descriptor.hpp"

namespace weft::efa {
namespace {

constexpr char kPort[] = "/ports/1/hw_counters/";

void write_number(const std::string& path, std::uint64_t value, int flags) {
  const FileDescriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | flags, 0644));
  if (!file) return;
  char text[24];
  const int length = std::snprintf(text, sizeof text, "%llu\n", static_cast<unsigned long long>(value));
  // In place and in one write: whoever keeps the file open reads on, as in sysfs.
  [[maybe_unused]] const ssize_t written = pwrite(file.get(), text, static_cast<std::size_t>(length), 0);
}

}  // namespace

CounterFiles::CounterFiles(std::string directory) : directory_(std::move(directory)) {}

void CounterFiles::add(const EfaFunction& function) {
  Device& added = devices_[function.eni_id];
  added.device = directory_ + "/" + function.instance + "/infiniband/weft" + std::to_string(function.device_index);
  std::error_code ignored;
  std::filesystem::create_directories(added.device + kPort, ignored);
  for (const EfaHwCounter& counter : efa_hw_counters({})) {
    write_number(added.device + kPort + counter.name, 0, O_CREAT | O_TRUNC);
    added.written.push_back(0);
  }
}

void CounterFiles::remove(const std::string& eni_id) {
  const auto found = devices_.find(eni_id);
  if (found == devices_.end()) return;
  std::error_code ignored;
  std::filesystem::remove_all(found->second.device, ignored);  // not what is above: it is mounted in the instance
  devices_.erase(found);
}

bool CounterFiles::write(const std::string& eni_id, const EfaCounters& counters) {
  const auto found = devices_.find(eni_id);
  if (found == devices_.end()) return false;
  bool changed = false;
  std::size_t i = 0;
  for (const EfaHwCounter& counter : efa_hw_counters(counters)) {
    std::uint64_t& written = found->second.written[i++];
    if (counter.value <= written) continue;  // what clients say of themselves might shrink
    write_number(found->second.device + kPort + counter.name, written = counter.value, 0);
    changed = true;
  }
  return changed;
}

}  // namespace weft::efa

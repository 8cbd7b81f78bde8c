// The counters of EFA functions as files of one number each, laid out as sysfs has them:
//   <directory>/<instance>/infiniband/weft<device index>/ports/1/hw_counters/<name>
// The holder shows an instance its own part as /sys/class/infiniband (instances/guest_mounts.cpp).
// Thread: the server's, under its lock. What cannot be written is left as it is: nothing depends on these files.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "drivers/efa/function.hpp"

namespace weft::efa {

class CounterFiles {
 public:
  explicit CounterFiles(std::string directory);

  void add(const EfaFunction& function);
  void remove(const std::string& eni_id);
  /// Writes what has changed; true: something has. A number only grows, so a reader sees the old one or the new one.
  bool write(const std::string& eni_id, const EfaCounters& counters);

 private:
  struct Device {
    std::string device;                 // .../infiniband/weft0
    std::vector<std::uint64_t> written;
  };
  std::string directory_;
  std::map<std::string, Device> devices_;  // by ENI
};

}  // namespace weft::efa

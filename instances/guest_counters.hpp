// What an instance sees of the counters of its EFA functions, which weftd writes to files (drivers/efa/counter_files.hpp):
// /sys/class/infiniband, where programs look, if the kernel lets us put it there; and in any case the same path below the
// runtime directory as outside. Failures are silent: an instance without them works.
#pragma once

#include <string>

#include "instances/holder.hpp"

namespace weft::holder {

struct GuestCounters {
  std::string path;
  UniqueFd directory;  // none: there is no such directory
};

std::string counter_directory(const std::string& runtime_directory, const std::string& instance);

/// Makes the instance's directory. Call it before the runtime directory is hidden.
GuestCounters open_guest_counters(const std::string& runtime_directory, const std::string& instance);
/// In the instance's mount namespace, when it has its own /sys.
void mount_as_class(const GuestCounters& counters);
/// In the instance's mount namespace, when the runtime directory is hidden.
void show_in_runtime_directory(const GuestCounters& counters);

void forget_guest_counters(const std::string& runtime_directory, const std::string& instance);

}  // namespace weft::holder

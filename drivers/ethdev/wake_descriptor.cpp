#include "drivers/ethdev/wake_descriptor.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>

namespace weft::ethdev {
namespace {

std::vector<int> sockets_of(int family) {
  std::vector<int> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored)) {
    const int fd = std::atoi(entry.path().filename().c_str());
    int domain = 0;
    socklen_t bytes = sizeof domain;
    if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) == 0 && domain == family) found.push_back(fd);
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace

NewSockets::NewSockets(int family) : family_(family), before_(sockets_of(family)) {}

std::vector<int> NewSockets::found() const {
  std::vector<int> fresh;
  std::ranges::set_difference(sockets_of(family_), before_, std::back_inserter(fresh));
  return fresh;
}

}  // namespace weft::ethdev

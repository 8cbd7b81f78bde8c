#include <unistd.h>

#include <utility>

#include "instances/holder.hpp"

namespace weft {

UniqueFd& UniqueFd::operator=(UniqueFd&& o) noexcept {
  if (this != &o) {
    const int old = std::exchange(fd_, o.release());
    if (old >= 0) ::close(old);
  }
  return *this;
}

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace weft

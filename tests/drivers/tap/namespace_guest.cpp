#include "tests/drivers/tap/namespace_guest.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "drivers/tap/tap_device.hpp"

namespace weft::test {

bool may_make_guests(std::string& why) {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  if (uid != 0) {
    if (::unshare(CLONE_NEWUSER) != 0) {
      why = std::string("no user namespace: ") + std::strerror(errno);
      return false;
    }
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << "0 " << uid << " 1";
    std::ofstream("/proc/self/gid_map") << "0 " << gid << " 1";
  }
  const int device = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (device < 0) {
    why = std::string("/dev/net/tun: ") + std::strerror(errno);
    return false;
  }
  ::close(device);
  return true;
}

NamespaceGuest::NamespaceGuest(const std::string& address, const std::string& mac, int mtu) {
  std::string failed;
  std::thread([&] {
    if (::unshare(CLONE_NEWNET) != 0) {
      failed = std::string("unshare: ") + std::strerror(errno);
      return;
    }
    namespace_ = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    tap_ = open_tap("eth0");
    if (tap_ < 0) failed = std::string("TAP: ") + std::strerror(-tap_);
  }).join();
  if (!failed.empty()) throw std::runtime_error(failed);
  const std::string set_up = "ip link set lo up && ip link set eth0 address " + mac + " mtu " + std::to_string(mtu) +
                             " && sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1; ip addr add " + address +
                             "/24 dev eth0 && ip link set eth0 up";
  if (command(set_up) != 0) throw std::runtime_error("cannot configure eth0: " + set_up);
}

NamespaceGuest::~NamespaceGuest() {
  if (tap_ >= 0) ::close(tap_);
  if (namespace_ >= 0) ::close(namespace_);
}

int NamespaceGuest::release_tap() { return std::exchange(tap_, -1); }

void NamespaceGuest::inside(const std::function<void()>& work) const {
  std::thread([&] {
    if (::setns(namespace_, CLONE_NEWNET) == 0) work();
  }).join();
}

int NamespaceGuest::command(const std::string& line) const {
  int status = -1;
  inside([&] { status = std::system(line.c_str()); });  // a child has the namespace of the thread that made it
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace weft::test

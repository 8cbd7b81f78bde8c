#include "drivers/ethdev/kernel_interface.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace weft::ethdev {
namespace {

/// By index, for an interface may be renamed while it is in use.
bool ask(int socket, int index, unsigned long what, ifreq& request) noexcept {
  request = {};
  request.ifr_ifindex = index;
  return ::ioctl(socket, SIOCGIFNAME, &request) == 0 && ::ioctl(socket, what, &request) == 0;
}

bool ask_ethtool(int socket, int index, void* question) noexcept {
  ifreq request{};
  request.ifr_ifindex = index;
  if (::ioctl(socket, SIOCGIFNAME, &request) != 0) return false;
  request.ifr_data = static_cast<char*>(question);
  return ::ioctl(socket, SIOCETHTOOL, &request) == 0;
}

}  // namespace

std::optional<KernelInterface> KernelInterface::find(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) return std::nullopt;
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return std::nullopt;
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (::ioctl(socket, SIOCGIFINDEX, &request) != 0) {
    ::close(socket);
    return std::nullopt;
  }
  return KernelInterface(name, request.ifr_ifindex, socket);
}

KernelInterface::KernelInterface(KernelInterface&& other) noexcept
    : name_(std::move(other.name_)), index_(other.index_), socket_(std::exchange(other.socket_, -1)) {}

KernelInterface& KernelInterface::operator=(KernelInterface&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(index_, other.index_);
  std::swap(socket_, other.socket_);
  return *this;
}

KernelInterface::~KernelInterface() {
  if (socket_ >= 0) ::close(socket_);
}

bool KernelInterface::running() const noexcept {
  ifreq request;
  constexpr int kRunning = IFF_UP | IFF_RUNNING;
  return ask(socket_, index_, SIOCGIFFLAGS, request) && (request.ifr_flags & kRunning) == kRunning;
}

bool KernelInterface::exists() const noexcept {
  ifreq request;
  return ask(socket_, index_, SIOCGIFFLAGS, request);
}

std::uint16_t KernelInterface::mtu() const noexcept {
  ifreq request;
  if (!ask(socket_, index_, SIOCGIFMTU, request)) return 0;
  return static_cast<std::uint16_t>(std::clamp(request.ifr_mtu, 0, 0xffff));
}

bool KernelInterface::is_hardware() const noexcept {
  ethtool_drvinfo driver{};
  driver.cmd = ETHTOOL_GDRVINFO;
  return ask_ethtool(socket_, index_, &driver) && std::strchr(driver.bus_info, ':') != nullptr;
}

unsigned KernelInterface::channels() const noexcept {
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  return ask_ethtool(socket_, index_, &channels) ? std::max(channels.combined_count, 1U) : 1;
}

bool may_open_packet_sockets() {
  const int socket = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (socket < 0) return false;
  ::close(socket);
  return true;
}

}  // namespace weft::ethdev

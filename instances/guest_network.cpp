#include "instances/guest_network.hpp"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "instances/guest_interface.hpp"
#include "instances/system_error.hpp"

namespace weft::holder {
namespace {

constexpr char kEfaSocketName[] = "weft-efa";  // drivers/efa/abi.hpp kSocketName; a test compares them
constexpr int kEfaBacklog = 512;               // every rank of a large job may connect at once

Result<void> bring_up_loopback(Netlink& netlink) {
  ifinfomsg link{};
  link.ifi_index = 1;  // always the first interface of a network namespace
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  return netlink.apply("bring up lo", netlink_request(RTM_NEWLINK, 0, link));
}

/// Abstract names belong to the network namespace, so only who is inside can connect (DESIGN D9).
Result<UniqueFd> listen_for_efa() {
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return system_error("cannot make the EFA listener");
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path + 1, kEfaSocketName, sizeof(kEfaSocketName) - 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + sizeof(kEfaSocketName));
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), size) != 0 ||
      ::listen(socket.get(), kEfaBacklog) != 0)
    return system_error("cannot listen for EFA clients");
  return socket;
}

}  // namespace

Result<GuestNetwork> make_guest_network(const GuestInstance& instance) {
  auto netlink = Netlink::open();
  if (!netlink) return netlink.error();
  if (auto up = bring_up_loopback(*netlink); !up) return up.error();

  // ping without CAP_NET_RAW. All groups; in a user namespace that maps only one, that one.
  if (!write_file("/proc/sys/net/ipv4/ping_group_range", "0 2147483647"))
    write_file("/proc/sys/net/ipv4/ping_group_range", "0 0");

  GuestNetwork network;
  for (const GuestInterface& interface : instance.interfaces) {
    auto tap = make_interface(*netlink, interface);
    if (!tap) return tap.error();
    network.taps.push_back(std::move(*tap));
  }
  if (instance.efa) {
    auto listener = listen_for_efa();
    if (!listener) return listener.error();
    network.efa_listener = std::move(*listener);
  }
  return network;
}

}  // namespace weft::holder

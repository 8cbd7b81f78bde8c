#include "instances/guest_network.hpp"

#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>

#include "instances/netlink.hpp"
#include "instances/system_error.hpp"

namespace weft::holder {
namespace {

constexpr char kEfaSocketName[] = "weft-efa";  // drivers/efa/abi.hpp kSocketName; a test compares them
constexpr int kEfaBacklog = 512;               // every rank of a large job may connect at once
// As Amazon's own images number them (amazon-ec2-net-utils): a routing table per secondary interface.
constexpr std::uint32_t kFirstTable = 10000;

std::array<std::byte, 4> octets(const IpAddress& ip) {
  std::array<std::byte, 4> v4;
  std::memcpy(v4.data(), ip.octets.data() + 12, v4.size());
  return v4;
}

Result<UniqueFd> open_tap(const std::string& name) {
  UniqueFd tap(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!tap)
    return system_error(
        "cannot open /dev/net/tun; load the kernel's tun module (modprobe tun), and in a container give it the device");
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (::ioctl(tap.get(), TUNSETIFF, &request) != 0) return system_error("cannot make the TAP " + name);
  const int header_length = kVnetHeaderLength;
  if (::ioctl(tap.get(), TUNSETVNETHDRSZ, &header_length) != 0)
    return system_error("cannot set the virtio header length of " + name);
  // What the engine takes from the guest unfinished (DESIGN D15): partial checksums, TCP super-segments.
  constexpr unsigned kOffloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
  if (::ioctl(tap.get(), TUNSETOFFLOAD, kOffloads) != 0) return system_error("cannot set the offloads of " + name);
  return tap;
}

NetlinkRequest link_request(unsigned index, bool up) {
  ifinfomsg link{};
  link.ifi_family = AF_UNSPEC;
  link.ifi_index = static_cast<int>(index);
  if (up) link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  return netlink_request(RTM_NEWLINK, 0, link);
}

NetlinkRequest route_request(std::uint8_t prefix_length, std::uint8_t scope, std::uint32_t table, unsigned index) {
  rtmsg route{};
  route.rtm_family = AF_INET;
  route.rtm_dst_len = prefix_length;
  route.rtm_protocol = RTPROT_STATIC;
  route.rtm_scope = scope;
  route.rtm_type = RTN_UNICAST;
  return netlink_request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route)
      .attribute(RTA_TABLE, table)
      .attribute(RTA_OIF, index);
}

Result<void> add_default_route(Netlink& netlink, const GuestInterface& interface, std::uint32_t table, unsigned index) {
  return netlink.apply(
      "route " + interface.name + " through " + interface.router.to_string(),
      route_request(0, RT_SCOPE_UNIVERSE, table, index).attribute(RTA_GATEWAY, octets(interface.router)));
}

/// What leaves with a secondary interface's address must leave through it, or its ENI's spoof check drops it.
Result<void> route_by_source(Netlink& netlink, const GuestInterface& interface, std::uint32_t table, unsigned index) {
  fib_rule_hdr rule{};
  rule.family = AF_INET;
  rule.src_len = 32;
  rule.action = FR_ACT_TO_TBL;
  auto added = netlink.apply("add the source rule of " + interface.name,
                             netlink_request(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule)
                                 .attribute(FRA_SRC, octets(interface.address))
                                 .attribute(FRA_TABLE, table)
                                 .attribute(FRA_PRIORITY, table));
  if (!added) return added;
  const auto subnet =
      IpPrefix::make(interface.address, static_cast<std::uint8_t>(interface.prefix_length + 96)).address;
  added = netlink.apply(
      "add the subnet's route of " + interface.name,
      route_request(interface.prefix_length, RT_SCOPE_LINK, table, index).attribute(RTA_DST, octets(subnet)));
  if (!added) return added;
  return add_default_route(netlink, interface, table, index);
}

Result<void> configure(Netlink& netlink, const GuestInterface& interface, std::size_t position) {
  const unsigned index = ::if_nametoindex(interface.name.c_str());
  if (index == 0) return system_error("cannot find the TAP " + interface.name);
  // IPv6 is not carried yet; its router solicitations would only be drops to explain. Without the file there is no
  // IPv6.
  write_file("/proc/sys/net/ipv6/conf/" + interface.name + "/disable_ipv6", "1");

  auto done = netlink.apply("set MAC and MTU of " + interface.name,
                            link_request(index, false)
                                .attribute(IFLA_ADDRESS, std::as_bytes(std::span(interface.mac.octets)))
                                .attribute(IFLA_MTU, static_cast<std::uint32_t>(interface.mtu)));
  if (!done) return done;
  done = netlink.apply("bring up " + interface.name, link_request(index, true));
  if (!done) return done;

  ifaddrmsg address{};
  address.ifa_family = AF_INET;
  address.ifa_prefixlen = interface.prefix_length;
  address.ifa_index = index;
  done = netlink.apply("give " + interface.name + " the address " + interface.address.to_string(),
                       netlink_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address)
                           .attribute(IFA_LOCAL, octets(interface.address))
                           .attribute(IFA_ADDRESS, octets(interface.address)));
  if (!done) return done;
  if (position == 0) return add_default_route(netlink, interface, RT_TABLE_MAIN, index);
  return route_by_source(netlink, interface, kFirstTable + static_cast<std::uint32_t>(position), index);
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

bool write_file(const std::string& path, const std::string& text) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

Result<InstanceHandles> make_guest_network(const GuestInstance& instance) {
  auto netlink = Netlink::open();
  if (!netlink) return netlink.error();
  constexpr unsigned kLoopback = 1;  // always the first interface of a network namespace
  if (auto up = netlink->apply("bring up lo", link_request(kLoopback, true)); !up) return up.error();

  // ping without CAP_NET_RAW. All groups; in a user namespace that maps only one, that one.
  if (!write_file("/proc/sys/net/ipv4/ping_group_range", "0 2147483647"))
    write_file("/proc/sys/net/ipv4/ping_group_range", "0 0");

  InstanceHandles handles;
  for (std::size_t i = 0; i < instance.interfaces.size(); ++i) {
    const GuestInterface& interface = instance.interfaces[i];
    auto tap = open_tap(interface.name);
    if (!tap) return tap.error();
    if (auto done = configure(*netlink, interface, i); !done) return done.error();
    handles.taps.push_back(std::move(*tap));
  }
  if (instance.efa) {
    auto listener = listen_for_efa();
    if (!listener) return listener.error();
    handles.efa_listener = std::move(*listener);
  }
  return handles;
}

}  // namespace weft::holder

#include "instances/guest_interface.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "instances/guest_routes.hpp"
#include "instances/system_error.hpp"

namespace weft::holder {
namespace {

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

/// Off unless the ENI has an IPv6 address: else its solicitations and reports would only be drops to explain. All is
/// configured here, so nothing is asked or awaited: no advertisements, and no search for duplicates, which the fabric
/// rules out. A kernel without the files has no IPv6; adding an address says so.
void switch_ipv6(const std::string& name, bool on) {
  const std::string directory = "/proc/sys/net/ipv6/conf/" + name + "/";
  for (const char* off : {"accept_ra", "autoconf", "router_solicitations", "accept_dad", "dad_transmits"})
    write_file(directory + off, "0");
  write_file(directory + "disable_ipv6", on ? "0" : "1");
}

NetlinkRequest address_request(std::uint16_t type, std::uint16_t flags, const GuestAddress& address, unsigned index) {
  ifaddrmsg message{};
  message.ifa_family = family_of(address.ip);
  message.ifa_prefixlen = address.prefix_length;
  message.ifa_index = index;
  if (!address.ip.is_v4()) message.ifa_flags = IFA_F_NODAD;
  return netlink_request(type, flags, message)
      .attribute(IFA_LOCAL, octets(address.ip))
      .attribute(IFA_ADDRESS, octets(address.ip));
}

Result<void> add_address(Netlink& netlink, const std::string& name, const GuestAddress& address, unsigned index) {
  return netlink.apply("give " + name + " the address " + address.ip.to_string(),
                       address_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address, index), EEXIST);
}

Result<void> know_router(Netlink& netlink, const GuestInterface& interface, const IpAddress& router, unsigned index) {
  ndmsg neighbour{};
  neighbour.ndm_family = family_of(router);
  neighbour.ndm_ifindex = static_cast<int>(index);
  neighbour.ndm_state = NUD_PERMANENT;
  return netlink.apply("tell " + interface.name + " its router's MAC",
                       netlink_request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, neighbour)
                           .attribute(NDA_DST, octets(router))
                           .attribute(NDA_LLADDR, std::as_bytes(std::span(interface.router_mac->octets))));
}

bool contains(const std::vector<GuestAddress>& addresses, const GuestAddress& address) {
  return std::ranges::find(addresses, address) != addresses.end();
}

}  // namespace

bool write_file(const std::string& path, const std::string& text) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

Result<UniqueFd> make_interface(Netlink& netlink, const GuestInterface& interface) {
  auto tap = open_tap(interface.name);
  if (!tap) return tap;
  const unsigned index = ::if_nametoindex(interface.name.c_str());
  if (index == 0) return system_error("cannot find the TAP " + interface.name);
  switch_ipv6(interface.name, has_ipv6(interface));

  ifinfomsg link{};
  link.ifi_index = static_cast<int>(index);
  link.ifi_change = IFF_UP;
  auto done = netlink.apply("set MAC and MTU of " + interface.name,
                            netlink_request(RTM_NEWLINK, 0, link)
                                .attribute(IFLA_ADDRESS, std::as_bytes(std::span(interface.mac.octets)))
                                .attribute(IFLA_MTU, static_cast<std::uint32_t>(interface.mtu)));
  if (!done) return done.error();
  link.ifi_flags = IFF_UP;
  done = netlink.apply("bring up " + interface.name, netlink_request(RTM_NEWLINK, 0, link));
  if (!done) return done.error();

  for (const GuestAddress& address : interface.addresses)
    if (done = add_address(netlink, interface.name, address, index); !done) return done.error();
  for (const auto& router : {interface.router, interface.ipv6_router}) {
    if (!router || !interface.router_mac || (!router->is_v4() && !has_ipv6(interface))) continue;
    if (done = know_router(netlink, interface, *router, index); !done) return done.error();
  }
  if (done = add_routes(netlink, interface, index, kIpv4); !done) return done.error();
  if (has_ipv6(interface))
    if (done = add_routes(netlink, interface, index, kIpv6); !done) return done.error();
  if (done = add_source_rules(netlink, interface, sources_of(interface)); !done) return done.error();
  return tap;
}

Result<void> change_addresses(Netlink& netlink, const std::string& name, const GuestInterface& before,
                              const GuestInterface& after) {
  const unsigned index = ::if_nametoindex(name.c_str());
  if (index == 0) return system_error("cannot find the interface " + name);
  const bool had_ipv6 = has_ipv6(before), has_it = has_ipv6(after);
  if (had_ipv6 && !has_it) switch_ipv6(name, false);  // and with it go its addresses and routes
  Result<void> done;
  for (const GuestAddress& address : before.addresses) {
    if (contains(after.addresses, address) || (!address.ip.is_v4() && !has_it)) continue;
    done = netlink.apply("take the address " + address.ip.to_string() + " from " + name,
                         address_request(RTM_DELADDR, 0, address, index), EADDRNOTAVAIL);
    if (!done) return done;
  }
  if (!had_ipv6 && has_it) switch_ipv6(name, true);
  for (const GuestAddress& address : after.addresses)
    if (!contains(before.addresses, address) || (!had_ipv6 && !address.ip.is_v4()))
      if (done = add_address(netlink, name, address, index); !done) return done;
  if (has_it && (!had_ipv6 || before.ipv6_router != after.ipv6_router))
    if (done = add_routes(netlink, after, index, kIpv6); !done) return done;

  const std::vector<IpPrefix> old_sources = sources_of(before), new_sources = sources_of(after);
  if (done = remove_source_rules(netlink, before, without(old_sources, new_sources)); !done) return done;
  return add_source_rules(netlink, after, without(new_sources, old_sources));
}

Result<void> delete_interface(Netlink& netlink, const std::string& name, const GuestInterface& interface) {
  if (auto done = remove_source_rules(netlink, interface, sources_of(interface)); !done) return done;
  const unsigned index = ::if_nametoindex(name.c_str());
  if (index == 0) return {};
  ifinfomsg link{};
  link.ifi_index = static_cast<int>(index);
  return netlink.apply("take out " + name, netlink_request(RTM_DELLINK, 0, link), ENODEV);
}

}  // namespace weft::holder

#include "instances/change_interfaces.hpp"

#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>

#include "instances/child.hpp"
#include "instances/guest_interface.hpp"
#include "instances/system_error.hpp"

namespace weft::holder {
namespace {

using Interfaces = std::vector<KeptInterface>;

Interfaces::iterator find(Interfaces& all, const std::string& eni_id) {
  return std::ranges::find(all, eni_id, [](const KeptInterface& one) { return one.description.eni_id; });
}

/// Only addresses, prefixes and IPv6's way out may change while an interface lives; with anything else it is another.
bool same_interface(GuestInterface one, const GuestInterface& other) {
  one.ipv6_router = other.ipv6_router;
  one.addresses = other.addresses;
  one.prefixes = other.prefixes;
  return one == other;
}

/// The guest may have renamed it.
std::string name_now(const KeptInterface& interface) {
  ifreq request{};
  if (::ioctl(interface.tap.get(), TUNGETIFF, &request) != 0) return interface.description.name;
  return request.ifr_name;
}

Result<void> with_netlink(const InstanceNamespaces& instance, const std::function<Result<void>(Netlink&)>& work) {
  auto done = run_inside(instance.network.get(), [&]() -> Result<std::vector<UniqueFd>> {
    auto netlink = Netlink::open();
    if (!netlink) return netlink.error();
    if (auto worked = work(*netlink); !worked) return worked.error();
    return std::vector<UniqueFd>();
  });
  if (!done) return done.error();
  return {};
}

Result<void> take_out(InstanceNamespaces& instance, Interfaces::iterator interface) {
  auto gone = with_netlink(instance, [&, name = name_now(*interface)](Netlink& netlink) {
    return delete_interface(netlink, name, interface->description);
  });
  if (gone) instance.interfaces.erase(interface);
  return gone;
}

Result<void> put_in(InstanceNamespaces& instance, const GuestInterface& wanted) {
  auto tap = run_inside(instance.network.get(), [&]() -> Result<std::vector<UniqueFd>> {
    auto netlink = Netlink::open();
    if (!netlink) return netlink.error();
    auto made = make_interface(*netlink, wanted);
    if (!made) return made.error();
    std::vector<UniqueFd> fds;
    fds.push_back(std::move(*made));
    return fds;
  });
  if (!tap) {
    // The TAP went with the child; rules that it had made already would stay.
    (void)with_netlink(instance, [&](Netlink& netlink) { return delete_interface(netlink, wanted.name, wanted); });
    return tap.error();
  }
  if (tap->size() != 1) return holder_error("an interface came without its descriptor");
  instance.interfaces.push_back({wanted, std::move(tap->front())});
  return {};
}

Result<void> readdress(InstanceNamespaces& instance, KeptInterface& interface, const GuestInterface& wanted) {
  auto changed = with_netlink(instance, [&, name = name_now(interface)](Netlink& netlink) {
    return change_addresses(netlink, name, interface.description, wanted);
  });
  if (changed) {
    interface.description = wanted;
    return changed;
  }
  // Half-way: it may have any of both, and the next change takes out what is not wanted then.
  for (const GuestAddress& address : wanted.addresses)
    if (std::ranges::find(interface.description.addresses, address) == interface.description.addresses.end())
      interface.description.addresses.push_back(address);
  for (const IpPrefix& prefix : wanted.prefixes)
    if (std::ranges::find(interface.description.prefixes, prefix) == interface.description.prefixes.end())
      interface.description.prefixes.push_back(prefix);
  return changed;
}

}  // namespace

Result<void> change_interfaces(InstanceNamespaces& instance, const GuestInstance& wanted) {
  if (wanted.efa != static_cast<bool>(instance.efa_listener))
    return Error{"OperationNotPermitted",
                 wanted.name + " runs: an EFA interface is attached and detached while its instance is stopped",
                 {}};
  // First what goes, which may have the name of what comes.
  for (auto kept = instance.interfaces.begin(); kept != instance.interfaces.end();) {
    const auto stays = std::ranges::any_of(
        wanted.interfaces, [&](const GuestInterface& one) { return same_interface(one, kept->description); });
    if (stays) {
      ++kept;
      continue;
    }
    if (kept->description.device_index == 0)
      return Error{"OperationNotPermitted",
                   "The network interface at device index 0 and networkCard index 0 cannot be detached.",
                   {}};
    const auto position = kept - instance.interfaces.begin();
    if (auto gone = take_out(instance, kept); !gone) return gone;
    kept = instance.interfaces.begin() + position;
  }
  for (const GuestInterface& one : wanted.interfaces) {
    const auto kept = find(instance.interfaces, one.eni_id);
    if (kept == instance.interfaces.end()) {
      if (auto made = put_in(instance, one); !made) return made;
    } else if (kept->description != one) {
      if (auto changed = readdress(instance, *kept, one); !changed) return changed;
    }
  }
  std::ranges::sort(instance.interfaces, {}, [](const KeptInterface& one) { return one.description.device_index; });
  return {};
}

}  // namespace weft::holder

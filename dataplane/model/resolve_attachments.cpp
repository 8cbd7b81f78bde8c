// Interfaces: what each may be, and what may be attached where (facts ec2 1.2, 1.5, 6.1).
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "dataplane/model/identity.hpp"
#include "dataplane/model/resolver.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

constexpr std::size_t kGroupsPerInterface = 5;  // facts ec2 2.3
constexpr std::size_t kEfaPerInstance = 8;      // what the EFA function's ABI can list (drivers/efa/abi.hpp)
constexpr int kMostDeviceIndex = 255;
constexpr int kMostCards = 32;  // of any type (facts ec2 1.5)
constexpr std::size_t kLongestInterfaceText = 255;

std::size_t slots(std::size_t listed, int counted) { return listed + static_cast<std::size_t>(std::max(counted, 0)); }

bool has_addresses(const InterfaceDeclaration& declared) {
  return declared.private_ip || !declared.secondary_private_ips.empty() || declared.secondary_private_ip_count != 0 ||
         !declared.ipv6_addresses.empty() || declared.ipv6_address_count != 0 || !declared.ipv4_prefixes.empty() ||
         declared.ipv4_prefix_count != 0 || !declared.ipv6_prefixes.empty() || declared.ipv6_prefix_count != 0 ||
         declared.associate_public_ip.value_or(false);
}

}  // namespace

// False: no addresses can be chosen for it.
bool Resolver::check_interface(const InterfaceDeclaration& declared, const std::string& key, bool shared) {
  const Subnet* subnet = result_.find_subnet(declared.subnet);
  if (subnet == nullptr)
    refuse(key + ".subnet", "InvalidSubnetID.NotFound",
           fmt::format("no subnet has the name {}{}", in_quotes(declared.subnet),
                       hint(declared.subnet, names_of(result_.subnets))));
  const int rules = topology_.parameters.rules_per_security_group;
  const std::size_t most = std::min(kGroupsPerInterface, static_cast<std::size_t>(kMostRulesPerEni / std::max(rules, 1)));
  if (declared.security_groups.size() > most)
    refuse(key + ".security_groups", "SecurityGroupsPerInterfaceLimitExceeded",
           fmt::format("{} security groups; an interface has at most {}{}", declared.security_groups.size(), most,
                       most == kGroupsPerInterface
                           ? ""
                           : fmt::format(" when a group may have {} rules: together {}", rules, kMostRulesPerEni)));
  std::set<std::string> seen;
  for (std::size_t i = 0; i < std::min(declared.security_groups.size(), kGroupsPerInterface); ++i) {
    const std::string group_key = fmt::format("{}.security_groups[{}]", key, i);
    check_group_reference(declared.security_groups[i], group_key);
    if (!seen.insert(declared.security_groups[i]).second)
      refuse(group_key, "InvalidParameterValue",
             fmt::format("the group {} is listed twice; once is enough", in_quotes(declared.security_groups[i])));
  }
  if (declared.description.size() > kLongestInterfaceText)
    refuse(key + ".description", "InvalidParameterValue",
           fmt::format("a description is at most {} characters", kLongestInterfaceText));
  if (declared.device_index && (*declared.device_index < 0 || *declared.device_index > kMostDeviceIndex))
    refuse(key + ".device_index", "InvalidParameterValue",
           fmt::format("device index {} is not possible; use 0 to {}", *declared.device_index, kMostDeviceIndex));
  check_tracking(declared.connection_tracking, key + ".connection_tracking");
  check_port(declared, key + ".port");
  const bool possible = check_addresses(declared, key, shared);
  return possible && subnet != nullptr && !wrong_subnets_.contains(declared.subnet);
}

void Resolver::check_tracking(const ConnectionTracking& tracking, const std::string& key) {
  const auto check = [&](const std::optional<int>& seconds, const char* name, int least, int most) {
    if (seconds && (*seconds < least || *seconds > most))
      refuse(key + "." + name, "InvalidParameterValue",
             fmt::format("{} is {} s; it must be {} to {}", name, *seconds, least, most));
  };
  check(tracking.tcp_established_timeout, "tcp_established_timeout", 60, 432000);  // facts ec2 2.4
  check(tracking.udp_timeout, "udp_timeout", 30, 60);
  check(tracking.udp_stream_timeout, "udp_stream_timeout", 60, 180);
}

// A list and a count exclude each other, as in CreateNetworkInterface. Prefixes and secondary addresses do not: EC2
// refuses both only in one call, and takes them one after the other (facts ec2 1.4).
bool Resolver::check_addresses(const InterfaceDeclaration& declared, const std::string& key, bool shared) {
  const std::size_t before = errors_.size();
  const auto check = [&](std::size_t listed, int count, const std::string& list) {
    if (count < 0)
      refuse(key + "." + list, "InvalidParameterValue", fmt::format("{} cannot be {}; it is 0 or more", list, count));
    if (listed > 0 && count > 0)
      refuse(key + "." + list, "InvalidParameterCombination",
             fmt::format("{} lists {} already; write the list or how many", list, listed));
    if (listed > 0 && shared)
      refuse(key + "." + list, "InvalidParameterCombination",
             fmt::format("several instances cannot share one address; write how many {} each gets", list));
  };
  if (shared && declared.private_ip)
    refuse(key + ".private_ip", "InvalidParameterCombination",
           "several instances cannot share one address; leave private_ip out or count at 1");
  check(declared.secondary_private_ips.size(), declared.secondary_private_ip_count, "secondary_private_ips");
  check(declared.ipv6_addresses.size(), declared.ipv6_address_count, "ipv6_addresses");
  check(declared.ipv4_prefixes.size(), declared.ipv4_prefix_count, "ipv4_prefixes");
  check(declared.ipv6_prefixes.size(), declared.ipv6_prefix_count, "ipv6_prefixes");
  if (declared.type == InterfaceType::kEfaOnly && has_addresses(declared))
    refuse(key + ".type", "InvalidParameterCombination",
           "an efa-only interface has no IP addresses; leave them out or make it of type efa");
  const Subnet* subnet = result_.find_subnet(declared.subnet);
  if (subnet != nullptr && !subnet->ipv6_cidr)
    for (const auto& [wanted, name] :
         {std::pair{slots(declared.ipv6_addresses.size(), declared.ipv6_address_count), "ipv6_addresses"},
          std::pair{slots(declared.ipv6_prefixes.size(), declared.ipv6_prefix_count), "ipv6_prefixes"}})
      if (wanted > 0)
        refuse(fmt::format("{}.{}", key, name), "InvalidParameterValue",
               fmt::format("subnet {} has no IPv6 block; give it one with ipv6_cidr", in_quotes(subnet->name)));
  return errors_.size() == before;
}

void Resolver::expand_network_interfaces() {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < topology_.network_interfaces.size(); ++i) {
    const NetworkInterfaceDeclaration& declared = topology_.network_interfaces[i];
    WantedInterface wanted;
    wanted.key = fmt::format("network_interfaces[{}]", i);
    wanted.declared = &declared.interface;
    wanted.name = wanted.label = declared.name;
    if (declared.name.empty() || declared.name.size() > kLongestInterfaceText || looks_like_id(declared.name) ||
        declared.name.find('/') != std::string::npos)
      refuse(wanted.key + ".name", "InvalidParameterValue",
             fmt::format("{} is no name for a network interface; use 1 to {} characters without a slash, and no id",
                         in_quotes(declared.name), kLongestInterfaceText));
    if (!seen.insert(declared.name).second)
      refuse(
          wanted.key + ".name", "InvalidParameterValue",
          fmt::format("a second network interface has the name {}; every one needs its own", in_quotes(declared.name)));
    if (find_wanted(declared.name) != nullptr)
      refuse(wanted.key + ".name", "InvalidParameterValue",
             fmt::format("{} is the name of an instance too, so an elastic IP could not tell which is meant; take "
                         "another",
                         in_quotes(declared.name)));
    wanted.wrong = !check_interface(declared.interface, wanted.key, false);
    wanted.instance = declared.instance;
    if (!declared.instance.empty()) attach(wanted);
    interfaces_.push_back(std::move(wanted));
  }
}

// Puts it among the interfaces of its instance; it is about to become the last of interfaces_.
void Resolver::attach(WantedInterface& wanted) {
  WantedInstance* instance = find_wanted(wanted.instance);
  if (instance == nullptr) {
    std::vector<std::string> names = names_of(instances_);
    refuse(
        wanted.key + ".instance", "InvalidInstanceID.NotFound",
        fmt::format("The instance ID {} does not exist{}", in_quotes(wanted.instance), hint(wanted.instance, names)));
    wanted.instance.clear();
    return;
  }
  if (!wanted.declared->device_index) {
    refuse(wanted.key + ".device_index", "MissingParameter",
           "an interface that is attached needs a device_index; 1 makes it eth1");
    wanted.instance.clear();
    return;
  }
  wanted.device_index = *wanted.declared->device_index;
  instance->interfaces.push_back(interfaces_.size());
}

void Resolver::check_attachments() {
  for (WantedInstance& wanted : instances_) {
    const InstanceType* type = find_instance_type(declared(wanted).type);
    for (const std::size_t i : wanted.interfaces) check_slots(interfaces_[i], type, declared(wanted).type);
    check_device_indices(wanted);
    check_cards(wanted);
  }
  for (WantedInterface& wanted : interfaces_)
    if (wanted.instance.empty()) check_slots(wanted, nullptr, "");
}

void Resolver::check_device_indices(WantedInstance& wanted) {
  std::stable_sort(wanted.interfaces.begin(), wanted.interfaces.end(), [&](std::size_t a, std::size_t b) {
    return interfaces_[a].device_index < interfaces_[b].device_index;
  });
  if (wanted.interfaces.empty() || interfaces_[wanted.interfaces.front()].device_index != 0)
    refuse(key(wanted) + ".interfaces", "MissingParameter",
           "an instance needs at least one interface, its primary, at device index 0");
  if (wanted.interfaces.empty()) return;
  const Instance* running = find_running(wanted.name);
  const Subnet* primary_subnet = result_.find_subnet(primary(wanted).subnet);
  for (std::size_t n = 0; n < wanted.interfaces.size(); ++n) {
    const WantedInterface& one = interfaces_[wanted.interfaces[n]];
    if (n > 0 && interfaces_[wanted.interfaces[n - 1]].device_index == one.device_index)
      refuse(one.key + ".device_index", "InvalidParameterValue",
             fmt::format("Instance '{}' already has an interface attached at device index '{}'.",
                         running != nullptr ? running->id : wanted.name, one.device_index));
    const Subnet* subnet = result_.find_subnet(one.declared->subnet);
    if (subnet != nullptr && primary_subnet != nullptr && subnet->az != primary_subnet->az)
      refuse(one.key + ".subnet", "InvalidParameterCombination",
             fmt::format("subnet {} is in {}, but the instance's primary interface is in {}; all interfaces of an "
                         "instance are in one availability zone",
                         in_quotes(subnet->name), subnet->az, primary_subnet->az));
    if (one.declared->associate_public_ip.value_or(false) && one.device_index != 0)
      refuse(one.key + ".associate_public_ip", "InvalidParameterCombination",
             "only the primary interface, eth0, gets a public address by itself; use an elastic IP");
  }
  check_primary(wanted);
}

void Resolver::check_primary(const WantedInstance& wanted) {
  const WantedInterface& first = interfaces_[wanted.interfaces.front()];
  if (first.declared->type == InterfaceType::kEfaOnly)
    refuse(first.key + ".type", "InvalidParameterCombination",
           "the primary interface cannot be efa-only; make it of type efa or interface");
  if (first.device_index == 0 && first.declared->network_card != 0)
    refuse(first.key + ".network_card", "InvalidParameterValue", "the primary interface is on network card 0");
  const auto made_with_it = std::count_if(wanted.interfaces.begin(), wanted.interfaces.end(),
                                          [&](std::size_t i) { return interfaces_[i].name.empty(); });
  if (first.declared->associate_public_ip.value_or(false) && made_with_it > 1 &&
      find_running(wanted.name) == nullptr)
    refuse(first.key + ".associate_public_ip", "InvalidParameterCombination",
           "an instance launched with several interfaces gets no public address by itself; use an elastic IP");
}

void Resolver::check_cards(const WantedInstance& wanted) {
  const InstanceType* type = find_instance_type(declared(wanted).type);
  const std::string& type_name = declared(wanted).type;
  std::map<int, int> on_card, efa_on_card;
  std::size_t efa = 0;
  for (std::size_t n = 0; n < wanted.interfaces.size(); ++n) {
    const WantedInterface& one = interfaces_[wanted.interfaces[n]];
    const int card = one.declared->network_card;
    const int cards = type != nullptr ? type->cards : kMostCards;
    // What has a key of its own is refused there, what comes with the instance at its list.
    const std::string where = one.name.empty() ? key(wanted) + ".interfaces" : one.key + ".instance";
    if (card < 0 || card >= cards)
      refuse(one.key + ".network_card", "InvalidParameterValue",
             fmt::format("network card {} does not exist; {} has the cards 0 to {}", card,
                         type != nullptr ? type_name : "an instance", cards - 1));
    if (is_efa(one.declared->type) && ++efa > kEfaPerInstance)
      refuse(where, "AttachmentLimitExceeded",
             fmt::format("{} EFA interfaces; weft gives an instance at most {}", efa, kEfaPerInstance));
    if (type == nullptr) continue;
    if (n >= static_cast<std::size_t>(type->interfaces))
      refuse(
          where, "AttachmentLimitExceeded",
          fmt::format("Interface count {} exceeds the limit for {}, which is {}", n + 1, type_name, type->interfaces));
    else if (++on_card[card] > type->interfaces_per_card)
      refuse(one.key + ".network_card", "AttachmentLimitExceeded",
             fmt::format("Interface count {} exceeds the limit for a network card of {}, which is {}", on_card[card],
                         type_name, type->interfaces_per_card));
    if (!is_efa(one.declared->type)) continue;
    if (type->efa_interfaces == 0)
      refuse(key(wanted) + ".type", "InvalidParameterCombination",
             fmt::format("{} has no EFA; take a type that has, such as hpc7g.16xlarge, or an interface of type "
                         "interface",
                         type_name));
    else if (efa > static_cast<std::size_t>(type->efa_interfaces))
      refuse(
          where, "AttachmentLimitExceeded",
          fmt::format("{} EFA interfaces exceed the limit for {}, which is {}", efa, type_name, type->efa_interfaces));
    else if (++efa_on_card[card] > 1)
      refuse(one.key + ".network_card", "AttachmentLimitExceeded",
             fmt::format("network card {} has an EFA interface already; a card has one, so set network_card", card));
  }
}

// One slot for each address, and one for each delegated prefix (facts ec2 1.4).
void Resolver::check_slots(WantedInterface& wanted, const InstanceType* type, const std::string& of) {
  const InterfaceDeclaration& declared = *wanted.declared;
  const auto most = static_cast<std::size_t>(type != nullptr ? type->ips_per_interface : kMostIpsPerInterface);
  const auto check = [&](std::size_t taken, const char* key, const char* family) {
    if (taken <= most) return;
    wanted.wrong = true;
    refuse(fmt::format("{}.{}", wanted.key, key), "PrivateIpAddressLimitExceeded",
           fmt::format("{} {} addresses and prefixes; an interface {} has at most {}", taken, family,
                       type != nullptr ? "of " + of : "without a type", most));
  };
  const std::size_t v4 = slots(declared.secondary_private_ips.size(), declared.secondary_private_ip_count);
  const std::size_t v4_prefixes = slots(declared.ipv4_prefixes.size(), declared.ipv4_prefix_count);
  const std::size_t v6 = slots(declared.ipv6_addresses.size(), declared.ipv6_address_count);
  const std::size_t v6_prefixes = slots(declared.ipv6_prefixes.size(), declared.ipv6_prefix_count);
  // Refused where most of them come from.
  check(1 + v4 + v4_prefixes, v4 >= v4_prefixes ? "secondary_private_ips" : "ipv4_prefixes", "IPv4");
  check(v6 + v6_prefixes, v6 >= v6_prefixes ? "ipv6_addresses" : "ipv6_prefixes", "IPv6");
}

}  // namespace weft

// The outside: the internet gateway, Elastic IPs and public addresses given by themselves (facts ec2 3.1-3.3).
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "dataplane/model/identity.hpp"
#include "dataplane/model/public_addresses.hpp"
#include "dataplane/model/resolver.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

constexpr std::size_t kElasticIps = 5;  // facts ec2 3.2
constexpr std::size_t kMostInternetAddresses = 64;
constexpr unsigned kShortestPool = 8, kLongestPool = 30;
constexpr const char* kGuest = "internet";

bool is_host_address(const IpAddress& ip) {
  if (!ip.is_v4()) return ip.octets[0] != 0 && ip.octets[0] < 0xfe;  // no ::1, no fe80::, no multicast
  const std::uint32_t value = ip.v4().value;
  return value >> 24 != 0 && value >> 24 != 127 && value >> 24 < 224 && value >> 16 != (169u << 8 | 254u);
}

/// May an Elastic IP stand for it: an address of the interface, or one inside a prefix delegated to it.
bool has_v4(const Eni& eni, const IpAddress& ip) { return ip.is_v4() && eni.owns(ip); }

}  // namespace

IpPrefix Resolver::public_pool() const { return weft::public_pool(topology_.internet_gateway); }

void Resolver::resolve_gateway() {
  if (!topology_.internet_gateway) return;
  const InternetGatewayDeclaration& declared = *topology_.internet_gateway;
  InternetGateway gateway;
  gateway.id = make_id("igw-", result_.vpc_id);
  gateway.guest = kGuest;
  gateway.mac = declared.next_hop_mac.value_or(make_mac(gateway.id));
  gateway.port = declared.port;
  check_socket(gateway.port, "internet_gateway.port");
  claim_port(gateway.port, "internet_gateway.port", "the internet gateway", false);
  gateway.addresses = declared.addresses;
  gateway.public_pool = public_pool();
  if (gateway.addresses.empty())  // RFC 5737 and RFC 3849: for documentation, so nobody's
    gateway.addresses = {*IpAddress::parse("198.51.100.10"), *IpAddress::parse("2001:db8::10")};
  const IpPrefix& pool = gateway.public_pool;
  if (!pool.is_v4() || pool.v4_length() < kShortestPool || pool.v4_length() > kLongestPool ||
      !is_host_address(pool.address)) {
    refuse("internet_gateway.public_pool", "InvalidParameterValue",
           fmt::format("{} is no pool of public addresses; take an IPv4 block of /{} to /{} such as 203.0.113.0/24",
                       pool.to_string(), kShortestPool, kLongestPool));
    throw NothingMoreMakesSense{};
  }
  if (pool.contains(result_.vpc_cidr) || result_.vpc_cidr.contains(pool))
    refuse("internet_gateway.public_pool", "InvalidParameterValue",
           fmt::format("{} overlaps the VPC's block {}; public addresses are outside of it", pool.to_string(),
                       result_.vpc_cidr.to_string()));
  if (gateway.addresses.size() > kMostInternetAddresses)
    refuse("internet_gateway.addresses", "InvalidParameterValue",
           fmt::format("{} addresses; at most {} stand behind the gateway", gateway.addresses.size(),
                       kMostInternetAddresses));
  std::set<IpAddress> seen;
  for (std::size_t i = 0; i < gateway.addresses.size(); ++i) {
    const IpAddress& ip = gateway.addresses[i];
    const std::string key =
        declared.addresses.empty() ? "internet_gateway" : fmt::format("internet_gateway.addresses[{}]", i);
    if (!is_host_address(ip))
      refuse(key, "InvalidParameterValue", fmt::format("{} is no address a host can have", ip.to_string()));
    else if (result_.vpc_cidr.contains(ip) || (result_.vpc_ipv6_cidr && result_.vpc_ipv6_cidr->contains(ip)) ||
             pool.contains(ip))
      refuse(key, "InvalidParameterValue",
             fmt::format("{} belongs to the VPC or to its public addresses; what is behind the gateway is outside",
                         ip.to_string()));
    if (!seen.insert(ip).second)
      refuse(key, "InvalidParameterValue", fmt::format("{} is listed twice; once is enough", ip.to_string()));
  }
  result_.internet_gateway = std::move(gateway);
}

void Resolver::resolve_elastic_ips() {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < topology_.elastic_ips.size(); ++i) {
    const ElasticIpDeclaration& declared = topology_.elastic_ips[i];
    const std::string key = fmt::format("elastic_ips[{}]", i);
    if (i == kElasticIps) {
      refuse(key, "AddressLimitExceeded",
             fmt::format("The maximum number of addresses has been reached: {} of at most {}",
                         topology_.elastic_ips.size(), kElasticIps));
      return;
    }
    if (declared.name.empty() || declared.name.size() > 255)
      refuse(key + ".name", "InvalidParameterValue",
             fmt::format("{} is no name for an elastic IP; use 1 to 255 characters", in_quotes(declared.name)));
    if (!seen.insert(declared.name).second)
      refuse(key + ".name", "InvalidParameterValue",
             fmt::format("a second elastic IP has the name {}; every one needs its own", in_quotes(declared.name)));
    ElasticIp elastic;
    elastic.name = declared.name;
    result_.elastic_ips.push_back(std::move(elastic));
  }
  choose_elastic_addresses();
  std::map<IpAddress, std::string> private_ips;
  for (std::size_t i = 0; i < result_.elastic_ips.size(); ++i) {
    ElasticIp& elastic = result_.elastic_ips[i];
    const std::string key = fmt::format("elastic_ips[{}]", i);
    associate(topology_.elastic_ips[i], elastic, key);
    if (elastic.eni_id.empty()) continue;
    if (auto [other, is_new] = private_ips.emplace(elastic.private_ip, elastic.name); !is_new)
      refuse(key + ".interface", "Resource.AlreadyAssociated",
             fmt::format("{} has the elastic IP {} already; a private address has at most one",
                         elastic.private_ip.to_string(), in_quotes(other->second)));
  }
}

// An allocation stays as long as its name and address; those that were asked for come before the lowest free ones.
void Resolver::choose_elastic_addresses() {
  const IpPrefix pool = public_pool();
  std::set<IpAddress> taken;
  for (const Eni& eni : built_)
    if (eni.public_ip) taken.insert(*eni.public_ip);
  const auto before = [&](const std::string& name) -> const ElasticIp* {
    for (const ElasticIp& one : running_.elastic_ips)
      if (one.name == name) return &one;
    return nullptr;
  };
  const auto settle = [&](ElasticIp& elastic, const IpAddress& ip) {
    elastic.address = ip;
    taken.insert(ip);
    const ElasticIp* old = before(elastic.name);
    elastic.id = old != nullptr && old->address == ip
                     ? old->id
                     : make_id("eipalloc-", fmt::format("{}/{}/{}", result_.vpc_id, elastic.name, ip.to_string()));
  };
  std::vector<bool> settled(result_.elastic_ips.size());
  for (std::size_t i = 0; i < result_.elastic_ips.size(); ++i) {
    const std::optional<Ipv4Address>& wanted = topology_.elastic_ips[i].address;
    const ElasticIp* old = before(result_.elastic_ips[i].name);
    if (!wanted && old != nullptr && is_public_address(pool, old->address) && !taken.contains(old->address)) {
      settle(result_.elastic_ips[i], old->address);
      settled[i] = true;
    }
  }
  for (std::size_t i = 0; i < result_.elastic_ips.size(); ++i) {
    if (settled[i] || !topology_.elastic_ips[i].address) continue;
    const IpAddress ip = IpAddress::from(*topology_.elastic_ips[i].address);
    const std::string key = fmt::format("elastic_ips[{}].address", i);
    settled[i] = true;
    if (!is_public_address(pool, ip))
      refuse(key, "InvalidAddress.NotFound",
             fmt::format("{} is not in the pool of public addresses, {}", ip.to_string(), pool.to_string()));
    else if (taken.contains(ip))
      refuse(key, "InvalidIPAddress.InUse",
             fmt::format("{} is given to another already; take another", ip.to_string()));
    else
      settle(result_.elastic_ips[i], ip);
  }
  for (std::size_t i = 0; i < result_.elastic_ips.size(); ++i) {
    if (settled[i]) continue;
    if (std::optional<IpAddress> ip = lowest_public_address(pool, taken))
      settle(result_.elastic_ips[i], *ip);
    else
      refuse(fmt::format("elastic_ips[{}]", i), "InsufficientAddressCapacity",
             fmt::format("the pool of public addresses, {}, is empty", pool.to_string()));
  }
}

void Resolver::associate(const ElasticIpDeclaration& declared, ElasticIp& elastic, const std::string& key) {
  if (declared.interface.empty()) {
    if (declared.private_ip)
      refuse(key + ".private_ip", "MissingParameter", "a private_ip needs the interface that has it");
    return;
  }
  if (!topology_.internet_gateway)
    refuse(key + ".interface", "Gateway.NotAttached",
           "the VPC has no internet gateway, so no public address can be reached; declare internet_gateway");
  const Eni* eni = named_interface(declared.interface, key + ".interface");
  if (eni == nullptr || (eni->private_ip == IpAddress{} && eni->type != InterfaceType::kEfaOnly)) return;  // refused
  if (eni->type == InterfaceType::kEfaOnly)
    return refuse(key + ".interface", "InvalidParameterValue",
                  fmt::format("{} is efa-only and has no private address", in_quotes(declared.interface)));
  const IpAddress private_ip = declared.private_ip ? IpAddress::from(*declared.private_ip) : eni->private_ip;
  if (!has_v4(*eni, private_ip))
    return refuse(key + ".private_ip", "InvalidParameterValue",
                  fmt::format("{} has no address {}; it has {} as its primary", in_quotes(declared.interface),
                              private_ip.to_string(), eni->private_ip.to_string()));
  const auto old = std::find_if(running_.elastic_ips.begin(), running_.elastic_ips.end(),
                                [&](const ElasticIp& one) { return one.id == elastic.id; });
  const bool was_associated = old != running_.elastic_ips.end() && !old->association_id.empty();
  const bool same = was_associated && old->eni_id == eni->id && old->private_ip == private_ip;
  if (was_associated && !same && !declared.allow_reassociation)
    refuse(key + ".interface", "Resource.AlreadyAssociated",
           fmt::format("resource {} is already associated with associate-id {}", elastic.id, old->association_id));
  elastic.eni_id = eni->id;
  elastic.private_ip = private_ip;
  const std::string seed = fmt::format("{}/{}/{}", elastic.id, eni->id, private_ip.to_string());
  elastic.association_id = same ? old->association_id : make_id("eipassoc-", seed);
}

const Eni* Resolver::named_interface(const std::string& name, const std::string& key) {
  const WantedInstance* instance = find_wanted(name);
  if (instance == nullptr) {
    if (const Eni* eni = find_built(name)) return eni;
    std::vector<std::string> names = interface_names();
    for (const WantedInstance& one : instances_) names.push_back(one.name);
    refuse(key, "InvalidNetworkInterfaceID.NotFound",
           fmt::format("The networkInterface ID {} does not exist; write it as instance/ethN, as the instance, or with "
                       "the name of one of network_interfaces{}",
                       in_quotes(name), hint(name, names)));
    return nullptr;
  }
  if (instance->interfaces.size() == 1) return &built_[instance->interfaces.front()];
  if (!instance->interfaces.empty())
    refuse(
        key, "InvalidInstanceID",
        fmt::format("There are multiple interfaces attached to instance '{}'. Please specify an interface ID for the "
                    "operation instead: {}/eth0",
                    instance->kept != nullptr ? instance->kept->id : instance->name, instance->name));
  return nullptr;
}

// Decided when the interface is made, by its instance's launch; what it has then stays until a stop (facts ec2 3.3).
void Resolver::assign_public_addresses() {
  const IpPrefix pool = public_pool();
  std::set<IpAddress> taken;
  for (const ElasticIp& elastic : result_.elastic_ips) taken.insert(elastic.address);
  std::vector<std::pair<Eni*, const WantedInstance*>> getting;
  for (const WantedInstance& wanted : instances_) {
    if (wanted.interfaces.empty()) continue;
    const WantedInterface& first = interfaces_[wanted.interfaces.front()];
    Eni& primary = built_[wanted.interfaces.front()];
    const Subnet* subnet = result_.find_subnet(primary.subnet);
    const auto made_with_it = std::count_if(wanted.interfaces.begin(), wanted.interfaces.end(),
                                            [&](std::size_t i) { return interfaces_[i].name.empty(); });
    if (first.declared->associate_public_ip)  // an attribute of the interface, changed at any time
      primary.public_ip_wanted = *first.declared->associate_public_ip && primary.type != InterfaceType::kEfaOnly;
    else if (first.kept == nullptr)
      primary.public_ip_wanted =
          first.name.empty() && made_with_it == 1 && subnet != nullptr && subnet->map_public_ip_on_launch;
    const Instance* before = wanted.kept != nullptr ? wanted.kept : wanted.replaced;
    const bool stopped = before != nullptr && before->state == InstanceState::kStopped;
    if (stopped || !primary.public_ip_wanted || has_elastic_primary(primary, result_.elastic_ips) ||
        (primary.public_ip && !is_public_address(pool, *primary.public_ip)))
      primary.public_ip.reset();
    if (primary.public_ip) taken.insert(*primary.public_ip);
    Instance seen;  // what counts here: its interfaces and whether it runs
    seen.state = stopped ? InstanceState::kStopped : InstanceState::kRunning;
    for (const std::size_t i : wanted.interfaces) seen.enis.push_back(built_[i]);
    // Interfaces of network_interfaces are attached after the launch, which gives the address.
    if (wanted.kept == nullptr) seen.enis.resize(1);
    if (!primary.public_ip && gets_public_address(seen, result_.elastic_ips)) getting.emplace_back(&primary, &wanted);
  }
  for (auto [primary, wanted] : getting) {
    const Instance* before = wanted->kept != nullptr ? wanted->kept : wanted->replaced;
    primary->public_ip = public_address_of_start(pool, taken, primary->id, before != nullptr ? before->starts : 0);
    if (primary->public_ip)
      taken.insert(*primary->public_ip);
    else
      refuse(key(*wanted), "InsufficientAddressCapacity",
             fmt::format("the pool of public addresses, {}, has none left for {}", pool.to_string(),
                         in_quotes(wanted->name)));
  }
}

}  // namespace weft

#include "dataplane/model/public_addresses.hpp"

#include <algorithm>
#include <numeric>

#include "dataplane/model/identity.hpp"

namespace weft {
namespace {

std::uint32_t pool_size(const IpPrefix& pool) { return 1u << (32 - pool.v4_length()); }

IpAddress pool_address(const IpPrefix& pool, std::uint32_t offset) {
  return IpAddress::from({pool.address.v4().value + offset});
}

}  // namespace

IpPrefix public_pool(const std::optional<InternetGatewayDeclaration>& gateway) {
  if (gateway && gateway->public_pool != IpPrefix{}) return gateway->public_pool;
  return *IpPrefix::parse("203.0.113.0/24");
}

IpPrefix public_pool(const Deployment& deployment) {
  return deployment.internet_gateway ? deployment.internet_gateway->public_pool
                                     : public_pool(std::optional<InternetGatewayDeclaration>{});
}

bool is_public_address(const IpPrefix& pool, const IpAddress& ip) {
  if (!pool.contains(ip)) return false;
  const std::uint32_t offset = ip.v4().value - pool.address.v4().value;
  return offset > 0 && offset < pool_size(pool) - 1;
}

std::optional<IpAddress> lowest_public_address(const IpPrefix& pool, const std::set<IpAddress>& taken) {
  for (std::uint32_t offset = 1; offset < pool_size(pool) - 1; ++offset)
    if (!taken.contains(pool_address(pool, offset))) return pool_address(pool, offset);
  return std::nullopt;
}

std::optional<IpAddress> public_address_of_start(const IpPrefix& pool, const std::set<IpAddress>& taken,
                                                 const std::string& eni_id, std::uint32_t starts) {
  const std::uint32_t usable = pool_size(pool) - 2;
  // A stride that shares no factor with the size visits every address before it comes back to one.
  std::uint32_t stride = std::max(usable / 3, 1u);
  while (std::gcd(stride, usable) != 1) ++stride;
  const std::uint64_t first = id_number(eni_id) % usable + std::uint64_t{starts} * stride;
  for (std::uint32_t step = 0; step < usable; ++step) {
    const IpAddress ip = pool_address(pool, 1 + static_cast<std::uint32_t>((first + step) % usable));
    if (!taken.contains(ip)) return ip;
  }
  return std::nullopt;
}

bool has_elastic_primary(const Eni& eni, const std::vector<ElasticIp>& elastic_ips) {
  return std::any_of(elastic_ips.begin(), elastic_ips.end(), [&](const ElasticIp& elastic) {
    return elastic.eni_id == eni.id && elastic.private_ip == eni.private_ip;
  });
}

bool gets_public_address(const Instance& instance, const std::vector<ElasticIp>& elastic_ips) {
  if (instance.state != InstanceState::kRunning || instance.enis.size() != 1) return false;
  const Eni& primary = instance.enis.front();
  return primary.public_ip_wanted && std::none_of(elastic_ips.begin(), elastic_ips.end(),
                                                  [&](const ElasticIp& one) { return one.eni_id == primary.id; });
}

}  // namespace weft

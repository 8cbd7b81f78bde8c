#include "dataplane/worker/public_addresses.hpp"

#include <bit>

#include "dataplane/policy/gate.hpp"

namespace weft {

AddressMap::AddressMap(std::size_t addresses) : cells_(std::bit_ceil(2 * addresses + 2)) {}

void AddressMap::insert(std::uint32_t from, std::uint32_t to) noexcept {
  if (from == 0 || to == 0) return;
  std::size_t at = home(from);
  for (; cells_[at].from != 0; at = (at + 1) & (cells_.size() - 1))
    if (cells_[at].from == from) return;
  cells_[at] = {from, to};
}

Ipv4Range Ipv4Range::of(const IpPrefix& prefix) noexcept {
  if (!prefix.is_v4()) return {};
  const std::uint32_t first = prefix.address.v4().value;
  return {first, first | static_cast<std::uint32_t>(0xffffffffULL >> prefix.v4_length())};
}

PublicAddresses PublicAddresses::compile(const Deployment& deployment) {
  PublicAddresses made;
  if (!deployment.internet_gateway) return made;
  made.inside = Ipv4Range::of(deployment.vpc_cidr);
  made.pool = Ipv4Range::of(deployment.internet_gateway->public_pool);
  const std::vector<const Eni*> enis = flatten_enis(deployment);
  const std::size_t most = deployment.elastic_ips.size() + enis.size();
  made.public_of = AddressMap(most);
  made.private_of = AddressMap(most);
  const auto map = [&](const IpAddress& own, const IpAddress& outside) {
    if (!own.is_v4() || !outside.is_v4() || made.public_of.find(own.v4().value)) return;
    made.public_of.insert(own.v4().value, outside.v4().value);
    made.private_of.insert(outside.v4().value, own.v4().value);
  };
  for (const ElasticIp& elastic : deployment.elastic_ips)
    if (!elastic.eni_id.empty()) map(elastic.private_ip, elastic.address);
  for (const Eni* eni : enis)
    if (eni->public_ip) map(eni->private_ip, *eni->public_ip);
  return made;
}

}  // namespace weft

// Public IPv4 addresses of a pool: which may be given out, and which one an interface gets at which start.
#pragma once

#include <optional>
#include <set>

#include "dataplane/model/deployment.hpp"

namespace weft {

/// The internet gateway's, or the default one (facts ec2 3.1; 203.0.113.0/24 is RFC 5737's).
IpPrefix public_pool(const std::optional<InternetGatewayDeclaration>& gateway);
IpPrefix public_pool(const Deployment& deployment);

/// Of the pool, but neither its network nor its broadcast address.
bool is_public_address(const IpPrefix& pool, const IpAddress& ip);

/// Not taken, and the lowest.
std::optional<IpAddress> lowest_public_address(const IpPrefix& pool, const std::set<IpAddress>& taken);

/// Not taken, and another one after each start of the instance (facts ec2 3.3): one step of the sequence that belongs
/// to the interface, or the next free one after it.
std::optional<IpAddress> public_address_of_start(const IpPrefix& pool, const std::set<IpAddress>& taken,
                                                 const std::string& eni_id, std::uint32_t starts);

/// Does the interface get a new public address of its own now? Not when its instance has another interface, nor when
/// an Elastic IP is at its primary or one of its other addresses (facts ec2 3.1, 3.3).
bool gets_public_address(const Instance& instance, const std::vector<ElasticIp>& elastic_ips);

/// An Elastic IP stands at its primary address, so that there is no place for another.
bool has_elastic_primary(const Eni& eni, const std::vector<ElasticIp>& elastic_ips);

}  // namespace weft

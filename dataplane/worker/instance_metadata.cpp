#include "dataplane/worker/instance_metadata.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "dataplane/services/name_table.hpp"
#include "dataplane/worker/zone.hpp"

namespace weft {
namespace {

using services::MetadataTree;

/// A value for each line; nothing at all when there is none, for then EC2 has no such key.
void add_lines(MetadataTree& tree, const std::string& path, const std::vector<std::string>& lines) {
  if (!lines.empty()) tree.add(path, fmt::format("{}", fmt::join(lines, "\n")));
}

template <typename List>
std::vector<std::string> texts(const List& list) {
  std::vector<std::string> all;
  for (const auto& one : list) all.push_back(one.to_string());
  return all;
}

std::vector<std::string> of_family(const std::vector<IpPrefix>& prefixes, bool v4) {
  std::vector<std::string> all;
  for (const IpPrefix& prefix : prefixes)
    if (prefix.is_v4() == v4) all.push_back(prefix.to_string());
  return all;
}

/// "ip-10-0-1-4.ec2.internal"
std::string private_name(const Deployment& deployment, const IpAddress& ip) {
  std::string name = "ip-" + ip.to_string();
  for (char& c : name)
    if (c == '.') c = '-';
  return deployment.dhcp.domain_name.empty() ? name : name + "." + deployment.dhcp.domain_name;
}

struct Association {
  IpAddress public_ip, private_ip;
};

/// An Elastic IP takes the place of the primary's own public address (facts ec2 3.1).
std::vector<Association> associations(const Deployment& deployment, const Eni& eni) {
  std::vector<Association> all;
  bool primary = false;
  for (const ElasticIp& elastic : deployment.elastic_ips) {
    if (elastic.eni_id != eni.id) continue;
    all.push_back({elastic.address, elastic.private_ip});
    primary = primary || elastic.private_ip == eni.private_ip;
  }
  if (!primary && eni.public_ip) all.insert(all.begin(), {*eni.public_ip, eni.private_ip});
  return all;
}

std::optional<IpAddress> public_of(const std::vector<Association>& all, const IpAddress& private_ip) {
  for (const Association& one : all)
    if (one.private_ip == private_ip) return one.public_ip;
  return std::nullopt;
}

void add_addresses(const Deployment& deployment, const Eni& eni, const std::string& at, MetadataTree& tree) {
  add_lines(tree, at + "ipv6s", texts(eni.ipv6_addresses));
  add_lines(tree, at + "ipv4-prefix", of_family(eni.prefixes, true));
  add_lines(tree, at + "ipv6-prefix", of_family(eni.prefixes, false));
  if (eni.type == InterfaceType::kEfaOnly) return;  // no address of IPv4 (facts ec2 6.1)
  std::vector<std::string> own = {eni.private_ip.to_string()};
  for (const IpAddress& ip : eni.secondary_private_ips) own.push_back(ip.to_string());
  add_lines(tree, at + "local-ipv4s", own);
  tree.add(at + "local-hostname", private_name(deployment, eni.private_ip));

  const std::vector<Association> all = associations(deployment, eni);
  std::vector<std::string> outside;
  for (const auto& [public_ip, private_ip] : all) {
    tree.add(at + "ipv4-associations/" + public_ip.to_string(), private_ip.to_string());
    outside.push_back(public_ip.to_string());
  }
  add_lines(tree, at + "public-ipv4s", outside);
  if (const auto ip = public_of(all, eni.private_ip); ip && ip->is_v4())
    tree.add(at + "public-hostname", services::public_dns_name(ip->v4()));
}

void add_networks(const Deployment& deployment, const Eni& eni, const std::string& at, MetadataTree& tree) {
  tree.add(at + "vpc-id", deployment.vpc_id);
  tree.add(at + "vpc-ipv4-cidr-block", deployment.vpc_cidr.to_string());
  tree.add(at + "vpc-ipv4-cidr-blocks", deployment.vpc_cidr.to_string());
  if (deployment.vpc_ipv6_cidr) tree.add(at + "vpc-ipv6-cidr-blocks", deployment.vpc_ipv6_cidr->to_string());
  const Subnet* subnet = deployment.find_subnet(eni.subnet);
  if (subnet == nullptr) return;
  tree.add(at + "subnet-id", subnet->id);
  tree.add(at + "subnet-ipv4-cidr-block", subnet->cidr.to_string());
  if (subnet->ipv6_cidr) tree.add(at + "subnet-ipv6-cidr-blocks", subnet->ipv6_cidr->to_string());
}

void add_interface(const Deployment& deployment, const Eni& eni, MetadataTree& tree) {
  const std::string at = "meta-data/network/interfaces/macs/" + eni.mac.to_string() + "/";
  tree.add(at + "device-number", std::to_string(eni.device_index));
  tree.add(at + "network-card-index", std::to_string(eni.network_card));
  tree.add(at + "interface-id", eni.id);
  tree.add(at + "mac", eni.mac.to_string());
  tree.add(at + "owner-id", kOwnerId);
  std::vector<std::string> ids;
  for (const std::string& name : eni.security_groups)
    if (const SecurityGroup* group = deployment.find_security_group(name)) ids.push_back(group->id);
  add_lines(tree, at + "security-groups", eni.security_groups);
  add_lines(tree, at + "security-group-ids", ids);
  add_addresses(deployment, eni, at, tree);
  add_networks(deployment, eni, at, tree);
}

void add_placement(const Instance& instance, const ZoneLabel& zone, MetadataTree& tree) {
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) tree.add(std::string("meta-data/placement/") + key, value);
  };
  add("availability-zone", zone.name);
  add("availability-zone-id", zone.id);
  add("region", zone.region);
  add("group-name", instance.placement_group);
  if (instance.placement.partition > 0) add("partition-number", std::to_string(instance.placement.partition));
}

/// What the model knows of the document; the rest is null, as the guide shows it for what an instance has not.
std::string identity_document(const Instance& instance, const Eni& primary, const ZoneLabel& zone) {
  const auto text = [](const std::string& value) { return value.empty() ? "null" : "\"" + value + "\""; };
  const std::vector<std::pair<const char*, std::string>> members = {
      {"accountId", text(kOwnerId)},
      {"availabilityZone", text(zone.name)},
      {"billingProducts", "null"},
      {"devpayProductCodes", "null"},
      {"imageId", text(kNoImage)},
      {"instanceId", text(instance.id)},
      {"instanceType", text(instance.type)},
      {"kernelId", "null"},
      {"marketplaceProductCodes", "null"},
      {"privateIp", text(primary.type == InterfaceType::kEfaOnly ? "" : primary.private_ip.to_string())},
      {"ramdiskId", "null"},
      {"region", text(zone.region)},
      {"version", "\"2017-09-30\""}};
  std::vector<std::string> lines;
  for (const auto& [name, value] : members) lines.push_back(fmt::format("  \"{}\" : {}", name, value));
  return fmt::format("{{\n{}\n}}", fmt::join(lines, ",\n"));
}

void add_instance(const Deployment& deployment, const Instance& instance, MetadataTree& tree) {
  const auto add = [&](const char* key, const std::string& value) { tree.add(std::string("meta-data/") + key, value); };
  add("ami-id", kNoImage);
  add("instance-id", instance.id);
  add("instance-life-cycle", "on-demand");
  if (!instance.type.empty()) add("instance-type", instance.type);
  add("services/domain", "amazonaws.com");
  add("services/partition", "aws");
  if (instance.enis.empty()) return;
  const Eni& primary = instance.enis.front();
  add("mac", primary.mac.to_string());
  add_lines(tree, "meta-data/security-groups", primary.security_groups);
  const Subnet* subnet = deployment.find_subnet(primary.subnet);
  const ZoneLabel zone = zone_of(subnet == nullptr ? "" : subnet->az);
  add_placement(instance, zone, tree);
  tree.add("dynamic/instance-identity/document", identity_document(instance, primary, zone));
  if (primary.type == InterfaceType::kEfaOnly) return;
  add("local-ipv4", primary.private_ip.to_string());
  add("local-hostname", private_name(deployment, primary.private_ip));
  add("hostname", private_name(deployment, primary.private_ip));
  const auto outside = public_of(associations(deployment, primary), primary.private_ip);
  if (!outside || !outside->is_v4()) return;
  add("public-ipv4", outside->to_string());
  add("public-hostname", services::public_dns_name(outside->v4()));
}

}  // namespace

services::Metadata metadata_of(const Deployment& deployment, const Instance& instance) {
  const MetadataOptions& options = instance.metadata_options;
  services::Metadata metadata;
  metadata.instance = instance.id;
  metadata.options = {.endpoint = options.endpoint_enabled,
                      .tokens_required = options.tokens_required,
                      .hop_limit = static_cast<std::uint8_t>(options.put_response_hop_limit),
                      .ipv6 = options.ipv6_enabled};
  add_instance(deployment, instance, metadata.tree);
  for (const Eni& eni : instance.enis) add_interface(deployment, eni, metadata.tree);
  metadata.tree.finish();
  return metadata;
}

}  // namespace weft

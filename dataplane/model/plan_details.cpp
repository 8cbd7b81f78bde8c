#include "dataplane/model/plan_details.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <compare>

#include "dataplane/model/describe.hpp"
#include "dataplane/model/faults.hpp"
#include "dataplane/model/flow_logs.hpp"
#include "dataplane/model/vf.hpp"

namespace weft {
namespace {

std::string_view strategy_name(PlacementStrategy strategy) {
  switch (strategy) {
    case PlacementStrategy::kCluster: return "cluster";
    case PlacementStrategy::kSpread: return "spread";
    case PlacementStrategy::kPartition: return "partition";
  }
  return "";
}

std::string or_none(const std::string& text) { return text.empty() ? "none" : text; }
std::string or_defaults(const std::string& text) { return text.empty() ? "EC2's defaults" : text; }
std::string on_or_off(bool on) { return on ? "on" : "off"; }

template <typename T>
std::string joined(const std::vector<T>& all) {
  std::vector<std::string> texts;
  for (const T& one : all) texts.push_back(one.to_string());
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string text_of(const std::optional<IpPrefix>& block) { return block ? block->to_string() : ""; }

void differ(Details& details, std::string_view what, const std::string& before, const std::string& now) {
  if (before != now) details.push_back(fmt::format("{}: {} -> {}", what, or_none(before), or_none(now)));
}

/// Whether something is in a list, which must outlive the answer. What has an order is looked up in order: lists of
/// prefixes and rules are long.
template <typename T>
auto is_in(const std::vector<T>& all) {
  if constexpr (std::three_way_comparable<T>) {
    constexpr auto value = [](const T* one) -> const T& { return *one; };
    std::vector<const T*> sorted(all.size());
    std::ranges::transform(all, sorted.begin(), [](const T& one) { return &one; });
    std::ranges::sort(sorted, {}, value);
    return [sorted = std::move(sorted), value](const T& one) {
      return std::ranges::binary_search(sorted, one, {}, value);
    };
  } else {
    return [&all](const T& one) { return std::ranges::find(all, one) != all.end(); };
  }
}

template <typename T, typename Describe>
void differ_lists(Details& details, const std::string& what, const std::vector<T>& before, const std::vector<T>& now,
                  Describe text) {
  if (before == now) return;
  const auto was = is_in(before);
  const auto stays = is_in(now);
  for (const T& one : before)
    if (!stays(one)) details.push_back(fmt::format("{}- {}", what, text(one)));
  for (const T& one : now)
    if (!was(one)) details.push_back(fmt::format("{}+ {}", what, text(one)));
}

template <typename Rule>
void differ_rules(Details& details, const std::vector<Rule>& before, const std::vector<Rule>& now,
                  Direction direction) {
  differ_lists(details, direction_name(direction) + " ", before, now,
               [&](const Rule& rule) { return describe(rule, direction); });
}

std::string describe(const Placement& place) {
  return fmt::format("{}rack {} host {}", place.partition > 0 ? fmt::format("partition {} ", place.partition) : "",
                     place.rack, place.host);
}

std::string describe(const Allowances& limits) {
  std::vector<std::string> texts;
  if (limits.peak_gbps > 0)
    texts.push_back(limits.baseline_gbps == limits.peak_gbps
                        ? fmt::format("{} Gbit/s", limits.peak_gbps)
                        : fmt::format("{} Gbit/s, up to {}", limits.baseline_gbps, limits.peak_gbps));
  if (limits.flow_gbps > 0) texts.push_back(fmt::format("{} Gbit/s a flow", limits.flow_gbps));
  if (limits.pps > 0) texts.push_back(fmt::format("{} packets/s", limits.pps));
  if (limits.connections > 0) texts.push_back(fmt::format("{} connections", limits.connections));
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string describe(const ConnectionTracking& tracking) {
  std::vector<std::string> texts;
  if (tracking.tcp_established_timeout) texts.push_back(fmt::format("tcp {} s", *tracking.tcp_established_timeout));
  if (tracking.udp_timeout) texts.push_back(fmt::format("udp {} s", *tracking.udp_timeout));
  if (tracking.udp_stream_timeout) texts.push_back(fmt::format("udp stream {} s", *tracking.udp_stream_timeout));
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string describe(const DhcpOptions& dhcp) {
  return fmt::format("domain {}, name servers {}, ntp {}", or_none(dhcp.domain_name),
                     dhcp.domain_name_servers.empty() ? "EC2's" : joined(dhcp.domain_name_servers),
                     dhcp.ntp_servers.empty() ? "EC2's" : joined(dhcp.ntp_servers));
}

/// Empty: EC2's defaults.
std::string describe(const MetadataOptions& options) {
  if (options == MetadataOptions{}) return "";
  return fmt::format("tokens {}, hop limit {}, endpoint {}, IPv6 {}", options.tokens_required ? "required" : "optional",
                     options.put_response_hop_limit, options.endpoint_enabled ? "enabled" : "disabled",
                     options.ipv6_enabled ? "enabled" : "disabled");
}

std::string association(const ElasticIp& elastic, const Deployment& in) {
  if (elastic.eni_id.empty()) return "";
  const Eni* eni = in.find_eni(elastic.eni_id);
  return fmt::format("{} {}", eni == nullptr ? elastic.eni_id : label(*eni), elastic.private_ip.to_string());
}

std::string state_name(InstanceState state) { return state == InstanceState::kRunning ? "running" : "stopped"; }

void differ_attachment(Details& details, const Eni& before, const Eni& now) {
  if (before.instance == now.instance && before.device_index == now.device_index) {
    if (before.network_card != now.network_card)
      details.push_back(fmt::format("network card: {} -> {}", before.network_card, now.network_card));
    return;
  }
  if (before.instance.empty())
    details.push_back(fmt::format("attached to {} as eth{}", now.instance, now.device_index));
  else if (now.instance.empty())
    details.push_back(fmt::format("detached from {}, now available", before.instance));
  else
    details.push_back(fmt::format("moved: {} -> {}", label(before), label(now)));
}

}  // namespace

Details all_of(const Subnet& subnet, const Deployment& in) {
  Details details{fmt::format("{} in {}", subnet.cidr.to_string(), subnet.az)};
  if (subnet.ipv6_cidr) details.push_back(subnet.ipv6_cidr->to_string());
  const RouteTable* table = in.find_route_table(subnet.route_table);
  if (table != nullptr && !table->main) details.push_back("route table " + subnet.route_table);
  const NetworkAcl* acl = in.find_network_acl(subnet.network_acl);
  if (acl != nullptr && !acl->is_default) details.push_back("network ACL " + subnet.network_acl);
  if (subnet.map_public_ip_on_launch) details.push_back("public addresses on launch");
  return details;
}

Details all_of(const PlacementGroup& group, const Deployment&) {
  Details details{fmt::format("strategy {}", strategy_name(group.strategy))};
  if (group.partition_count > 0) details.push_back(fmt::format("{} partitions", group.partition_count));
  return details;
}

Details all_of(const PrefixList& list, const Deployment&) {
  Details details{fmt::format("at most {} entries", list.max_entries)};
  for (const IpPrefix& entry : list.entries) details.push_back("+ " + entry.to_string());
  return details;
}

Details all_of(const SecurityGroup& group, const Deployment&) {
  Details details;
  differ_rules(details, {}, group.ingress, Direction::kIngress);
  differ_rules(details, {}, group.egress, Direction::kEgress);
  return details;
}

Details all_of(const RouteTable& table, const Deployment& in) {
  Details details;
  if (table.main) details.push_back("main");
  for (const Route& route : table.routes)
    if (route.target != RouteTargetKind::kLocal) details.push_back("+ " + describe(route, in));
  return details;
}

Details all_of(const NetworkAcl& acl, const Deployment&) {
  Details details;
  differ_rules(details, {}, acl.ingress, Direction::kIngress);
  differ_rules(details, {}, acl.egress, Direction::kEgress);
  return details;
}

Details all_of(const ElasticIp& elastic, const Deployment& in) {
  Details details{elastic.address.to_string()};
  if (!elastic.eni_id.empty()) details.push_back("associated with " + association(elastic, in));
  return details;
}

Details all_of(const FlowLog& log, const Deployment& in) {
  return {fmt::format("{} of {}", traffic_type_name(log.traffic_type), resource_label(log, in)),
          "to " + log.destination};
}

Details all_of(const Instance& instance, const Deployment&) {
  Details details;
  if (!instance.type.empty()) details.push_back("type " + instance.type);
  if (!instance.placement_group.empty())
    details.push_back(fmt::format("placement group {}: {}", instance.placement_group, describe(instance.placement)));
  if (const std::string limits = describe(instance.allowances); !limits.empty()) details.push_back("limits " + limits);
  if (const std::string options = describe(instance.metadata_options); !options.empty())
    details.push_back("metadata " + options);
  for (const Eni& eni : instance.enis) details.push_back(describe(eni));
  return details;
}

Details differences(const Versions<Subnet>& versions) {
  const auto& [before, now, in_before, in_now] = versions;
  Details details;
  differ(details, "IPv6 block", text_of(before.ipv6_cidr), text_of(now.ipv6_cidr));
  differ(details, "route table", before.route_table, now.route_table);
  differ(details, "network ACL", before.network_acl, now.network_acl);
  if (before.map_public_ip_on_launch != now.map_public_ip_on_launch)
    details.push_back("public addresses on launch: " + on_or_off(now.map_public_ip_on_launch));
  return details;
}

// What is made anew when it differs has no differences of its own: its id says it all.
Details differences(const Versions<PlacementGroup>&) { return {}; }
Details differences(const Versions<FlowLog>&) { return {}; }

Details differences(const Versions<PrefixList>& versions) {
  Details details;
  if (versions.before.max_entries != versions.now.max_entries)
    details.push_back(fmt::format("entries at most: {} -> {}", versions.before.max_entries, versions.now.max_entries));
  differ_lists(details, "", versions.before.entries, versions.now.entries,
               [](const IpPrefix& entry) { return entry.to_string(); });
  return details;
}

Details differences(const Versions<SecurityGroup>& versions) {
  const auto& [before, now, in_before, in_now] = versions;
  Details details;
  differ(details, "description", before.description, now.description);
  differ_rules(details, before.ingress, now.ingress, Direction::kIngress);
  differ_rules(details, before.egress, now.egress, Direction::kEgress);
  return details;
}

Details differences(const Versions<RouteTable>& versions) {
  const auto& [before, now, in_before, in_now] = versions;
  Details details;
  if (before.main != now.main) details.push_back(now.main ? "main" : "no more main");
  const auto has = [](const std::vector<Route>& routes, const Route& route) {
    return route.target == RouteTargetKind::kLocal ||  // follows the VPC's blocks, which have their own line
           std::find(routes.begin(), routes.end(), route) != routes.end();
  };
  for (const Route& route : before.routes)
    if (!has(now.routes, route)) details.push_back("- " + describe(route, in_before));
  for (const Route& route : now.routes)
    if (!has(before.routes, route)) details.push_back("+ " + describe(route, in_now));
  return details;
}

Details differences(const Versions<NetworkAcl>& versions) {
  Details details;
  differ_rules(details, versions.before.ingress, versions.now.ingress, Direction::kIngress);
  differ_rules(details, versions.before.egress, versions.now.egress, Direction::kEgress);
  return details;
}

Details differences(const Versions<ElasticIp>& versions) {
  const auto& [before, now, in_before, in_now] = versions;
  if (before.association_id == now.association_id) return {};
  if (before.eni_id.empty()) return {"associated with " + association(now, in_now)};
  if (now.eni_id.empty()) return {"disassociated from " + association(before, in_before)};
  return {fmt::format("moved: {} -> {}", association(before, in_before), association(now, in_now))};
}

Details differences(const Versions<Instance>& versions) {
  const auto& [before, now, in_before, in_now] = versions;
  Details details;
  differ(details, "state", state_name(before.state), state_name(now.state));
  differ(details, "type", before.type, now.type);
  differ(details, "placement group", before.placement_group, now.placement_group);
  differ(details, "placement", describe(before.placement), describe(now.placement));
  differ(details, "limits", describe(before.allowances), describe(now.allowances));
  if (before.metadata_options != now.metadata_options)
    details.push_back(fmt::format("metadata: {} -> {}", or_defaults(describe(before.metadata_options)),
                                  or_defaults(describe(now.metadata_options))));
  return details;
}

Details differences(const Versions<Eni>& versions) {
  const auto& [before, now, in_before, in_now] = versions;
  Details details;
  differ_attachment(details, before, now);
  differ(details, "security groups", fmt::format("{}", fmt::join(before.security_groups, ", ")),
         fmt::format("{}", fmt::join(now.security_groups, ", ")));
  if (before.source_dest_check != now.source_dest_check)
    details.push_back("source/destination check: " + on_or_off(now.source_dest_check));
  const auto text = [](const auto& address) { return address.to_string(); };
  differ_lists(details, "address ", before.secondary_private_ips, now.secondary_private_ips, text);
  differ_lists(details, "address ", before.ipv6_addresses, now.ipv6_addresses, text);
  differ_lists(details, "prefix ", before.prefixes, now.prefixes, text);
  differ(details, "public address", before.public_ip ? before.public_ip->to_string() : "",
         now.public_ip ? now.public_ip->to_string() : "");
  differ(details, "description", before.description, now.description);
  differ(details, "connection tracking", describe(before.connection_tracking), describe(now.connection_tracking));
  if (before.delete_on_termination != now.delete_on_termination)
    details.push_back("delete on termination: " + on_or_off(now.delete_on_termination));
  differ(details, "vf", before.instance.empty() ? "" : describe(before.vf), now.instance.empty() ? "" : describe(now.vf));
  if (before.enable_frag_bypass != now.enable_frag_bypass)
    details.push_back("fragment bypass: " + on_or_off(now.enable_frag_bypass));
  if (before.ena_srd != now.ena_srd) details.push_back("ENA Express: " + on_or_off(now.ena_srd));
  differ(details, "port", describe(before.port), describe(now.port));
  if (before.ena_srd_udp != now.ena_srd_udp)
    details.push_back("ENA Express for UDP: " + on_or_off(now.ena_srd_udp));
  return details;
}

Details fabric_differences(const underlay::Layout& before, const underlay::Layout& now) {
  Details details;
  differ(details, "spines", std::to_string(before.spines), std::to_string(now.spines));
  differ(details, "seed", std::to_string(before.seed), std::to_string(now.seed));
  differ(details, "rack", describe(before.rack), describe(now.rack));
  differ(details, "spine", describe(before.spine), describe(now.spine));
  differ(details, "host", describe(before.host), describe(now.host));
  return details;
}

Details fault_differences(const underlay::Fault& before, const underlay::Fault& now) {
  Details details;
  differ(details, "where", describe_place(before), describe_place(now));
  differ(details, "what", describe(before.impairment), describe(now.impairment));
  return details;
}

Details vpc_differences(const Deployment& before, const Deployment& now) {
  Details details;
  differ(details, "IPv6 block", text_of(before.vpc_ipv6_cidr), text_of(now.vpc_ipv6_cidr));
  if (before.dns_support != now.dns_support) details.push_back("DNS support: " + on_or_off(now.dns_support));
  differ(details, "DHCP options", describe(before.dhcp), describe(now.dhcp));
  for (const NumberParameter& one : kNumberParameters)
    differ(details, fmt::format("parameter {}", one.key), fmt::format("{}", before.parameters.*one.value),
           fmt::format("{}", now.parameters.*one.value));
  for (const SwitchParameter& one : kSwitchParameters)
    differ(details, fmt::format("parameter {}", one.key), fmt::format("{}", before.parameters.*one.value),
           fmt::format("{}", now.parameters.*one.value));
  return details;
}

Details gateway_details(const InternetGateway& gateway) {
  Details details{fmt::format("{} at {}", gateway.guest, joined(gateway.addresses)),
                  "public addresses from " + gateway.public_pool.to_string()};
  if (!gateway.port.is_tap())
    details.push_back(fmt::format("port {}, next hop {}", describe(gateway.port), gateway.mac.to_string()));
  return details;
}

bool is_implied(const RouteTable& table) {
  return table.main && table.name == "main" &&
         std::all_of(table.routes.begin(), table.routes.end(),
                     [](const Route& route) { return route.target == RouteTargetKind::kLocal; });
}

bool is_implied(const NetworkAcl& acl) {
  const auto allows_all = [](const AclEntryDeclaration& entry) {
    return entry.allow && entry.protocol == kAllProtocols && entry.rule_number == (entry.cidr.is_v4() ? 100 : 101) &&
           entry.cidr.address == (entry.cidr.is_v4() ? IpAddress::from({}) : IpAddress{}) &&
           (entry.cidr.length == 0 || entry.cidr.length == 96);
  };
  return acl.is_default && !acl.ingress.empty() && acl.ingress == acl.egress &&
         std::all_of(acl.ingress.begin(), acl.ingress.end(), allows_all);
}

}  // namespace weft

#include "dataplane/worker/snapshot.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "dataplane/model/allowances.hpp"
#include "dataplane/model/flow_logs.hpp"
#include "dataplane/worker/allowance_book.hpp"
#include "dataplane/worker/hosts.hpp"
#include "dataplane/worker/vf_book.hpp"

namespace weft {
namespace {

constexpr std::uint16_t kOnlyVpc = 0;  // a Deployment has one; keys and tables carry the number from the first day (D16)

std::uint32_t last_address(const IpPrefix& prefix) {
  const unsigned host_bits = 32 - prefix.v4_length();
  return prefix.address.v4().value | static_cast<std::uint32_t>((std::uint64_t{1} << host_bits) - 1);
}

/// RFC 1112 and RFC 4291, and what lies above the former: reserved, and 255.255.255.255.
bool is_multicast(const IpAddress& ip) {
  return ip.is_v4() ? ip.v4().value >= 0xe0000000U : ip.is_multicast_v6();
}

void set_port(EniRecord& out, const SlotAssignment& assignment, std::uint16_t most_mtu) {
  out.port = assignment.port;
  if (assignment.port == nullptr) return;
  const PortCapabilities port = assignment.port->capabilities();
  out.mtu = std::min(port.mtu, most_mtu);
  out.take(port);
  out.takes_change = assignment.port->capabilities_change();
}

EniRecord compile_eni(const Eni& eni, const SlotAssignment& assignment, PolicyEni policy, std::uint16_t subnet,
                      std::uint32_t router) {
  EniRecord out;
  out.address = eni.private_ip.is_v4() ? eni.private_ip.v4().value : 0;
  out.more_addresses = !eni.secondary_private_ips.empty() || !eni.ipv6_addresses.empty() || !eni.prefixes.empty();
  out.router = router;
  out.born = assignment.born;
  out.policy = policy;
  out.mac = eni.mac;
  out.subnet = subnet;
  out.vpc = kOnlyVpc;
  out.home = assignment.home;
  out.present = true;
  out.source_dest_check = eni.source_dest_check;
  out.spoof_check = eni.vf.spoof_check;
  out.address_check = eni.source_dest_check && eni.vf.spoof_check;
  out.trust = eni.vf.trust;
  out.link_up = eni.vf.link_up();
  out.frag_bypass = eni.enable_frag_bypass;
  set_port(out, assignment, kFabricMtu);
  return out;
}

/// Its side of the hop is a subnet of its own, with nothing in it but the router that the internet sees.
EniRecord compile_gateway(const InternetGateway& gateway, const SlotAssignment& assignment, Snapshot& snapshot) {
  EniRecord out;
  out.kind = EndKind::kGateway;
  out.router = kGatewayRouter.value;
  out.born = assignment.born;
  out.mac = gateway.mac;
  out.subnet = static_cast<std::uint16_t>(snapshot.subnets.size());
  out.vpc = kOnlyVpc;
  out.home = assignment.home;
  out.present = true;
  out.source_dest_check = out.spoof_check = out.address_check = false;  // arrive() has its own
  set_port(out, assignment, kGatewayMtu);
  const IpPrefix no_addresses = IpPrefix::make(IpAddress::from({0xffffffff}), 128);
  snapshot.subnets.push_back({0xffffffff, 0xffffffff, router_mac(kGatewayRouter), no_addresses, std::nullopt, 0});
  return out;
}

}  // namespace

MacAddress router_mac(Ipv4Address router) {
  const auto octet = [&](unsigned shift) { return static_cast<std::uint8_t>(router.value >> shift); };
  return {{0x06, 0x00, octet(24), octet(16), octet(8), octet(0)}};
}

namespace {

/// EC2's time-outs are its defaults where the ENI declares none (facts ec2 2.4). Those it does not publish are the VPC's.
void compile_timeouts(const Parameters& parameters, const std::vector<const Eni*>& enis,
                      const std::vector<SlotAssignment>& assignments, TimeoutTable& out) {
  IdleTimeouts defaults = kIdleTimeouts;
  for (const auto& [state, seconds] : {std::pair{TrackState::kTcpOpening, parameters.tcp_opening_timeout},
                                       std::pair{TrackState::kTcpClosing, parameters.tcp_closing_timeout},
                                       std::pair{TrackState::kIcmp, parameters.icmp_timeout}})
    defaults[static_cast<unsigned>(state)] = static_cast<std::uint32_t>(seconds) * kTicksPerSecond;
  out.set_defaults(defaults);
  for (std::size_t i = 0; i < enis.size(); ++i) {
    const ConnectionTracking& own = enis[i]->connection_tracking;
    if (own == ConnectionTracking{}) continue;
    IdleTimeouts timeouts = out.defaults();
    const auto set = [&](TrackState state, const std::optional<int>& seconds) {
      if (seconds) timeouts[static_cast<unsigned>(state)] = static_cast<std::uint32_t>(*seconds) * kTicksPerSecond;
    };
    set(TrackState::kTcpEstablished, own.tcp_established_timeout);
    set(TrackState::kUdpSingle, own.udp_timeout);
    set(TrackState::kUdpStream, own.udp_stream_timeout);
    out.set(assignments[i].slot, timeouts);
  }
}

std::size_t count_addresses(const std::vector<const Eni*>& enis) {
  std::size_t count = enis.size();
  for (const Eni* eni : enis) count += eni->secondary_private_ips.size() + eni->ipv6_addresses.size();
  return count;
}

void index_addresses(const Eni& eni, EniSlot slot, Snapshot& snapshot) {
  if (eni.private_ip.is_v4()) snapshot.addresses.insert(kOnlyVpc, eni.private_ip, slot);  // EFA-only ENIs have none
  for (const IpAddress& address : eni.secondary_private_ips) snapshot.addresses.insert(kOnlyVpc, address, slot);
  for (const IpAddress& address : eni.ipv6_addresses) snapshot.addresses.insert(kOnlyVpc, address, slot);
  for (const IpPrefix& prefix : eni.prefixes) snapshot.prefixes.insert(kOnlyVpc, prefix, slot);
}

/// All flow logs together: which of them a record is for, the control thread decides.
void compile_flow_logs(const Deployment& deployment, const std::vector<const Eni*>& enis,
                       const std::vector<SlotAssignment>& assignments, Snapshot& snapshot) {
  if (deployment.flow_logs.empty()) return;
  snapshot.logged_actions.resize(snapshot.enis.size());
  for (std::size_t i = 0; i < enis.size(); ++i)
    for (const FlowLog& log : deployment.flow_logs)
      if (is_logged(log, *enis[i], deployment))
        snapshot.logged_actions[assignments[i].slot] |= static_cast<std::uint8_t>(log.traffic_type);
}

/// Where each interface's instance stands, and what is wrong between hosts.
void compile_underlay(const underlay::Configuration& configuration, const Deployment& deployment,
                      const std::vector<SlotAssignment>& assignments, Snapshot& snapshot) {
  if (impairs_nothing(configuration)) return;
  const HostsByInstance hosts = hosts_of(deployment);
  snapshot.hosts.resize(snapshot.enis.size());
  std::size_t position = 0;  // in the order of flatten_enis()
  for (const Instance& instance : deployment.instances)
    for (std::size_t i = 0; i < instance.enis.size(); ++i)
      snapshot.hosts[assignments[position++].slot] = hosts.at(instance.name);
  auto plan = std::make_shared<underlay::Plan>(compile_plan(configuration, hosts));
  plan->version = snapshot.epoch;
  snapshot.underlay = std::move(plan);
}

/// Each of its queues by one worker, which fills the first of those that it polls.
void poll_at_home(Snapshot& snapshot, const SlotAssignment& assignment) {
  if (assignment.port == nullptr) return;
  if (assignment.port->readiness_fd() >= 0) return snapshot.homes[assignment.home].by_epoll.push_back(assignment.slot);
  snapshot.homes[assignment.home].polled.push_back({assignment.slot, assignment.port});
  if (assignment.more_queues.empty()) return;
  const std::size_t workers = snapshot.homes.size();
  std::vector<Port*>& filled = snapshot.queues.emplace_back(workers);
  filled[assignment.home] = assignment.port;
  for (std::size_t q = 0; q < assignment.more_queues.size(); ++q) {
    const std::size_t worker = (assignment.home + q + 1) % workers;
    snapshot.homes[worker].polled.push_back({assignment.slot, assignment.more_queues[q]});
    if (filled[worker] == nullptr) filled[worker] = assignment.more_queues[q];
  }
  snapshot.enis[assignment.slot].queues = filled.data();
}

}  // namespace

std::unique_ptr<const Snapshot> Snapshot::compile(std::shared_ptr<const Deployment> deployment,
                                                  const std::vector<SlotAssignment>& assignments, std::size_t slots,
                                                  std::uint32_t epoch, unsigned workers,
                                                  const AllowanceBook* allowances,
                                                  const underlay::Configuration& underlay, const VfBook* functions) {
  auto snapshot = std::make_unique<Snapshot>();
  snapshot->epoch = epoch;
  snapshot->policy = GroupPolicy::compile(*deployment);

  const std::vector<const Eni*> enis = flatten_enis(*deployment);
  for (std::size_t i = 0; i < enis.size(); ++i) snapshot->slot_of_policy.push_back(assignments[i].slot);
  snapshot->routes = RouteTables::compile(*deployment);
  snapshot->acls = AclPolicy::compile(*deployment);
  std::unordered_map<std::string, std::uint16_t> subnet_index;
  const Zones zones = zones_of(*deployment);
  for (const Subnet& subnet : deployment->subnets) {
    subnet_index[subnet.name] = static_cast<std::uint16_t>(snapshot->subnets.size());
    snapshot->subnets.push_back({subnet.cidr.address.v4().value, last_address(subnet.cidr),
                                 router_mac(subnet.router().v4()), subnet.cidr, subnet.ipv6_cidr, zones.at(subnet.az)});
  }

  snapshot->enis.resize(slots);
  snapshot->homes.resize(std::max(workers, 1U));
  snapshot->addresses = AddressTable(count_addresses(enis));
  for (std::size_t i = 0; i < enis.size(); ++i) {
    const SlotAssignment& assignment = assignments[i];
    const std::uint16_t subnet = subnet_index.at(enis[i]->subnet);
    snapshot->enis[assignment.slot] = compile_eni(*enis[i], assignment, static_cast<PolicyEni>(i), subnet,
                                                  deployment->subnets[subnet].router().v4().value);
    if (has_ena_express(*deployment, *enis[i])) {
      snapshot->enis[assignment.slot].ena_srd = snapshot->ena_express = true;
      snapshot->enis[assignment.slot].ena_srd_udp = enis[i]->ena_srd_udp;
    }
    index_addresses(*enis[i], assignment.slot, *snapshot);
    poll_at_home(*snapshot, assignment);
  }
  snapshot->prefixes.finish();
  snapshot->vpc_cidr = deployment->vpc_cidr;
  snapshot->vpc_ipv6_cidr = deployment->vpc_ipv6_cidr;
  if (deployment->internet_gateway) {
    const SlotAssignment& assignment = assignments[enis.size()];
    snapshot->gateway = assignment.slot;
    snapshot->enis[assignment.slot] = compile_gateway(*deployment->internet_gateway, assignment, *snapshot);
    snapshot->public_addresses = PublicAddresses::compile(*deployment);
    poll_at_home(*snapshot, assignment);
  }
  snapshot->parameters = deployment->parameters;
  compile_timeouts(deployment->parameters, enis, assignments, snapshot->timeouts);
  snapshot->efa = EfaMatrix::compile(*deployment, *snapshot->policy, assignments, slots);
  if (allowances != nullptr) snapshot->allowances = allowances->by_slot(*deployment, assignments, slots);
  if (functions != nullptr) {
    snapshot->vf_rates = functions->by_slot(enis, assignments, slots);
    snapshot->claimed = functions->claimed();
  }
  compile_flow_logs(*deployment, enis, assignments, *snapshot);
  compile_underlay(underlay, *deployment, assignments, *snapshot);
  snapshot->services = ServiceViews::compile(*deployment, snapshot->slot_of_policy, slots);
  snapshot->deployment = std::move(deployment);
  return snapshot;
}

EniSlot Snapshot::owner(std::uint16_t vpc, const IpAddress& address) const noexcept {
  const EniSlot slot = addresses.find(vpc, address);
  return slot != kNoEni ? slot : prefixes.find(vpc, address);
}

NextHop Snapshot::route(EniSlot source, const IpAddress& destination) const noexcept {
  const EniRecord& from = enis[source];
  if (is_multicast(destination)) return {kNoEni, DropReason::kMulticast};
  if (from.kind == EndKind::kGateway) return local(from.vpc, destination);
  // No router forwards link-local addresses (RFC 4291 2.5.6).
  if (!destination.is_v4() && destination.is_link_local_v6()) return {kNoEni, DropReason::kNoRoute};
  const RouteDecision decision = routes.find(from.subnet, destination);
  switch (decision.kind) {
    case RouteKind::kNone: break;
    case RouteKind::kLocal: return local(from.vpc, destination);
    case RouteKind::kEni: return {slot_of_policy[decision.eni], {}};
    case RouteKind::kInternetGateway: return {gateway, DropReason::kNoRoute};
    case RouteKind::kBlackhole: return {kNoEni, DropReason::kBlackhole};
  }
  return {kNoEni, DropReason::kNoRoute};
}

/// To the owner, by the local route.
NextHop Snapshot::local(std::uint16_t vpc, const IpAddress& destination) const noexcept {
  const EniSlot slot = owner(vpc, destination);
  if (slot != kNoEni) return {slot, {}};
  if (!destination.is_v4()) return {kNoEni, DropReason::kNoSuchAddress};
  const std::uint32_t address = destination.v4().value;
  for (const SubnetRecord& subnet : subnets) {
    if (address == subnet.last) return {kNoEni, DropReason::kMulticast};  // directed broadcast (facts ec2 1.6)
    if (address == subnet.first + 1) return {kNoEni, DropReason::kRouterService};
  }
  return {kNoEni, DropReason::kNoSuchAddress};
}

}  // namespace weft

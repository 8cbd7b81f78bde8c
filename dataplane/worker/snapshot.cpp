#include "dataplane/worker/snapshot.hpp"

#include <algorithm>
#include <unordered_map>

namespace weft {
namespace {

constexpr std::uint16_t kOnlyVpc = 0;  // a Deployment has one; keys and tables carry the number from the first day (D16)

std::uint32_t last_address(const IpPrefix& prefix) {
  const unsigned host_bits = 32 - prefix.v4_length();
  return prefix.address.v4().value | static_cast<std::uint32_t>((std::uint64_t{1} << host_bits) - 1);
}

EniRecord compile_eni(const Eni& eni, const SlotAssignment& assignment, PolicyEni policy, std::uint16_t subnet,
                      std::uint32_t router) {
  EniRecord out;
  out.port = assignment.port;
  out.address = eni.private_ip.v4().value;
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
  out.link_up = eni.vf.link_up;
  if (assignment.port != nullptr) {
    const PortCapabilities port = assignment.port->capabilities();
    out.mtu = std::min<std::uint16_t>(port.mtu, kFabricMtu);
    out.takes_checksum = port.checksum;
    out.takes_tso = port.tso;
    out.takes_chains = port.chains;
  }
  return out;
}

}  // namespace

MacAddress router_mac(Ipv4Address router) {
  const auto octet = [&](unsigned shift) { return static_cast<std::uint8_t>(router.value >> shift); };
  return {{0x06, 0x00, octet(24), octet(16), octet(8), octet(0)}};
}

std::unique_ptr<const Snapshot> Snapshot::compile(std::shared_ptr<const Deployment> deployment,
                                                  const std::vector<SlotAssignment>& assignments, std::size_t slots,
                                                  std::uint32_t epoch, unsigned workers) {
  auto snapshot = std::make_unique<Snapshot>();
  snapshot->epoch = epoch;
  snapshot->policy = GroupPolicy::compile(*deployment);
  if (deployment->vpc_cidr.is_v4()) {  // not so when nothing is deployed
    snapshot->vpc_first = deployment->vpc_cidr.address.v4().value;
    snapshot->vpc_last = last_address(deployment->vpc_cidr);
  }

  std::unordered_map<std::string, std::uint16_t> subnet_index;
  for (const Subnet& subnet : deployment->subnets) {
    subnet_index[subnet.name] = static_cast<std::uint16_t>(snapshot->subnets.size());
    snapshot->subnets.push_back({subnet.cidr.address.v4().value, last_address(subnet.cidr),
                                 router_mac(subnet.router().v4())});
  }

  const std::vector<const Eni*> enis = flatten_enis(*deployment);
  snapshot->enis.resize(slots);
  snapshot->homes.resize(std::max(workers, 1U));
  snapshot->addresses = AddressTable(enis.size());
  for (std::size_t i = 0; i < enis.size(); ++i) {
    const SlotAssignment& assignment = assignments[i];
    const std::uint16_t subnet = subnet_index.at(enis[i]->subnet);
    EniRecord& record = snapshot->enis[assignment.slot];
    record = compile_eni(*enis[i], assignment, static_cast<PolicyEni>(i), subnet,
                         deployment->subnets[subnet].router().v4().value);
    snapshot->addresses.insert(record.vpc, record.address, assignment.slot);
    if (record.port == nullptr) continue;
    Home& home = snapshot->homes[record.home];
    (record.port->readiness_fd() < 0 ? home.polled : home.by_epoll).push_back(assignment.slot);
  }
  snapshot->efa = EfaMatrix::compile(*deployment, *snapshot->policy, assignments, slots);
  snapshot->deployment = std::move(deployment);
  return snapshot;
}

NextHop Snapshot::route(std::uint16_t vpc, std::uint32_t destination) const noexcept {
  const EniSlot eni = addresses.find(vpc, destination);
  if (eni != kNoEni) return {eni, {}};
  if (destination >= 0xe0000000U) return {kNoEni, DropReason::kMulticast};  // RFC 1112, and 255.255.255.255
  if (destination < vpc_first || destination > vpc_last) return {kNoEni, DropReason::kNoRoute};
  for (const SubnetRecord& subnet : subnets) {
    if (destination == subnet.last) return {kNoEni, DropReason::kMulticast};  // directed broadcast (facts ec2 1.6)
    if (destination == subnet.first + 1) return {kNoEni, DropReason::kRouterService};
  }
  return {kNoEni, DropReason::kNoSuchAddress};
}

}  // namespace weft

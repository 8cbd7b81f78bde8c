// What the workers read: the Deployment compiled to tables, immutable, published by pointer (DESIGN D3).
//
// ENIs are known by slot. A slot belongs to one ENI from the epoch at which it was `born` until the ENI goes, over all
// snapshots between; whoever kept a slot number from an older epoch compares it with `born` and knows whether it still
// means the same ENI. That is how flows and handed-over packets find out that their ENI has gone.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/flow/entry.hpp"
#include "dataplane/flow/timeouts.hpp"
#include "dataplane/limit/instance_allowance.hpp"
#include "dataplane/limit/vf_rate.hpp"
#include "dataplane/model/deployment.hpp"
#include "dataplane/observe/drop_reason.hpp"
#include "dataplane/policy/acl.hpp"
#include "dataplane/policy/gate.hpp"
#include "dataplane/route/route_tables.hpp"
#include "dataplane/underlay/plan.hpp"
#include "dataplane/worker/address_table.hpp"
#include "dataplane/worker/claimed_macs.hpp"
#include "dataplane/worker/efa_matrix.hpp"
#include "dataplane/worker/public_addresses.hpp"
#include "dataplane/worker/service_views.hpp"
#include "drivers/port.hpp"

namespace weft {

/// What has a slot: an ENI, or the internet gateway, which is an end of hops as an ENI is (DESIGN D2).
enum class EndKind : std::uint8_t { kInterface, kGateway };

/// All the burst loop asks of an ENI: one cache line.
struct alignas(64) EniRecord {
  Port* port = nullptr;       // its first queue; null: nothing is attached yet
  Port* const* queues = nullptr;  // of a port with several, by worker: the one that the worker fills, or null
  std::uint32_t address = 0;  // primary private IPv4, host order
  std::uint32_t router = 0;   // its subnet's
  std::uint32_t born = 0;     // epoch at which it took the slot
  PolicyEni policy = 0;
  MacAddress mac;
  std::uint16_t subnet = 0;  // index into Snapshot::subnets
  std::uint16_t vpc = 0;
  std::uint16_t home = 0;  // the worker that polls the port
  std::uint16_t mtu = kFabricMtu;
  EndKind kind = EndKind::kInterface;
  bool present = false;
  bool more_addresses = false;  // Snapshot::owns() knows further ones: secondary, IPv6, delegated prefixes
  bool source_dest_check = true;
  bool spoof_check = true;    // of its MAC
  bool address_check = true;  // of its own as a source: with both the checks of VF and ENI
  bool trust = false;         // its guest may choose its MAC: Snapshot::claimed
  bool link_up = true;
  bool frag_bypass = false;
  bool ena_srd = false;  // and its type can
  bool ena_srd_udp = false;
  bool takes_checksum = false;  // PortCapabilities
  bool takes_tso = false;
  bool takes_chains = false;
  bool takes_change = false;  // the three above may be others by now (Port::capabilities_change())

  void take(const PortCapabilities& of_port) noexcept {
    takes_checksum = of_port.checksum;
    takes_tso = of_port.tso;
    takes_chains = of_port.chains;
  }
  /// What the worker fills itself. Null: it hands over to the home.
  Port* port_of(std::uint16_t worker) const noexcept {
    if (worker == home) return port;
    return queues == nullptr ? nullptr : queues[worker];
  }
  /// The slot means the ENI it meant at `epoch`.
  bool same_since(std::uint32_t epoch) const noexcept { return present && born <= epoch; }
};
static_assert(sizeof(EniRecord) == 64);

struct SubnetRecord {
  std::uint32_t first = 0;  // network address
  std::uint32_t last = 0;   // broadcast address
  MacAddress router_mac;
  IpPrefix cidr;
  std::optional<IpPrefix> ipv6_cidr;
  std::uint16_t zone = 0;  // the same number, the same AZ

  /// The address in whose name ICMPv6 errors go out: ::1 of the subnet (facts ec2 1.6).
  IpAddress router6() const noexcept {
    IpAddress router = ipv6_cidr ? ipv6_cidr->address : IpAddress{};
    router.octets[15] |= 1;
    return router;
  }
  bool contains(const IpAddress& ip) const noexcept {
    return ip.is_v4() ? cidr.contains(ip) : ipv6_cidr && ipv6_cidr->contains(ip);
  }
};

/// Where a packet goes from one ENI.
struct NextHop {
  EniSlot eni = kNoEni;                            // or the gateway's slot
  DropReason reason = DropReason::kNoSuchAddress;  // when eni is kNoEni
};

/// The gateway's own address and MAC towards the internet: a link-local next hop, which no host out there has.
inline constexpr Ipv4Address kGatewayRouter{0xa9fe0001};  // 169.254.0.1
inline constexpr std::uint16_t kGatewayMtu = 1500;        // facts ec2 1.8

/// What the control thread decided about an ENI before compiling.
struct SlotAssignment {
  EniSlot slot = kNoEni;
  std::uint32_t born = 0;
  std::uint16_t home = 0;
  Port* port = nullptr;
  std::vector<Port*> more_queues = {};  // queue q is of worker (home + q) modulo their number
};

class AllowanceBook;
class VfBook;

class Snapshot {
 public:
  /// `assignments` are in the order of flatten_enis(deployment), and then the internet gateway's, if there is one;
  /// `slots` is how many slots there are or were.
  static std::unique_ptr<const Snapshot> compile(std::shared_ptr<const Deployment> deployment,
                                                 const std::vector<SlotAssignment>& assignments, std::size_t slots,
                                                 std::uint32_t epoch, unsigned workers,
                                                 const AllowanceBook* allowances = nullptr,
                                                 const underlay::Configuration& underlay = {},
                                                 const VfBook* functions = nullptr);

  /// By the route table of the source's subnet (facts ec2 1.10); from the gateway, to the owner.
  NextHop route(EniSlot source, const IpAddress& destination) const noexcept;
  /// The ENI of the VPC that has the address, by itself or in a delegated prefix; kNoEni when none has.
  EniSlot owner(std::uint16_t vpc, const IpAddress& address) const noexcept;
  bool owns(EniSlot slot, const IpAddress& address) const noexcept { return owner(enis[slot].vpc, address) == slot; }
  const EniRecord& eni(EniSlot slot) const noexcept { return enis[slot]; }
  /// The network ACL of an ENI's subnet, for a packet that leaves (egress) or enters (ingress) it (facts ec2 2.6).
  bool acl_allows(const EniRecord& eni, Direction direction, const PacketTuple& packet) const noexcept {
    return acls.allows(acls.of_subnet(eni.subnet), direction, packet);
  }
  bool acl_open(const EniRecord& eni, bool ipv6) const noexcept { return acls.open(acls.of_subnet(eni.subnet), ipv6); }

  /// Null: nothing limits the ENI's instance.
  InstanceAllowance* allowance(EniSlot slot) const noexcept {
    return slot < allowances.size() ? allowances[slot].get() : nullptr;
  }

  std::uint32_t epoch = 0;
  std::vector<EniRecord> enis;  // by slot
  std::vector<SubnetRecord> subnets;
  RouteTables routes;
  AclPolicy acls;
  std::vector<EniSlot> slot_of_policy;  // by PolicyEni
  ServiceViews services;
  AddressTable addresses;
  PrefixTable prefixes;
  IpPrefix vpc_cidr;
  std::optional<IpPrefix> vpc_ipv6_cidr;
  EniSlot gateway = kNoEni;
  PublicAddresses public_addresses;
  TimeoutTable timeouts;  // by slot
  Parameters parameters;
  std::shared_ptr<const GroupPolicy> policy;
  std::shared_ptr<const Deployment> deployment;
  EfaMatrix efa;
  bool ena_express = false;  // some ENI has it; else no stage asks
  std::vector<std::shared_ptr<InstanceAllowance>> allowances;  // by slot; empty: nobody has any, and no stage asks
  std::vector<std::shared_ptr<VfRate>> vf_rates;  // by slot; empty: no VF has a max_tx_rate, and no stage asks
  std::shared_ptr<ClaimedMacs> claimed;           // null: no VF is trusted
  std::vector<std::uint8_t> logged_actions;  // by slot, bits of FlowLogAction; empty: no flow log, and no stage asks
  std::shared_ptr<const underlay::Plan> underlay;  // null: nothing is wrong between any hosts, and no stage asks
  std::vector<underlay::Host> hosts;               // by slot, where its instance stands; only with an underlay
  struct Home {
    struct Polled {
      EniSlot eni;
      Port* port;  // of its queues, those of this worker
    };
    std::vector<Polled> polled;     // ports that are asked every turn
    std::vector<EniSlot> by_epoll;  // ports with a readiness descriptor
  };
  std::vector<Home> homes;  // by worker
  std::vector<std::vector<Port*>> queues;  // EniRecord::queues

 private:
  NextHop local(std::uint16_t vpc, const IpAddress& destination) const noexcept;
};

/// Names a port in a worker's epoll set: an event of a port that has gone does not look like its successor's.
constexpr std::uint64_t port_tag(EniSlot slot, std::uint32_t born) { return std::uint64_t{born} << 16 | slot; }

/// Both ends of a flow are still the ENIs that they were when it was judged.
template <typename Entry>
inline bool ends_live(const Entry& entry, const Snapshot& snapshot) noexcept {
  return snapshot.eni(entry.half[0].eni).same_since(entry.half[0].epoch) &&
         snapshot.eni(entry.half[1].eni).same_since(entry.half[1].epoch);
}

/// "06:00" and the router's address: locally administered, the same for ever, and no ENI's.
MacAddress router_mac(Ipv4Address router);

}  // namespace weft

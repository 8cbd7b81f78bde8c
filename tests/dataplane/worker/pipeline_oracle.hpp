// The slow twin of the whole pipeline (DESIGN D13): facts ec2 2.7 written down once more, from the Deployment and the
// linear oracles of rules, ACLs and routes, with a std::map for memory, frames built anew where the engine patches
// them, and not one line of the engine's. Both families, whole packets in; everything that a packet brings about comes
// out.
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "dataplane/observe/drop_reason.hpp"
#include "tests/dataplane/worker/fabric.hpp"
#include "tests/dataplane/worker/frames6.hpp"

namespace weft::test {

/// What one packet does.
struct Effect {
  std::map<std::string, std::vector<Frame>> delivered;  // by guest, or "internet"; in order
  Changes counters;                                     // as Fabric::counter_changes() names them
  bool operator==(const Effect&) const = default;
};

/// A flow as its key has it, and both its directions.
using FlowId = std::tuple<IpAddress, std::uint16_t, IpAddress, std::uint16_t, std::uint8_t>;  // lower end first
/// A hop of a flow, with who its lower and its upper end are -> packets that each has sent.
using HopCounts = std::map<std::tuple<FlowId, std::string, std::string>, std::array<std::uint64_t, 2>>;

class PipelineOracle {
 public:
  explicit PipelineOracle(bool related_icmp_errors) : related_icmp_errors_(related_icmp_errors) {}

  void apply(const Deployment& deployment);
  /// A frame without offloads or options, whose MAC addresses are right; TCP (no end of a connection), UDP, ICMP echo.
  Effect send(const std::string& from, const Frame& frame);
  const HopCounts& hops() const { return hops_; }

 private:
  struct Packet;
  struct Memory {
    bool tracked = false;
    unsigned version = 0;  // of the rules it was judged by
  };
  struct Target {
    std::string to;  // empty: nobody, for `reason`
    DropReason reason{};
  };
  /// Who holds this packet up, and where it is.
  struct Way {
    std::string from;
    Effect* effect;
    void drop(DropReason reason) const;
  };

  const Eni& eni(const std::string& guest) const { return deployment_.find_instance(guest)->enis[0]; }
  const Subnet& subnet(const std::string& guest) const { return *deployment_.find_subnet(eni(guest).subnet); }
  std::string owner(const IpAddress& address) const;
  std::optional<IpAddress> public_of(const IpAddress& own) const;
  std::optional<IpAddress> private_of(const IpAddress& outside) const;
  bool is_outside(const IpAddress& address) const;

  Target route(const std::string& from, const IpAddress& destination) const;
  /// What an ENI remembers of a flow at this side of it: a middlebox stands at both.
  const Memory* remembered(const std::string& end, const Packet& packet, unsigned side) const;
  GateVerdict gate(const std::string& end, const std::string& other, Direction direction, const Packet& packet) const;
  bool acl_allows(const std::string& guest, Direction direction, const PacketTuple& tuple) const;
  void remember(const std::string& from, const std::string& to, const Packet& packet, GateVerdict egress,
                GateVerdict ingress);

  void forward(const Way& way, const Packet& packet);
  void deliver(const Way& way, const Packet& packet, const std::string& to);
  void arrive(const Way& way, Packet packet);
  void depart(const Way& way, const Packet& packet);
  void tell_sender(const Way& way, const Packet& packet, std::uint8_t type, std::uint8_t code, std::uint16_t mtu);
  void hand_over(Effect& effect, const std::string& to, Frame frame);

  Deployment deployment_;
  const bool related_icmp_errors_;
  unsigned version_ = 0;
  std::map<std::tuple<std::string, FlowId, unsigned>, Memory> memories_;
  HopCounts hops_;
};

/// Of a whole packet or a first fragment.
FlowId flow_of(const Frame& frame);

}  // namespace weft::test

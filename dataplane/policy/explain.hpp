// Would it pass, on which way, by which rule: the whole pipeline in words, from the Deployment alone. `weft explain`
// asks about a packet that nobody has sent, `weft flows --drops` about one that was dropped.
//
// The answer is about a new flow. A reply of a flow that is tracked passes the gates whatever the rules say (facts ec2
// 2.4); it does not pass an ACL. Allowances are named with their numbers; whether one is used up depends on what else is
// sent, so none of them refuses here.
// Thread: any; allocates; not for the data path.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dataplane/model/deployment.hpp"
#include "dataplane/policy/gate.hpp"

namespace weft {

struct ExplainQuestion {
  PacketTuple packet;
  bool efa = false;  // an EFA message between two ENIs: protocol and ports are not looked at
  /// Ids. Empty: the ENI that has the address. The source's is needed when it is not its own address that it sends
  /// from, the destination's only for EFA, which an interface without addresses may have.
  std::string source_eni, destination_eni;
  std::uint32_t size = 0;  // bytes of the IP packet; 0: as small as fits everywhere
  bool dont_fragment = true;
};

/// A number that the way is subject to.
struct ExplainLimit {
  double value = 0;
  double peak = 0;  // as long as there are credits; 0: there is none
  std::string unit;         // "Gbit/s", "packets/s", "connections"
  std::string drop_reason;  // of what is more
  std::string counter;      // ENA's that counts it; empty: ENA has none
};

/// One check on the way, in the order in which the data path makes them (worker/pipeline.hpp, facts ec2 2.7).
struct ExplainStep {
  std::string stage;  // "source", "service", "egress gate", "egress ACL", "route", "internet gateway", "ingress ACL",
                      // "ingress gate", "destination", "MTU", "allowance", "EFA"
  bool passed = false;
  std::string subject;  // who decides: "node-0 (eni-...)", "network ACL web (acl-...)", "route table main (rtb-...)"
  /// What decided, or the nearest that did not match: "100 allow tcp 80 from 0.0.0.0/0", "0.0.0.0/0 to the internet gateway".
  std::optional<std::string> rule;
  int rule_line = 0;       // in the topology file; 0: unknown, or no rule
  std::string rule_group;  // of a gate: "name (sg-...)" of the group the rule is in
  std::string reason;      // in words
  std::optional<ExplainLimit> limit = std::nullopt;  // of an allowance
};

struct GateExplanation {
  Direction direction = Direction::kEgress;
  bool allowed = false;
  bool tracked = true;  // meaningful when allowed
  std::string eni_id;
  std::string instance;             // name
  std::vector<std::string> groups;  // "name (sg-...)", the ENI's own
  /// The rule that decided, or, when the gate refuses, the nearest that did not match: "tcp 22 from 10.0.0.0/16".
  /// Nothing when the groups have no rule in this direction.
  std::optional<std::string> rule;
  int rule_line = 0;       // in the topology file; 0: unknown, or no rule
  std::string rule_group;  // "name (sg-...)" of the group the rule is in
  std::string reason;      // why the rule matched, or every way in which the nearest did not
};

struct Explanation {
  bool allowed = false;
  std::string source_eni;              // id; empty: no ENI sends it
  std::string destination_eni;         // id of the ENI that gets it, or would; empty: none
  std::vector<ExplainStep> steps;      // all that could be asked, also behind the first that refuses
  std::vector<GateExplanation> gates;  // of the steps, the gates: egress then ingress, one of them or none
  std::string verdict;                 // one sentence
  std::string drop_reason;             // weft::name(DropReason); empty if allowed
};

Explanation explain(const Deployment& deployment, const ExplainQuestion& question);
inline Explanation explain(const Deployment& deployment, const PacketTuple& packet, bool efa) {
  return explain(deployment, ExplainQuestion{.packet = packet, .efa = efa, .source_eni = {}, .destination_eni = {}});
}

/// The public IPv4 that the internet gateway puts in place of a private address: its Elastic IP, else what its
/// interface was given (facts ec2 3.1); nothing when it has neither.
std::optional<IpAddress> public_address_of(const Deployment& deployment, const IpAddress& private_address);

/// One gate alone, for callers that know the ENI.
GateExplanation explain_gate(const Deployment& deployment, const Eni& eni, Direction direction,
                             const PacketTuple& packet, HopPeer peer = HopPeer::kOwner);
GateExplanation explain_efa_gate(const Deployment& deployment, const Eni& eni, Direction direction, const Eni& remote);

}  // namespace weft

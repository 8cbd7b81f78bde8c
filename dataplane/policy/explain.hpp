// Would it pass, through which gate, by which rule: the gates' answers in words, from the Deployment alone. `weft
// explain` asks about a packet that nobody has sent, `weft flows --drops` about one that was dropped.
//
// The answer is about a new flow. A reply of a flow that is tracked passes whatever the rules say (facts ec2 2.4).
// Thread: any; allocates; not for the data path.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dataplane/model/deployment.hpp"
#include "dataplane/policy/gate.hpp"

namespace weft {

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
  std::string source_eni;              // id; empty: no ENI has the address
  std::string destination_eni;         // id; empty: no ENI has the address
  std::vector<GateExplanation> gates;  // egress then ingress; empty when the packet never comes to a gate
  std::string verdict;                 // one sentence
  std::string drop_reason;             // weft::name(DropReason); empty if allowed
};

/// Both gates are asked even when the first refuses, so that one answer shows everything that must change.
/// `efa`: the packet is an EFA one between the ENIs that have these addresses; protocol and ports are not looked at.
Explanation explain(const Deployment& deployment, const PacketTuple& packet, bool efa);

/// One gate alone, for callers that know the ENI.
GateExplanation explain_gate(const Deployment& deployment, const Eni& eni, Direction direction,
                             const PacketTuple& packet);
GateExplanation explain_efa_gate(const Deployment& deployment, const Eni& eni, Direction direction, const Eni& remote);

}  // namespace weft

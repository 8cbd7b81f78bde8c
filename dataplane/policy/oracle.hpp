// The slow, obvious twin of the compiled gates (DESIGN D13): walks the Deployment rule by rule and compares names.
// Tests compare it with GroupPolicy on random policies; nothing on the data path calls it.
#pragma once

#include "dataplane/model/deployment.hpp"
#include "dataplane/policy/gate.hpp"

namespace weft {

/// The gate of `eni` for a new flow whose first packet is `packet`. Same answer as GroupPolicy::evaluate().
GateVerdict oracle_evaluate(const Deployment& deployment, const Eni& eni, Direction direction,
                            const PacketTuple& packet, HopPeer peer = HopPeer::kOwner);

/// Same answer as GroupPolicy::efa_allowed().
bool oracle_efa_allowed(const Deployment& deployment, const Eni& eni, Direction direction, const Eni& remote);

}  // namespace weft

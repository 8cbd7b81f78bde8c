// EFA's own policy (facts ec2 6.2), asked once per message: so it is a table over all pairs of EFA ENIs, made at
// publication. Both ends must be EFA interfaces of one VPC and zone; then the sender's egress and the receiver's ingress
// decide, each direction for itself.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/model/deployment.hpp"
#include "dataplane/policy/gate.hpp"
#include "drivers/port.hpp"

namespace weft {

struct SlotAssignment;

class EfaMatrix {
 public:
  static EfaMatrix compile(const Deployment& deployment, const GroupPolicy& policy,
                           const std::vector<SlotAssignment>& assignments, std::size_t slots);

  EfaVerdict verdict(EniSlot source, EniSlot destination) const noexcept {
    const std::uint16_t from = index_of(source), to = index_of(destination);
    if (from == kNone || to == kNone) return EfaVerdict::kUnreachable;
    return verdicts_[std::size_t{from} * width_ + to];
  }

 private:
  static constexpr std::uint16_t kNone = 0xffff;
  std::uint16_t index_of(EniSlot slot) const noexcept { return slot < indices_.size() ? indices_[slot] : kNone; }

  std::vector<std::uint16_t> indices_;  // by slot
  std::vector<EfaVerdict> verdicts_;    // width_ x width_, by source then destination
  std::size_t width_ = 0;
};

}  // namespace weft

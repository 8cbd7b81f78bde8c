// What the engine keeps of virtual functions over all publications: what is left of their rates, the MACs that trusted ones
// claimed, and which guests were told that there is no carrier. Thread: control.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "dataplane/limit/vf_rate.hpp"
#include "dataplane/model/deployment.hpp"
#include "dataplane/worker/claimed_macs.hpp"
#include "drivers/port.hpp"

namespace weft {

struct SlotAssignment;

class VfBook {
 public:
  /// Before the deployment is compiled; `assignments` are in the order of flatten_enis(deployment). A rate that stays goes on
  /// with what is left of it.
  void update(const Deployment& deployment, const std::vector<SlotAssignment>& assignments, std::uint32_t epoch,
              unsigned workers, std::uint64_t now_ns);
  /// When no worker sees the old tables any more.
  void published(const Deployment& deployment, const std::vector<SlotAssignment>& assignments);

  /// Empty when nobody has a rate.
  std::vector<std::shared_ptr<VfRate>> by_slot(const std::vector<const Eni*>& enis,
                                               const std::vector<SlotAssignment>& assignments, std::size_t slots) const;
  /// Null while nobody is trusted.
  std::shared_ptr<ClaimedMacs> claimed() const { return claimed_; }

 private:
  std::map<std::string, std::shared_ptr<VfRate>> rates_;  // by ENI id
  std::shared_ptr<ClaimedMacs> claimed_;
  std::set<const Port*> without_carrier_;
};

}  // namespace weft

// Every instance's allowances, over all publications: what an instance has spent is not forgotten when the topology
// changes. Thread: control.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/limit/instance_allowance.hpp"
#include "dataplane/model/deployment.hpp"

namespace weft {

struct SlotAssignment;

class AllowanceBook {
 public:
  /// Before the deployment is compiled. An instance whose limits have changed keeps its credits and connections; one
  /// that is stopped keeps its credits and earns none (facts ec2 5.4).
  void update(const Deployment& deployment, unsigned workers, std::uint64_t now_ns);
  bool any() const noexcept { return any_; }

  /// Null: nothing limits the instance, or it is not running.
  const InstanceAllowance* find(const std::string& instance_name) const;
  /// `assignments` are in the order of flatten_enis(deployment). Empty when nobody has any.
  std::vector<std::shared_ptr<InstanceAllowance>> by_slot(const Deployment& deployment,
                                                          const std::vector<SlotAssignment>& assignments,
                                                          std::size_t slots) const;

 private:
  struct Page {
    std::shared_ptr<InstanceAllowance> allowance;  // null while the instance is stopped
    std::optional<BandwidthCredits> credits;       // of a stopped one
  };
  std::map<std::string, Page> pages_;              // by instance id
  std::map<std::string, std::string> ids_;         // of the instances, by name
  std::map<std::string, std::uint32_t> clusters_;  // numbers of cluster placement groups, from 1, never used again
  bool any_ = false;
};

/// What the model's numbers mean to the stages. `cluster`: the number of its cluster placement group, 0: none.
AllowanceLimits limits_of(const Instance& instance, std::uint32_t cluster, const Parameters& parameters = {});

}  // namespace weft

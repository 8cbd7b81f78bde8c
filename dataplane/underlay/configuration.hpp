// What the control thread gives the engine: the layout of the fabric and the faults that are set, as the user named them.
// Instances are strings here; who they are in a snapshot is found out where snapshots are compiled.
#pragma once

#include <vector>

#include "dataplane/underlay/impairment.hpp"

namespace weft::underlay {

struct Configuration {
  Layout layout{};
  std::vector<Fault> faults{};  // in the order they were set: of several for one path, `combine()` is applied in turn
  bool operator==(const Configuration&) const = default;
};

/// Nothing is impaired anywhere: who finds this asks nothing further.
bool impairs_nothing(const Configuration& configuration);

/// What a path has when `fault` is added to what it had: latencies and jitters add, a rate or a queue is the smaller of
/// those that are set, it is down if either says so, and the rest is the fault's where the fault says something.
Impairment combine(const Impairment& path, const Impairment& fault);

}  // namespace weft::underlay

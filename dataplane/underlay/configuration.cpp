#include "dataplane/underlay/configuration.hpp"

#include <algorithm>

namespace weft::underlay {
namespace {

/// Of two limits, of which 0 is none.
template <typename Number>
Number tighter(Number one, Number other) {
  return one == 0 || other == 0 ? std::max(one, other) : std::min(one, other);
}

template <typename Value>
void override_with(Value& value, const Value& fault) {
  if (fault != Value{}) value = fault;
}

}  // namespace

Impairment combine(const Impairment& path, const Impairment& fault) {
  Impairment both = path;
  both.rate_bps = tighter(path.rate_bps, fault.rate_bps);
  both.latency_ns += fault.latency_ns;
  both.jitter_ns += fault.jitter_ns;
  both.queue_bytes = tighter(path.queue_bytes, fault.queue_bytes);
  override_with(both.ecn_bytes, fault.ecn_bytes);
  override_with(both.loss, fault.loss);
  override_with(both.duplicate, fault.duplicate);
  if (fault.reorder != 0) {
    both.reorder = fault.reorder;
    both.reorder_ns = fault.reorder_ns;
  }
  override_with(both.corrupt, fault.corrupt);
  both.down = path.down || fault.down;
  override_with(both.flap, fault.flap);
  return both;
}

bool impairs_nothing(const Configuration& configuration) {
  const Impairment nothing;
  const Layout& layout = configuration.layout;
  return layout.rack == nothing && layout.spine == nothing && layout.host == nothing &&
         std::ranges::all_of(configuration.faults, [&](const Fault& fault) { return fault.impairment == nothing; });
}

}  // namespace weft::underlay

// Stage 2b: max_tx_rate of the virtual function that the burst came from. The pipeline leaves it out where nobody has one.
#include "dataplane/limit/wire_size.hpp"
#include "dataplane/worker/offload.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft {

void limit_vf(Burst& burst, const WorkerContext& worker) noexcept {
  const EniSlot slot = burst.source[0];  // a port's burst is one guest's
  const auto& rates = worker.snapshot->vf_rates;
  VfRate* const rate = slot < rates.size() ? rates[slot].get() : nullptr;
  if (rate == nullptr) return;
  for (unsigned i = 0; i < burst.count; ++i)
    if (burst.pending(i) && !rate->pass(worker.index, wire_size_of(burst.packet[i]).bytes, worker.now_ns))
      burst.drop(i, DropReason::kVfRate);
}

}  // namespace weft

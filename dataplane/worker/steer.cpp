// Stage 4: a flow belongs to one worker, whose table has it. Ports that cannot be steered at the source hand over here.
#include "dataplane/worker/capture.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft {

void steer(Burst& burst, WorkerContext& worker) noexcept {
  const unsigned workers = worker.handover.workers();
  if (workers == 1) return;
  for (unsigned owner = 0; owner < workers; ++owner) {
    if (owner == worker.index) continue;
    HandedOver away[kBurst];
    unsigned index[kBurst];
    unsigned count = 0;
    for (unsigned i = 0; i < burst.count; ++i) {
      if (!burst.pending(i) || worker.handover.owner(burst.hash[i]) != owner) continue;
      away[count] = {burst.packet[i], burst.source[i], kNoEni, worker.snapshot->epoch};
      index[count++] = i;
    }
    const unsigned sent = count == 0 ? 0 : worker.handover.send(worker.index, owner, {away, count});
    for (unsigned k = 0; k < count; ++k) {
      if (k < sent) burst.fate[index[k]] = Fate::kAway;
      else burst.drop(index[k], DropReason::kHandoverFull);
    }
    worker.balance.handed_out.add(sent);
  }
  if (burst.captures) [[unlikely]] leave_to_owner(burst, worker);
}

}  // namespace weft

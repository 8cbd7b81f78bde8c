// Stage 4: a flow belongs to one worker, whose table has it. Ports that cannot be steered at the source hand over here.
#include "dataplane/flow/rss.hpp"
#include "dataplane/worker/capture.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

constexpr std::uint8_t kNobody = 0xff;  // no worker has this number: there are at most 64

std::uint16_t rss_of(const Burst& burst, unsigned i) noexcept {
  return burst.is_ipv6(i) ? rss_of(burst.key6[i]) : rss_of(burst.key[i]);
}

}  // namespace

void steer(Burst& burst, WorkerContext& worker) noexcept {
  const unsigned workers = worker.handover.workers();
  if (workers == 1) return;
  std::uint8_t owners[kBurst];
  for (unsigned i = 0; i < burst.count; ++i)
    owners[i] = burst.pending(i) ? static_cast<std::uint8_t>(worker.handover.owner(rss_of(burst, i))) : kNobody;
  for (unsigned owner = 0; owner < workers; ++owner) {
    if (owner == worker.index) continue;
    HandedOver away[kBurst];
    unsigned index[kBurst];
    unsigned count = 0;
    for (unsigned i = 0; i < burst.count; ++i) {
      if (owners[i] != owner) continue;
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

// Stage 2: a guest may send only as itself.
#include "dataplane/net/headers.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft {

void check_source(Burst& burst, const WorkerContext& worker) noexcept {
  for (unsigned i = 0; i < burst.count; ++i) {
    if (!burst.pending(i)) continue;
    const EniRecord& eni = worker.snapshot->eni(burst.source[i]);
    const auto& ethernet = *rte_pktmbuf_mtod(burst.packet[i], const EthernetHeader*);
    if (!eni.link_up) {
      burst.drop(i, DropReason::kLinkDown);
    } else if (eni.spoof_check && ethernet.source != eni.mac) {
      burst.drop(i, DropReason::kSpoofedMac);
    } else if (eni.source_dest_check && burst.kind[i] != FlowKind::kArp && burst.source_address(i) != eni.address) {
      burst.drop(i, DropReason::kSpoofedIp);  // ARP has its addresses elsewhere: serve() looks
    }
  }
}

}  // namespace weft

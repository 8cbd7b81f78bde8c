#include "bench/engine/stages_only.hpp"

#include <algorithm>

#include "bench/engine/loop.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft::bench {

StagesOnly::StagesOnly(const Deployment& deployment, std::vector<Engine::Attachment> ports) {
  std::vector<SlotAssignment> assignments;
  for (std::size_t slot = 0; slot < ports.size(); ++slot) {
    ports_.push_back(std::move(ports[slot].port));
    assignments.push_back({.slot = static_cast<EniSlot>(slot), .born = 1, .home = 0, .port = ports_.back().get()});
  }
  snapshot_ = Snapshot::compile(std::make_shared<const Deployment>(deployment), assignments, assignments.size(), 1, 1);
  worker_.snapshot = snapshot_.get();
}

unsigned StagesOnly::turn() {
  unsigned handled = 0;
  for (std::size_t slot = 0; slot < ports_.size(); ++slot) {
    burst_.count = ports_[slot]->receive(burst_.packet);
    burst_.offloads = burst_.leaves = false;
    burst_.plain = burst_.ipv6 = burst_.fragments = 0;
    std::fill_n(burst_.source, burst_.count, static_cast<EniSlot>(slot));
    std::fill_n(burst_.fate, kBurst, Fate::kPending);
    receive(burst_, worker_);
    parse(burst_, worker_);
    check_source(burst_, worker_);
    for (unsigned i = 0; i < burst_.count; ++i) {
      if (!burst_.pending(i)) continue;
      const EniSlot to = snapshot_->addresses.find(0, IpAddress::from({burst_.destination_address(i)}));
      if (to == kNoEni) burst_.drop(i, DropReason::kNoSuchAddress);
      else burst_.forward(i, to);
    }
    deliver(burst_, worker_);
    release(burst_, worker_);
    handled += burst_.count;
  }
  if (worker_.balance.dropped.read() != 0) fail("switch: packets were dropped, so this measured something else");
  return handled;
}

}  // namespace weft::bench

#include "dataplane/worker/pipeline.hpp"

#include <cassert>

#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

void begin_burst(Burst& burst, Fate fate) noexcept {
  burst.offloads = false;
  burst.ipv6 = burst.fragments = 0;
  for (unsigned i = 0; i < burst.count; ++i) {
    burst.fate[i] = fate;
    burst.destination[i] = kNoEni;
  }
}

}  // namespace

void process(Burst& burst, WorkerContext& worker) noexcept {
  begin_burst(burst, Fate::kPending);
  receive(burst, worker);
  parse(burst, worker);
  if (burst.from_port) {
    check_source(burst, worker);
    serve(burst, worker);
    steer(burst, worker);
  }
  decide(burst, worker);
  deliver(burst, worker);
  release(burst, worker);
  assert(worker.balance.holds());
}

void process_decided(Burst& burst, WorkerContext& worker) noexcept {
  burst.offloads = true;  // not known: look at each
  for (unsigned i = 0; i < burst.count; ++i) burst.fate[i] = Fate::kForward;
  deliver(burst, worker);
  release(burst, worker);
  assert(worker.balance.holds());
}

}  // namespace weft

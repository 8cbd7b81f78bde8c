#include "dataplane/worker/pipeline.hpp"

#include <cassert>

#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

void begin_burst(Burst& burst, Fate fate) noexcept {
  burst.offloads = burst.leaves = false;
  burst.ipv6 = burst.fragments = 0;
  for (unsigned i = 0; i < burst.count; ++i) {
    burst.fate[i] = fate;
    burst.destination[i] = kNoEni;
  }
}

void finish(Burst& burst, WorkerContext& worker) noexcept {
  deliver(burst, worker);
  release(burst, worker);
}

/// What the gateway gives back. None of it leaves by the gateway again, for it is for an ENI now.
void process_again(Burst& burst, WorkerContext& worker) noexcept {
  begin_burst(burst, Fate::kPending);
  parse(burst, worker);
  steer(burst, worker);
  decide(burst, worker);
  if (!worker.snapshot->allowances.empty()) limit(burst, worker);
  finish(burst, worker);
  burst.count = 0;
}

void send_originated(Burst& burst, WorkerContext& worker) noexcept {
  begin_burst(burst, Fate::kReply);
  for (unsigned i = 0; i < burst.count; ++i) burst.destination[i] = burst.source[i];
  finish(burst, worker);
  burst.count = 0;
}

}  // namespace

void process(Burst& burst, WorkerContext& worker) noexcept {
  begin_burst(burst, Fate::kPending);
  const bool limits = !worker.snapshot->allowances.empty();
  receive(burst, worker);
  parse(burst, worker);
  if (burst.from_port) {
    if (burst.source[0] == worker.snapshot->gateway) arrive(burst, worker);
    check_source(burst, worker);
    if (limits) limit_source(burst, worker);
    serve(burst, worker);
    steer(burst, worker);
  }
  decide(burst, worker);
  if (limits) limit(burst, worker);
  if (burst.leaves) depart(burst, worker);
  finish(burst, worker);
  if (worker.originated->count != 0) send_originated(*worker.originated, worker);
  if (worker.again->count != 0) process_again(*worker.again, worker);
  assert(worker.balance.holds());
}

void process_decided(Burst& burst, WorkerContext& worker) noexcept {
  burst.offloads = true;  // not known: look at each
  for (unsigned i = 0; i < burst.count; ++i) burst.fate[i] = Fate::kForward;
  finish(burst, worker);
  assert(worker.balance.holds());
}

}  // namespace weft

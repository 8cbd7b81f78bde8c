#include "dataplane/worker/pipeline.hpp"

#include <algorithm>
#include <cassert>

#include "dataplane/worker/capture.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

void begin_burst(Burst& burst, Fate fate, WorkerContext& worker) noexcept {
  burst.offloads = burst.leaves = burst.sent_noted = false;
  burst.captures = worker.capture.armed();
  burst.plain = burst.ipv6 = burst.fragments = 0;
  std::fill_n(burst.fate, kBurst, fate);
  std::fill_n(burst.destination, kBurst, kNoEni);
}

void finish(Burst& burst, WorkerContext& worker) noexcept {
  deliver(burst, worker);
  release(burst, worker);
}

void send_originated(Burst& burst, WorkerContext& worker) noexcept {
  begin_burst(burst, Fate::kReply, worker);
  for (unsigned i = 0; i < burst.count; ++i) burst.destination[i] = burst.source[i];
  if (burst.captures) [[unlikely]] nobody_sent(burst);
  finish(burst, worker);
  burst.count = 0;
}

/// The stages, from headers to ports. A burst from a port is of one guest.
void pass(Burst& burst, WorkerContext& worker) noexcept {
  const bool limits = !worker.snapshot->allowances.empty();
  parse(burst, worker);
  if (burst.captures) [[unlikely]] capture_sent(burst, worker);
  if (burst.from_port) {
    if (burst.source[0] == worker.snapshot->gateway) arrive(burst, worker);
    check_source(burst, worker);
    if (!worker.snapshot->vf_rates.empty()) limit_vf(burst, worker);
    if (limits) limit_source(burst, worker);
    serve(burst, worker);
    steer(burst, worker);
  }
  decide(burst, worker);
  if (limits) limit(burst, worker);
  if (worker.snapshot->ena_express) count_express(burst, worker);
  if (!worker.snapshot->logged_actions.empty()) account(burst, worker);
  if (worker.snapshot->underlay != nullptr) [[unlikely]] cross_underlay(burst, worker);
  if (burst.leaves) depart(burst, worker);
  finish(burst, worker);
  if (worker.originated->count != 0) send_originated(*worker.originated, worker);
  if (worker.again->count != 0) process_again(worker);
}

void finish_decided(Burst& burst, WorkerContext& worker, bool sent_noted) noexcept {
  burst.offloads = true;  // not known: look at each
  burst.plain = 0;
  burst.captures = worker.capture.armed();
  if (burst.captures) [[unlikely]] {
    decided_elsewhere(burst);
    burst.sent_noted = sent_noted;
  }
  for (unsigned i = 0; i < burst.count; ++i) burst.fate[i] = Fate::kForward;
  finish(burst, worker);
}

/// Fragments that have waited, a guest's at a time.
void pass_released(Burst& burst, WorkerContext& worker) noexcept {
  while (worker.fragments.has_ready()) {
    burst.count = 0;
    do {
      const FragmentTable::Held held = worker.fragments.take_ready();
      worker.balance.unstored.add();
      if (worker.snapshot->eni(held.key.eni).same_since(held.epoch)) burst.take(held.packet, held.key.eni);
      else drop_single(held.packet, kNoEni, kNoEni, DropReason::kLinkDown, worker);
    } while (worker.fragments.has_ready() && burst.count < kBurst &&
             (burst.count == 0 || worker.fragments.next_ready() == burst.source[0]));
    begin_burst(burst, Fate::kPending, worker);
    if (burst.count != 0) pass(burst, worker);
  }
}

}  // namespace

void process(Burst& burst, WorkerContext& worker) noexcept {
  begin_burst(burst, Fate::kPending, worker);
  burst.fragments_known = !burst.from_port;
  receive(burst, worker);
  pass(burst, worker);
  if (worker.fragments.has_ready()) [[unlikely]] pass_released(*worker.released, worker);
  assert(worker.balance.holds());
}

/// None of it leaves by the gateway again, for it is for an ENI now.
void process_again(WorkerContext& worker) noexcept {
  Burst& burst = *worker.again;
  begin_burst(burst, Fate::kPending, worker);
  burst.fragments_known = true;
  burst.sent_noted = true;  // by come_back()
  parse(burst, worker);
  steer(burst, worker);
  decide(burst, worker);
  if (!worker.snapshot->allowances.empty()) limit(burst, worker);
  if (!worker.snapshot->logged_actions.empty()) account(burst, worker);
  finish(burst, worker);
  burst.count = 0;
}

void process_due_services(WorkerContext& worker) noexcept {
  bool more = true;
  while (more) {
    serve_due(worker);
    more = worker.originated->count == kBurst;
    if (worker.originated->count != 0) send_originated(*worker.originated, worker);
  }
  assert(worker.balance.holds());
}

void process_arrived(WorkerContext& worker) noexcept {
  Burst& burst = *worker.released;
  while (worker.in_flight.due(worker.now_ns)) {
    burst.count = 0;
    while (burst.count < kBurst && worker.in_flight.due(worker.now_ns)) {
      InFlight::Held held = worker.in_flight.take_next();
      worker.balance.unstored.add();
      const bool from_live = worker.snapshot->eni(held.source).same_since(held.epoch);
      if (!from_live || !worker.snapshot->eni(held.destination).same_since(held.epoch)) {
        drop_single(held.packet, from_live ? held.source : kNoEni, kNoEni, DropReason::kLinkDown, worker);
        continue;
      }
      const Landing landing = land(held, worker);
      if (landing.dropped) {
        drop_single(held.packet, held.source, held.destination, *landing.dropped, worker);
        continue;
      }
      if (landing.waits) {
        worker.in_flight.hold(held);  // its own place is free
        worker.balance.stored.add();
        continue;
      }
      burst.destination[burst.count] = held.destination;
      burst.take(held.packet, held.source);
    }
    if (burst.count != 0) finish_decided(burst, worker, true);  // by this worker, before they were held
  }
  assert(worker.balance.holds());
}

void process_decided(Burst& burst, WorkerContext& worker) noexcept {
  finish_decided(burst, worker, false);
  assert(worker.balance.holds());
}

}  // namespace weft

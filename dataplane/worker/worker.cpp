#include "dataplane/worker/worker.hpp"

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <span>

#include <rte_pause.h>

#include "dataplane/worker/capture.hpp"
#include "dataplane/worker/efa_gate.hpp"
#include "dataplane/worker/pipeline.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

std::uint64_t monotonic_ns() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

/// The clock hand goes round the flow table once in this time, so that counts are exact to a second (DESIGN D2).
constexpr std::uint64_t kAgeingRoundNs = 1'000'000'000;
/// A sleeper with flows comes back to age them; one without sleeps until it is woken.
constexpr std::uint64_t kAgeingSleepNs = 100'000'000;
/// A sleep may last longer than it was to by about as much.
constexpr std::uint64_t kTooShortToSleepNs = 1'000'000;
/// In a turn, at most; behind, it catches up. A port's four bursts may be as many new flows, and half-full buckets hold four
/// each, so the hand stays ahead of a few ports' worth of them.
constexpr std::uint64_t kBucketsPerTurn = 128;
/// Asking the kernel which descriptors are ready costs a system call, which a message or a packet of a polled port would
/// wait for. So while those had something in the last kBusyNs, the kernel is asked now and then only.
constexpr std::uint64_t kBusyNs = 50'000;
constexpr std::uint64_t kReadyIntervalNs = 5'000;
constexpr unsigned kBurstsPerPort = 4;

}  // namespace

Worker::Worker(unsigned index, const WorkerOptions& options, Publication<Snapshot>& publication, Handover& handover,
               rte_mempool* pool)
    : options_(options),
      publication_(publication),
      handover_(handover),
      context_(index, options.flow_capacity, options.flow_capacity6, handover, pool, options.related_icmp_errors,
               options.token_keys),
      idle_(options.poll) {
  handover.set_sleeper(index, &wake_);
  context_.virtual_clock = options.now_ns != nullptr;
  read_clock();
  ageing_.until_ns = ageing6_.until_ns = context_.now_ns;
}

void Worker::read_clock() noexcept {
  context_.now_ns = options_.now_ns == nullptr ? monotonic_ns() : options_.now_ns();
  context_.now = static_cast<std::uint32_t>(context_.now_ns / kFlowTickNs);
}

void Worker::read_snapshot() noexcept {
  const Snapshot* const published = publication_.read();
  if (published == context_.snapshot) return;
  context_.snapshot = published;
  context_.flows.set_timeouts(published->timeouts);
  context_.flows6.set_timeouts(published->timeouts);
  if (context_.limits != nullptr) context_.limits->connections.update(*published);
}

void Worker::run() noexcept {
  publication_.online(context_.index);
  while (!stopping_.load(std::memory_order_relaxed)) {
    const bool worked = turn() != 0;
    publication_.quiescent(context_.index);
    switch (idle_.next(worked, context_.now_ns)) {
      case IdlePolicy::Step::kSpin: if (!worked) rte_pause(); break;
      case IdlePolicy::Step::kYield: ::sched_yield(); break;
      case IdlePolicy::Step::kSleep: sleep(); break;
    }
  }
  publication_.offline(context_.index);
  stopping_.store(false, std::memory_order_relaxed);
}

void Worker::stop() noexcept {
  stopping_.store(true, std::memory_order_relaxed);
  wake_.wake();
}

unsigned Worker::turn() noexcept {
  read_clock();
  read_snapshot();
  if (context_.in_flight.due(context_.now_ns)) [[unlikely]] process_arrived(context_);
  unsigned handled = poll_ports() + take_handed_over() + poll_messages();
  if (handled != 0) busy_until_ns_ = context_.now_ns + kBusyNs;
  if (context_.now_ns >= busy_until_ns_ || context_.now_ns - asked_kernel_ns_ >= kReadyIntervalNs)
    handled += poll_ready_ports();
  age_flows(false);
  drop_overdue_fragments();
  if (context_.services.tcp.due(context_.now_ns)) [[unlikely]] process_due_services(context_);
  context_.capture.publish();
  serve_job();
  return handled;
}

unsigned Worker::poll_ports() noexcept {
  unsigned handled = 0;
  for (const auto& [slot, port] : context_.snapshot->homes[context_.index].polled) handled += poll_port(slot, *port);
  return handled;
}

/// A tag is a slot and the epoch at which it was born: the descriptor of a port that has gone may still be reported.
unsigned Worker::poll_ready_ports() noexcept {
  const Snapshot& snapshot = *context_.snapshot;
  if (snapshot.homes[context_.index].by_epoll.empty()) return 0;
  asked_kernel_ns_ = context_.now_ns;
  std::array<WakeSet::Ready, WakeSet::kEvents> ready;
  const unsigned count = wake_.ready(ready);
  unsigned handled = 0;
  for (const WakeSet::Ready& event : std::span(ready).first(count)) {
    const auto slot = static_cast<EniSlot>(event.tag);
    if (slot >= snapshot.enis.size()) continue;
    const EniRecord& eni = snapshot.eni(slot);
    if (!eni.present || eni.port == nullptr || port_tag(slot, eni.born) != event.tag) continue;
    if (eni.port->readiness_fd() < 0) continue;  // woken by its wake_fd(), and polled in every turn
    const unsigned packets = poll_port(slot, *eni.port);
    handled += packets;
    // A guest may delete its own interface. Its port stays, and is not a reason to keep the worker awake.
    if (packets == 0 && event.broken) wake_.remove(eni.port->readiness_fd());
  }
  return handled;
}

unsigned Worker::poll_port(EniSlot slot, Port& port) noexcept {
  unsigned handled = 0;
  for (unsigned round = 0; round < kBurstsPerPort; ++round) {
    const unsigned count = port.receive(burst_.packet);
    if (count == 0) break;
    burst_.count = count;
    burst_.from_port = true;
    std::fill_n(burst_.source, count, slot);
    process(burst_, context_);
    handled += count;
    if (count < kBurst) break;
  }
  return handled;
}

unsigned Worker::take_handed_over() noexcept {
  unsigned handled = 0;
  for (unsigned from = 0; from < handover_.workers(); ++from) {
    if (from == context_.index) continue;
    std::array<HandedOver, kBurst> packets;
    const unsigned count = handover_.receive(from, context_.index, packets);
    handled += count;
    // Undecided packets take the whole way, decided ones its end; two passes keep each kind in order.
    for (const bool decided : {false, true}) {
      burst_.count = 0;
      burst_.from_port = false;
      for (unsigned k = 0; k < count; ++k) {
        const HandedOver& p = packets[k];
        if ((p.destination != kNoEni) != decided) continue;
        const bool live = context_.snapshot->eni(p.source).same_since(p.epoch) &&
                          (!decided || context_.snapshot->eni(p.destination).same_since(p.epoch));
        context_.balance.handed_in.add();
        if (!live) {
          drop_single(p.packet, kNoEni, kNoEni, DropReason::kLinkDown, context_);
          continue;
        }
        burst_.packet[burst_.count] = p.packet;
        burst_.source[burst_.count] = p.source;
        burst_.destination[burst_.count++] = p.destination;
      }
      if (burst_.count == 0) continue;
      if (decided) process_decided(burst_, context_);
      else process(burst_, context_);
    }
  }
  return handled;
}

unsigned Worker::poll_messages() noexcept {
  if (messages_ == nullptr) return 0;
  const WorkerEfaGate gate(context_);
  return messages_->poll(gate, context_.now_ns);
}

template <typename Table>
void Worker::age_table(Table& flows, Ageing& ageing, std::uint64_t most_buckets) noexcept {
  const std::uint64_t bucket_ns = std::max<std::uint64_t>(kAgeingRoundNs / flows.buckets(), 1);
  const std::uint64_t due = (context_.now_ns - ageing.until_ns) / bucket_ns;
  if (due == 0) return;
  if (flows.size() == 0) {
    ageing.until_ns = context_.now_ns;
    return;
  }
  const std::uint64_t buckets = std::min(due, most_buckets);
  ageing.until_ns += buckets * bucket_ns;
  using Entry = typename Table::Entry;
  const Snapshot& snapshot = *context_.snapshot;
  flows.age(
      static_cast<unsigned>(buckets), context_.now,
      [&snapshot](const Entry& entry) { return !ends_live(entry, snapshot); }, [this](const Entry& entry) {
        if (context_.limits != nullptr) context_.limits->connections.gone(entry);
      });
}

void Worker::age_flows(bool everything) noexcept {
  age_table(context_.flows, ageing_, everything ? context_.flows.buckets() : kBucketsPerTurn);
  age_table(context_.flows6, ageing6_, everything ? context_.flows6.buckets() : kBucketsPerTurn);
}

void Worker::run_job(const Job& job, bool running) {
  if (!running) {
    read_clock();
    read_snapshot();
    return job(context_);
  }
  job_.store(&job, std::memory_order_release);
  wake_.wake();
  while (job_.load(std::memory_order_acquire) != nullptr) ::sched_yield();
}

/// Later fragments whose first one did not come.
void Worker::drop_overdue_fragments() noexcept {
  if (context_.fragments.held() == 0) [[likely]] return;
  for (;;) {
    const FragmentTable::Held held = context_.fragments.take_overdue(context_.now);
    if (held.packet == nullptr) return;
    context_.balance.unstored.add();
    const bool live = context_.snapshot->eni(held.key.eni).same_since(held.epoch);
    const EniSlot source = live ? held.key.eni : kNoEni;
    capture_overdue(held.packet, source, DropReason::kFragment, context_);
    drop_single(held.packet, source, kNoEni, DropReason::kFragment, context_);
  }
}

void Worker::serve_job() noexcept {
  const Job* const job = job_.load(std::memory_order_acquire);
  if (job == nullptr) return;
  (*job)(context_);
  job_.store(nullptr, std::memory_order_release);
}

std::uint64_t Worker::asleep_ns() const noexcept {
  const std::uint64_t since = asleep_since_ns_.load(std::memory_order_relaxed);
  const std::uint64_t now = monotonic_ns();
  return asleep_ns_.read() + (since != 0 && now > since ? now - since : 0);
}

bool Worker::arm_everything() noexcept {
  bool quiet = true;
  for (const auto& [slot, port] : context_.snapshot->homes[context_.index].polled)
    quiet = port->arm(wake_.event_fd()) && quiet;
  if (messages_ != nullptr) quiet = messages_->arm(wake_.event_fd()) && quiet;
  return quiet && handover_.empty(context_.index) && job_.load(std::memory_order_relaxed) == nullptr &&
         !stopping_.load(std::memory_order_relaxed);
}

void Worker::disarm_everything() noexcept {
  for (const auto& [slot, port] : context_.snapshot->homes[context_.index].polled) port->disarm();
  if (messages_ != nullptr) messages_->disarm();
}

/// Of what is on its way through the underlay, a frame or a message.
std::uint64_t Worker::next_arrival_ns() const noexcept {
  const std::uint64_t frame_ns = context_.in_flight.size() == 0 ? MessageSwitch::kNever : context_.in_flight.next_ns();
  return messages_ == nullptr ? frame_ns : std::min(frame_ns, messages_->next_ns());
}

/// 0: what is on its way through the underlay arrives so soon that a sleep would make it late.
std::uint64_t Worker::longest_sleep_ns() const noexcept {
  const bool ages = has_flows() || context_.fragments.held() != 0 || context_.services.tcp.size() != 0;
  std::uint64_t most_ns = ages ? kAgeingSleepNs : WakeSet::kForever;
  for (const auto& [slot, port] : context_.snapshot->homes[context_.index].polled)
    if (const std::uint32_t port_us = port->longest_sleep_us(); port_us != Port::kForever)
      most_ns = std::min<std::uint64_t>(most_ns, std::uint64_t{port_us} * 1'000);
  const std::uint64_t at_ns = next_arrival_ns();
  if (at_ns == MessageSwitch::kNever) return most_ns;
  const std::uint64_t left_ns = at_ns > context_.now_ns ? at_ns - context_.now_ns : 0;
  return left_ns < kTooShortToSleepNs ? 0 : std::min({most_ns, left_ns, kAgeingSleepNs});
}

/// The control thread wakes every worker after it published, so a sleeper never keeps ports that have gone armed.
void Worker::sleep() noexcept {
  const std::uint64_t longest_ns = longest_sleep_ns();
  if (longest_ns == 0) {
    ::sched_yield();
    return;
  }
  wake_.announce_sleep();
  if (arm_everything()) {
    const std::uint64_t before = monotonic_ns();
    asleep_since_ns_.store(before, std::memory_order_relaxed);
    publication_.offline(context_.index);
    const bool something = wake_.wait(longest_ns);
    publication_.online(context_.index);
    const std::uint64_t asleep = monotonic_ns() - before;
    asleep_since_ns_.store(0, std::memory_order_relaxed);
    asleep_ns_.add(asleep);
    if (something) idle_.woken(asleep);
    read_clock();
    read_snapshot();
    age_flows(true);
  }
  wake_.awake();
  disarm_everything();
}

}  // namespace weft

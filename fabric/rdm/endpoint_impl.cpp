#include "fabric/rdm/endpoint_impl.hpp"

#include <ctime>

namespace weft::rdm {

namespace {

constexpr unsigned kReceiveBatch = 32;                // then sends get their turn
constexpr std::uint64_t kLookEvery_ns = 10'000'000;   // dead() costs a system call
constexpr std::uint64_t kProbeEvery_ns = 1'000'000'000;  // so a killed peer is noticed well before 10 s

std::uint64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

std::unique_ptr<Endpoint> Endpoint::create(std::unique_ptr<device::QueuePair> queue_pair, const EndpointOptions& options,
                                           CompletionSink* sink) {
  return std::make_unique<EndpointImpl>(std::move(queue_pair), options, sink, monotonic_ns);
}

EndpointImpl::EndpointImpl(std::unique_ptr<device::QueuePair> queue_pair, const EndpointOptions& options,
                           CompletionSink* sink, Clock clock)
    : queue_pair_(std::move(queue_pair)),
      options_(options),
      sink_(sink),
      clock_(clock),
      eager_max_(queue_pair_->mtu() - kEagerOverhead),
      medium_chunk_(whole_lines(queue_pair_->mtu(), kMediumOverhead)),
      long_first_(whole_lines(queue_pair_->mtu(), kLongOverhead)),
      data_chunk_(whole_lines(queue_pair_->mtu(), kCtsDataOverhead)),
      write_chunk_(whole_lines(queue_pair_->mtu(), kWriteOverhead)),
      share_(options.receive_buffers),
      random_(std::uint64_t{queue_pair_->qkey()} << 32 | queue_pair_->address().qpn),
      flights_(512),
      last_look_ns_(clock()),
      last_probe_ns_(last_look_ns_) {}

void EndpointImpl::set_peer(PeerIndex index, const device::Address& address) {
  if (Peer* peer = peers_.find_or_add(address)) peers_.set_index(index, peer);
}

void EndpointImpl::remove_peer(PeerIndex index) { peers_.clear_index(index); }

unsigned EndpointImpl::progress() {
  if (gone_) return 0;
  const std::uint64_t sent_before = counters_.packets_sent;
  unsigned handled = collect_answers();
  handled += queue_pair_->poll_receives(kReceiveBatch, [this](const device::Arrival& arrival) { on_packet(arrival); });
  if (queue_pair_->has_notices()) [[unlikely]] queue_pair_->take_notices(*this);
  if (device_failed_) {
    device_gone();
    return handled;
  }
  if (!backing_off_.empty()) expire_delays();
  if (!timed_.empty()) [[unlikely]] expire_timers();
  if (!ready_.empty()) flush();
  if (!acknowledging_.empty()) [[unlikely]] acknowledge();
  queue_pair_->wake_daemon();
  handled += static_cast<unsigned>(counters_.packets_sent - sent_before);
  // Now and then: seldom while busy, at every sixteenth idle turn otherwise.
  if ((++turns_ & (handled == 0 ? 15u : 1023u)) == 0) look_around();
  return handled;
}

void EndpointImpl::look_around() {
  const std::uint64_t now = clock_();
  if (now - last_look_ns_ < kLookEvery_ns) return;
  last_look_ns_ = now;
  if (queue_pair_->dead()) {
    device_gone();
    return;
  }
  if (now - last_probe_ns_ < kProbeEvery_ns) return;
  last_probe_ns_ = now;
  probe_silent_peers();
}

/// Who waits for a peer's packet would never learn that it died; a packet to it tells.
void EndpointImpl::probe_silent_peers() {
  for (const auto& peer : peers_.all()) {
    if (!peer->waits_for_peer() || !peer->rnr.clear()) continue;
    probe(*peer);
  }
}

bool EndpointImpl::drained() const {
  return gone_ || (sends_.live() == 0 && kept_.live() == 0 && one_sided_.live() == 0 && responses_.live() == 0 &&
                   controls_ == 0 && done_entries_ == 0 && oldest_ticket_ == next_ticket_);
}

int EndpointImpl::wait_limit_ms() const {
  if (gone_) return -1;
  if (!ready_.empty()) return 0;
  if (!backing_off_.empty() || !acknowledging_.empty()) return 1;
  if (!timed_.empty()) return timer_limit_ms();
  for (const auto& peer : peers_.all()) {
    if (peer->waits_for_peer()) return 1000;
  }
  return -1;
}

EndpointCounters EndpointImpl::counters() const {
  EndpointCounters result = counters_;
  result.unexpected_bytes = unexpected_bytes_;
  return result;
}

}  // namespace weft::rdm

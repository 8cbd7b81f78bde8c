// What crosses the emulated fabric, where packets may be lost: kept until the peer has acknowledged them, sent again when
// the transport (fabric/srd) says so. On a fabric where nothing is wrong none of this runs but the count of packets.
#include "fabric/rdm/transmit.hpp"

namespace weft::rdm {

Wire& EndpointImpl::make_wire(Peer& peer) {
  peer.wire = std::make_unique<Wire>(peer, options_.transport, random_, queue_pair_->qkey());
  peer.wire->send.begin(peer.session);
  peer.wire->place = static_cast<std::uint8_t>(next_place_++ % efa::kTimedPeers);
  return *peer.wire;
}

// ---- our packets ----

/// A packet's bytes, for the slot is the next packet's now.
void EndpointImpl::keep(Peer& peer, const Flight& flight, std::span<const std::byte> packet) {
  Kept& kept = *kept_.take();
  kept.operation = flight.operation;
  kept.epoch = flight.epoch;
  kept.psn = flight.psn;
  kept.size = static_cast<std::uint32_t>(packet.size());
  kept.packet = buffers_.take(packet.size());
  std::memcpy(kept.packet.data(), packet.data(), packet.size());
  peer.wire->kept.put(kept);
}

void EndpointImpl::let_go(Peer& peer, Kept& kept, Status status, int detail) {
  if (status == Status::kOk) {
    if (kept.epoch == peer.epoch) peer.established = true;
  } else if (!srd::after(peer.fresh_epoch, kept.epoch)) {
    peer.send_credit.refund();
  }
  SendOperation* const operation = kept.operation;
  buffers_.give_back(std::move(kept.packet));
  kept_.give_back(&kept);
  left_daemon(peer);
  if (!operation) return;
  --operation->unanswered;
  if (status != Status::kOk) report(*operation, status, detail);
  settle(*operation);
}

/// What became of packets that were kept. The others' operations hear it from the daemon's answer.
void EndpointImpl::take_reports(Peer& peer, Status status, int detail) {
  Wire& wire = *peer.wire;
  srd::Report report;
  while (wire.send.take_report(report)) {
    if (Kept* const kept = wire.kept.take(static_cast<std::uint32_t>(report.cookie)))
      let_go(peer, *kept, report.arrived ? Status::kOk : status, detail);
  }
  if (wire.send.ended()) [[unlikely]] {
    if (!wire.send.empty()) return;
    wire.send.begin(peer.session);
    wire.no_room = true;
  }
  if (wire.no_room && wire.send.room()) {
    wire.no_room = false;
    if (peer.has_work()) schedule(peer);
  }
}

EndpointImpl::Again EndpointImpl::post_again(Peer& peer) {
  // Room for any packet, before the window gives one out.
  if (!queue_pair_->begin_send(queue_pair_->mtu()).data) return Again::kNoSlot;
  srd::Posting posting;
  const std::uint64_t now = clock_();
  if (!peer.wire->send.post_again(now, posting)) return Again::kNotNow;
  Kept& kept = *peer.wire->kept.find(posting.psn);
  const device::SendSlot slot = queue_pair_->begin_send(kept.size);
  std::memcpy(slot.data, kept.packet.data(), kept.size);
  write_transport_header(peer, slot.data, posting.ack_requested ? srd::kAckRequested : 0, posting.psn, posting.path);
  commit(peer, slot, kept.size,
         {.peer = &peer, .posted_ns = now, .epoch = peer.epoch, .psn = posting.psn, .kind = Flight::Kind::kAgain},
         posting.path);
  ++counters_.packets_resent;
  if (posting.retransmission) count_packet(efa::ClientCounter::kRetransPkts, efa::ClientCounter::kRetransBytes, kept.size);
  return Again::kPosted;
}

// ---- the peer's packets ----

/// Through the daemon, and costs a credit. False: not now, or not again.
bool EndpointImpl::take_numbered(Peer& peer, const srd::PacketHeader& header, const device::Arrival& arrival) {
  Wire& wire = wire_of(peer);
  srd::Arrival taken{.psn = header.psn, .session = header.session, .path = header.path, .over_wire = false};
  const bool over_fabric = (arrival.flags & efa::kOverFabric) != 0;
  if (over_fabric) [[unlikely]] {
    // Not taken is not acknowledged: it comes again.
    if (peer.receive_credit.exhausted()) {
      owe_credit(peer);
      return false;
    }
    const std::uint64_t now = clock_();
    taken.over_wire = wire.impaired = wire.heard_over_fabric = true;
    taken.ack_requested = (header.flags & srd::kAckRequested) != 0;
    taken.congested = (arrival.flags & efa::kCongested) != 0;
    taken.arrived_ns = now - (static_cast<std::uint32_t>(now) - arrival.delivered_ns);
    if (!acknowledging_.linked(wire)) acknowledging_.push_back(wire);
  }
  return wire.receive.take(taken) == srd::Taken::kNew;
}

/// At the end of a turn. What finds no slot is said next time.
void EndpointImpl::acknowledge() {
  while (Wire* const wire = acknowledging_.front()) {
    if (wire->receive.owes_after_turn() && !post_acknowledgement(*wire)) return;
    acknowledging_.remove(*wire);
  }
}

bool EndpointImpl::post_acknowledgement(Wire& wire) {
  if (!queue_pair_->begin_send(srd::kMaxAcknowledgementBytes).data) return false;
  Peer& peer = *wire.peer;
  const std::uint8_t path = next_path();
  // It says nothing on holding, for its header has no count.
  const srd::PacketHeader header{.version = srd::kVersion,
                                 .flags = static_cast<std::uint8_t>(peer.established ? srd::kEstablished : 0),
                                 .path = path,
                                 .session = peer.session,
                                 .psn = 0,
                                 .acknowledged = 0,
                                 .credit = peer.receive_credit.grant(share_.window())};
  std::array<std::byte, srd::kMaxAcknowledgementBytes> bytes;
  const std::size_t size = srd::write_acknowledgement(wire.receive.acknowledge(clock_()), header, bytes);
  const device::SendSlot slot = queue_pair_->begin_send(static_cast<std::uint32_t>(size));
  std::memcpy(slot.data, bytes.data(), size);
  commit(peer, slot, size, {.peer = &peer, .epoch = peer.epoch}, path);
  ++counters_.acknowledgements;
  return true;
}

/// Who has heard of everything closes, and could not repeat a last word that was lost: so it is said on several paths.
void EndpointImpl::say_last_words() {
  constexpr unsigned kTimes = 3;
  if (gone_) return;
  for (const auto& peer : peers_.all()) {
    if (!peer->wire || !peer->wire->heard_over_fabric) continue;
    for (unsigned i = 0; i < kTimes; ++i) {
      if (!post_acknowledgement(*peer->wire)) break;
    }
  }
  queue_pair_->wake_daemon();
}

void EndpointImpl::on_acknowledgement(Peer& peer, std::span<const std::byte> packet) {
  const std::optional<srd::Acknowledgement> acknowledgement = srd::parse_acknowledgement(packet);
  if (!acknowledgement || !peer.wire || peer.wire->send.ended()) return dropped();
  if (peer.wire->send.acknowledged(*acknowledgement, clock_()) == srd::Heard::kPeerRestarted) return peer_gone(peer);
  show_round_trips(*peer.wire);
  after_news(peer);
}

/// For `weft paths`: only a transport knows.
void EndpointImpl::show_round_trips(Wire& wire) {
  const srd::Paths* const paths = wire.send.paths();
  if (paths == nullptr || wire.until_shown-- != 0) return;
  wire.until_shown = Wire::kShowEvery - 1;
  std::array<std::uint32_t, efa::kTimedPaths> path_ns{};
  for (std::uint8_t path = 0; path < std::min(paths->count(), efa::kTimedPaths); ++path)
    path_ns[path] = paths->smoothed_ns(path);
  queue_pair_->show_round_trips(wire.place, wire.peer->address, path_ns);
}

// ---- time ----

void EndpointImpl::watch(Wire& wire) {
  if (!timed_.linked(wire)) timed_.push_back(wire);
}

void EndpointImpl::after_news(Peer& peer) {
  Wire& wire = *peer.wire;
  const srd::TransportEvents events = wire.send.take_events();
  if (events.timeouts != 0) queue_pair_->count(efa::ClientCounter::kRetransTimeoutEvents, events.timeouts);
  if (events.impairments != 0) queue_pair_->count(efa::ClientCounter::kImpairedRemoteConnEvents, events.impairments);
  if (wire.send.ended()) return unresponsive(peer);
  take_reports(peer, Status::kPeerGone, 0);
  if (wire.send.has_lost()) schedule(peer);
}

/// Nothing was heard of it for seconds, though something is under way: EFA's users know the status. It may be alive behind a
/// fabric that is down, but what it has had of us is not known any more, so we do not know it any more either.
void EndpointImpl::unresponsive(Peer& peer) {
  queue_pair_->count(efa::ClientCounter::kUnresponsiveRemoteEvents, 1);
  end_session(peer, Status::kUnreachable, static_cast<int>(efa::SendStatus::kLocalUnrespRemote));
  peer_gone(peer);
}

bool EndpointImpl::misses_credit(const Peer& peer) const {
  return peer.wire->impaired && peer.has_work() && (!peer.send_credit.available() || peer.hold_requests);
}

/// When wire's next deadline is; srd::kNever: none.
std::uint64_t EndpointImpl::deadline_ns(const Wire& wire) const {
  const std::uint64_t window = wire.asked_ns != 0 ? wire.asked_ns + Wire::kAskAgain_ns : wire.send.deadline_ns();
  return wire.ask_credit_ns == 0 ? window : std::min(window, wire.ask_credit_ns);
}

int EndpointImpl::timer_limit_ms() const {
  std::uint64_t first = srd::kNever;
  for (const Wire* wire = timed_.front(); wire; wire = decltype(timed_)::next(*wire))
    first = std::min(first, deadline_ns(*wire));
  const std::uint64_t now = clock_();
  // Rounded up: a millisecond early would be a turn for nothing. A second at most, as for silent peers.
  return first <= now ? 0 : static_cast<int>(std::min<std::uint64_t>((first - now + 999'999) / 1'000'000, 1000));
}

void EndpointImpl::expire_timers() {
  const std::uint64_t now = clock_();
  for (Wire* wire = timed_.front(); wire;) {
    Wire* const following = decltype(timed_)::next(*wire);
    Peer& peer = *wire->peer;
    if (wire->asked_ns != 0 && now - wire->asked_ns >= Wire::kAskAgain_ns) hear_progress(peer, {.known = false});
    if (wire->asked_ns == 0 && now >= wire->send.deadline_ns()) {
      wire->send.expire(now);
      if (wire->send.wants_progress()) ask_progress(*wire);
      else after_news(peer);
    }
    ask_for_credit(*wire, now);
    if (deadline_ns(*wire) == srd::kNever) timed_.remove(*wire);
    wire = following;
  }
}

/// A word on credit may be lost. So who has something to say and no credit asks, again and again.
void EndpointImpl::ask_for_credit(Wire& wire, std::uint64_t now) {
  Peer& peer = *wire.peer;
  if (!misses_credit(peer)) {
    wire.ask_credit_ns = 0;
    wire.ask_delay_ns = Wire::kFirstAsk_ns;
    return;
  }
  if (wire.ask_credit_ns == 0) {
    wire.ask_credit_ns = now + wire.ask_delay_ns;
  } else if (now >= wire.ask_credit_ns) {
    wire.ask_delay_ns = std::min(wire.ask_delay_ns * 2, Wire::kLastAsk_ns);
    wire.ask_credit_ns = now + wire.ask_delay_ns;
    peer.credit_asked = true;
    owe_credit(peer);
  }
}

/// The card knows whether a silent peer is busy or lost.
void EndpointImpl::ask_progress(Wire& wire) {
  const device::SendSlot slot = queue_pair_->begin_send(0);
  if (!slot.data) return;  // at the next turn
  Peer& peer = *wire.peer;
  wire.asked_ns = clock_();
  commit(peer, slot, 0, {.peer = &peer, .epoch = peer.epoch, .kind = Flight::Kind::kQuestion}, 0, efa::kAskProgress);
}

void EndpointImpl::on_progress(const device::Arrival& arrival) {
  efa::ProgressReport report;
  Peer* const peer = peers_.find(arrival.source);
  if (!peer || !peer->wire || arrival.payload.size() < sizeof report) return;
  std::memcpy(&report, arrival.payload.data(), sizeof report);
  // Asked before anything was heard of the peer, the key is 0: of whoever has the number. Another key is another process's.
  const bool known = arrival.source_qkey == 0 || arrival.source_qkey == peer->qkey;
  hear_progress(*peer, {report.delivered, report.consumed, report.alive != 0, known});
}

void EndpointImpl::hear_progress(Peer& peer, const srd::PeerProgress& progress) {
  Wire& wire = *peer.wire;
  if (wire.asked_ns == 0) return;
  wire.asked_ns = 0;
  if (wire.send.ended()) return;
  wire.send.progress(progress, clock_());
  after_news(peer);
}

}  // namespace weft::rdm

// Packets on their way: what the daemon answers, and those it refused.
#include "fabric/rdm/transmit.hpp"

namespace weft::rdm {

void EndpointImpl::grow_flights() {
  std::vector<Flight> larger(flights_.size() * 2);
  for (std::uint64_t ticket = oldest_ticket_; ticket != next_ticket_; ++ticket) {
    larger[ticket & (larger.size() - 1)] = flights_[ticket & (flights_.size() - 1)];
  }
  flights_ = std::move(larger);
}

bool EndpointImpl::post_credit(Peer& peer) {
  device::SendSlot slot;
  // Only the daemon answers a packet: whether the peer lives, whether it has room again.
  const bool for_the_answer = peer.probe_due || !peer.rnr.clear();
  if (peer.express && !for_the_answer) slot = peer.express->begin(sizeof(srd::PacketHeader));
  const bool express = slot.data != nullptr;
  if (!express) slot = queue_pair_->begin_send(sizeof(srd::PacketHeader));
  if (!slot.data) return false;
  peer.probe_due = false;
  std::uint8_t flags = srd::kCreditOnly;
  if (peer.restart_due) flags |= srd::kRestart;
  if (peer.credit_asked) flags |= srd::kAckRequested;
  const std::uint8_t path = express ? std::uint8_t{0} : next_path();
  write_transport_header(peer, slot.data, flags, 0, path);
  if (peer.restart_due) {
    const std::uint32_t unknown_session = peer.unknown_session;
    std::memcpy(slot.data + offsetof(srd::PacketHeader, acknowledged), &unknown_session, sizeof(unknown_session));
    peer.restart_due = false;
  }
  peer.credit_asked = false;
  if (express) {
    publish(peer, slot, sizeof(srd::PacketHeader));
  } else {
    commit(peer, slot, sizeof(srd::PacketHeader), {.peer = &peer, .epoch = peer.epoch}, path);
  }
  ++counters_.credit_packets;
  return true;
}

unsigned EndpointImpl::collect_answers() {
  unsigned answers = 0;
  queue_pair_->poll_sends([&](std::uint64_t ticket, efa::SendStatus status, std::span<const std::byte> packet) {
    on_answer(ticket, status, packet);
    ++answers;
  });
  return answers;
}

void EndpointImpl::on_answer(std::uint64_t ticket, efa::SendStatus status, std::span<const std::byte> packet) {
  const Flight flight = flights_[ticket & (flights_.size() - 1)];
  oldest_ticket_ = ticket + 1;
  Peer& peer = *flight.peer;
  const bool current = flight.epoch == peer.epoch;
  if (flight.kind == Flight::Kind::kQuestion) [[unlikely]] {
    if (status != efa::SendStatus::kOk) hear_progress(peer, {.known = false});
    return;
  }
  if (status == efa::SendStatus::kOk) [[likely]] {
    if (queue_pair_->hint() == efa::SendHint::kOnWire) [[unlikely]] return on_wire(flight, packet);
    if (current) {
      peer.established = true;
      if (!peer.rnr.clear()) recovered(peer);
    }
    if (!flight.numbered()) return;
    if (flight.kind == Flight::Kind::kNumbered) left_daemon(peer);
    peer.wire->send.delivered(flight.psn);
    take_reports(peer, Status::kPeerGone, 0);
    if (flight.operation && --flight.operation->unanswered == 0) settle(*flight.operation);
    return;
  }
  if (status == efa::SendStatus::kRemoteRnr && current) return on_refused(flight, packet);
  on_failed(flight, status);
}

/// It crosses the fabric: from now on only the peer's word counts.
void EndpointImpl::on_wire(const Flight& flight, std::span<const std::byte> packet) {
  Peer& peer = *flight.peer;
  if (!peer.rnr.clear()) recovered(peer);
  if (!flight.numbered()) return;
  Wire& wire = *peer.wire;
  if (flight.kind == Flight::Kind::kNumbered) keep(peer, flight, packet);
  wire.impaired = true;
  wire.send.on_wire(flight.psn, flight.posted_ns != 0 ? flight.posted_ns : clock_());
  take_reports(peer, Status::kPeerGone, 0);
  watch(wire);
}

void EndpointImpl::on_failed(const Flight& flight, efa::SendStatus status) {
  Peer& peer = *flight.peer;
  const bool current = flight.epoch == peer.epoch;
  Status reason = Status::kPeerGone;
  int detail = static_cast<int>(status);
  hint_ = queue_pair_->hint();
  // It is over, whatever becomes of the session; those that are kept hear of that.
  SendOperation* operation = flight.operation;
  if (flight.numbered()) {
    if (Kept* const kept = peer.wire->kept.take(flight.psn)) {
      operation = kept->operation;
      buffers_.give_back(std::move(kept->packet));
      kept_.give_back(kept);
    }
    left_daemon(peer);
    // It was not delivered, so it took no room at the peer, unless the peer has begun to count anew since.
    if (!srd::after(peer.fresh_epoch, flight.epoch)) peer.send_credit.refund();
    peer.wire->send.delivered(flight.psn);
  }
  switch (status) {
    case efa::SendStatus::kRemoteRnr:
    case efa::SendStatus::kRemoteBadDestQpn:
      if (current) peer_gone(peer);
      break;
    case efa::SendStatus::kLocalUnreachRemote:
    case efa::SendStatus::kLocalInvalidAh:
      reason = Status::kUnreachable;
      // EFA's users tell a peer that answered once from one that never did (4124 and 4126).
      if (peer.qkey != 0) detail = static_cast<int>(efa::SendStatus::kLocalUnrespRemote);
      if (current) end_session(peer, reason, detail);
      break;
    case efa::SendStatus::kFlushed:
    case efa::SendStatus::kLocalQpInternalError:
      reason = Status::kDeviceGone;
      device_failed_ = true;
      break;
    default:
      reason = Status::kInternal;
      if (current) end_session(peer, reason, static_cast<int>(status));
  }
  if (flight.numbered()) take_reports(peer, reason, detail);
  if (operation) {
    --operation->unanswered;
    report(*operation, reason, detail);
    settle(*operation);
  }
  hint_ = efa::SendHint::kNone;
}

void EndpointImpl::on_refused(const Flight& flight, std::span<const std::byte> packet) {
  Peer& peer = *flight.peer;
  if (peer.rnr.refused(clock_(), rnr_limits_)) {
    unschedule(peer);
    backing_off_.push_back(peer);
  }
  if (flight.numbered()) {
    if (flight.kind == Flight::Kind::kNumbered) keep(peer, flight, packet);
    peer.wire->send.refused(flight.psn);
    take_reports(peer, Status::kPeerGone, 0);
    return;
  }
  // The next word on credit is as good as this one. So that there is one:
  peer.credit_due = true;
  srd::PacketHeader header;
  if (read_header(packet, header) && (header.flags & srd::kRestart) != 0) {
    peer.restart_due = true;
    peer.unknown_session = static_cast<std::uint8_t>(header.acknowledged);
  }
}

void EndpointImpl::left_daemon(Peer& peer) {
  if (--peer.with_daemon == 0 && peer.express && peer.has_work()) schedule(peer);
}

void EndpointImpl::recovered(Peer& peer) {
  if (backing_off_.linked(peer)) backing_off_.remove(peer);
  peer.rnr.recovered();
  if (peer.has_work()) schedule(peer);
}

}  // namespace weft::rdm

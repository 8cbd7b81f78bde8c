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
  const std::uint8_t flags = srd::kCreditOnly | (peer.restart_due ? srd::kRestart : 0);
  write_transport_header(peer, slot.data, flags, peer.next_psn++);
  if (peer.restart_due) {
    const std::uint32_t unknown_session = peer.unknown_session;
    std::memcpy(slot.data + offsetof(srd::PacketHeader, acknowledged), &unknown_session, sizeof(unknown_session));
    peer.restart_due = false;
  }
  if (express) {
    publish(peer, slot, sizeof(srd::PacketHeader));
  } else {
    commit(peer, nullptr, slot, sizeof(srd::PacketHeader), false);
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
  SendOperation* operation = flight.operation;
  if (flight.counted && --peer.with_daemon == 0 && peer.express && peer.has_work()) schedule(peer);
  if (status == efa::SendStatus::kOk) [[likely]] {
    if (flight.epoch == peer.epoch) {
      peer.established = true;
      if (!peer.rnr.clear()) recovered(peer);
    }
    if (operation && --operation->unanswered == 0) settle(*operation);
    return;
  }
  const bool current = flight.epoch == peer.epoch;
  if (status == efa::SendStatus::kRemoteRnr && current) {
    on_refused(flight, packet);
    return;
  }
  // It was not delivered, so it took no room at the peer, unless the peer has begun to count anew since.
  if (flight.counted && !srd::after(peer.fresh_epoch, flight.epoch)) peer.send_credit.refund();
  Status reason = Status::kPeerGone;
  int detail = static_cast<int>(status);
  hint_ = queue_pair_->hint();
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
  if (flight.counted) {
    keep_for_resend(peer, flight.operation, packet);
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

void EndpointImpl::keep_for_resend(Peer& peer, SendOperation* operation, std::span<const std::byte> packet) {
  srd::PacketHeader header{};
  std::memcpy(&header, packet.data(), sizeof(header));
  Resend& resend = *resends_.take();
  resend.operation = operation;
  resend.psn = header.psn;
  resend.size = static_cast<std::uint32_t>(packet.size());
  resend.packet = buffers_.take(packet.size());
  std::memcpy(resend.packet.data(), packet.data(), packet.size());
  // In order of their numbers: the oldest is what the receiver waits for.
  Resend* before = peer.resends.back();
  while (before && srd::after(before->psn, resend.psn)) before = decltype(peer.resends)::previous(*before);
  peer.resends.insert_after(before, resend);
}

bool EndpointImpl::post_again(Peer& peer) {
  Resend& resend = *peer.resends.front();
  const device::SendSlot slot = queue_pair_->begin_send(resend.size);
  if (!slot.data) return false;
  std::memcpy(slot.data, resend.packet.data(), resend.size);
  write_transport_header(peer, slot.data, 0, resend.psn);
  // It has its credit, and the operation counts it, since it was posted first.
  if (resend.operation) --resend.operation->unanswered;
  commit(peer, resend.operation, slot, resend.size, true);
  ++counters_.packets_resent;
  peer.resends.remove(resend);
  buffers_.give_back(std::move(resend.packet));
  resends_.give_back(&resend);
  return true;
}

void EndpointImpl::recovered(Peer& peer) {
  if (backing_off_.linked(peer)) backing_off_.remove(peer);
  peer.rnr.recovered();
  if (peer.has_work()) schedule(peer);
}

}  // namespace weft::rdm

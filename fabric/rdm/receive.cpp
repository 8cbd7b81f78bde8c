// Packets in: whose they are, what they say by the way, whose turn it is, which message they belong to.
//
// The source of a packet is the daemon's word; everything in the packet is the peer's. So every length, offset and
// number is checked against what this endpoint knows, and what does not fit is dropped and counted.
#include "fabric/rdm/direct.hpp"
#include "fabric/rdm/endpoint_impl.hpp"

namespace weft::rdm {

void EndpointImpl::on_packet(const device::Arrival& arrival) {
  if ((arrival.flags & efa::kProgressReport) != 0) [[unlikely]] return on_progress(arrival);
  ++counters_.packets_received;
  srd::PacketHeader header;
  if (!read_header(arrival.payload, header) || header.version != srd::kVersion) return dropped();
  Peer* const peer = peer_of(arrival.source);
  if (!peer) return dropped();
  if (arrival.source_qkey != peer->qkey && !accept_incarnation(*peer, arrival.source_qkey)) return dropped();
  // The sender had its channel before the first packet of its session had come through the daemon. That has come by now.
  if (arrival.through_channel && is_news(*peer, header)) [[unlikely]] take_from_daemon();
  if (is_news(*peer, header) && !accept_session(*peer, header)) return dropped();
  on_transport(*peer, header);
  if ((header.flags & (srd::kCreditOnly | srd::kAcknowledgement)) != 0) {
    if ((header.flags & srd::kAcknowledgement) != 0) on_acknowledgement(*peer, arrival.payload);
    else if ((header.flags & (srd::kAckRequested | srd::kRestart)) == srd::kAckRequested) owe_credit(*peer);
    return;
  }
  if (!arrival.through_channel && !take_numbered(*peer, header, arrival)) return dropped();
  if (!peer->receive_credit.take()) return dropped();
  share_.arrived(peer->share_round);
  if (peer->receive_credit.owes(share_.window())) owe_credit(*peer);
  on_message_packet(*peer, arrival.payload.subspan(sizeof(header)));
}

Peer* EndpointImpl::peer_of(const device::Address& address) {
  if (last_peer_ && same(last_peer_->address, address)) return last_peer_;
  Peer* const peer = peers_.find_or_add(address);
  if (peer) last_peer_ = peer;
  return peer;
}

/// The queue pair number belongs to another process than before, or it is heard of for the first time.
bool EndpointImpl::accept_incarnation(Peer& peer, std::uint32_t qkey) {
  if (peer.is_former(qkey)) return false;
  if (peer.qkey != 0) peer_gone(peer);
  peer.qkey = qkey;
  return true;
}

bool EndpointImpl::is_news(const Peer& peer, const srd::PacketHeader& header) {
  return !peer.session_known || header.session != peer.peer_session;
}

void EndpointImpl::take_from_daemon() {
  queue_pair_->poll_ring(queue_pair_->ring_size(), [this](const device::Arrival& arrival) { on_packet(arrival); });
}

bool EndpointImpl::accept_session(Peer& peer, const srd::PacketHeader& header) {
  if (peer.session_known && static_cast<std::int8_t>(header.session - peer.peer_session) < 0) {
    // From before its restart. It took a credit all the same.
    if ((header.flags & (srd::kCreditOnly | srd::kAcknowledgement)) == 0) peer.receive_credit.take();
    return false;
  }
  if ((header.flags & srd::kEstablished) != 0) {
    // The beginning of this session went to an earlier process of this number: it must begin anew.
    peer.restart_due = true;
    peer.unknown_session = header.session;
    schedule(peer);
    return false;
  }
  if (peer.session_known) {
    // The peer gave up a sequence: what was arriving will not be completed, and what waits for its word waits in vain.
    fail_waiting(peer, Status::kPeerGone);
    fail_messages(peer, Status::kPeerGone, false);
    drop_one_sided_arrivals(peer);
    drop_early(peer);
    peer.expected_message = 0;
  }
  peer.session_known = true;
  peer.peer_session = header.session;
  if (peer.wire) peer.wire->receive = srd::ReceiveWindow(queue_pair_->qkey());
  return true;
}

/// What the peer's transport says to ours.
void EndpointImpl::on_transport(Peer& peer, const srd::PacketHeader& header) {
  if (!peer.rnr.clear()) recovered(peer);
  if ((header.flags & srd::kRestart) != 0) {
    if (static_cast<std::uint8_t>(header.acknowledged) == peer.session) restart_transmit(peer, Status::kPeerGone);
    return;
  }
  bool can_go_on = peer.send_credit.extend(header.credit);
  if ((header.flags & srd::kAcknowledgement) == 0 && srd::after(header.acknowledged, peer.newest_header)) {
    const bool hold = (header.flags & srd::kHoldRequests) != 0;
    can_go_on |= peer.hold_requests && !hold;
    peer.newest_header = header.acknowledged;
    peer.hold_requests = hold;
  }
  if (can_go_on && peer.has_work()) schedule(peer);
}

void EndpointImpl::on_message_packet(Peer& peer, std::span<const std::byte> packet) {
  BaseHeader base;
  if (!read_header(packet, base) || base.version != kProtocolVersion) return dropped();
  if (deliver_at_once(peer, base, packet)) return;
  switch (base.type) {
    case PacketType::kCts: return on_cts(peer, packet);
    case PacketType::kCtsData: return on_cts_data(peer, packet);
    case PacketType::kReceipt: return on_receipt(peer, base);
    case PacketType::kWrite: return on_write(peer, packet);
    case PacketType::kRead: return on_read(peer, packet);
    case PacketType::kAtomic:
    case PacketType::kFetchAtomic:
    case PacketType::kCompareAtomic: return on_atomic(peer, packet);
    case PacketType::kDone: return on_done(peer, packet);
    case PacketType::kReadData: return on_read_data(peer, packet);
    case PacketType::kAtomicResult: return on_atomic_result(peer, packet);
    default: break;
  }
  Request request;
  if (!read_request(packet, request)) return dropped();
  if (holding_) {
    if (!peer.told_to_hold) {
      owe_credit(peer);
    } else {
      // More than was under way when the peer was told: it does not listen, and its messages have no place here. Where
      // words are lost it is told again before.
      const bool lossy = peer.wire && peer.wire->impaired;
      if (++peer.since_told > (lossy ? 16 : 2) * srd::kMaxWindow) return dropped();
      if (lossy && peer.since_told % srd::kMaxWindow == 0) owe_credit(peer);
    }
  }
  on_request(peer, request);
}

/// The usual case: a whole message whose turn it is, and whose receive is posted. False: not that, and nothing has happened.
bool EndpointImpl::deliver_at_once(Peer& peer, const BaseHeader& base, std::span<const std::byte> packet) {
  const bool eager = base.type == PacketType::kEagerTagged || base.type == PacketType::kEagerMessage;
  if (!eager || base.message != peer.expected_message || (base.options & kWantsReceipt) != 0 || holding_) return false;
  RequestHeader header;
  if (!read_header(packet, header)) return false;
  if (!is_tagged(base.type)) header.tag = 0;
  ReceiveOperation* const receive = queue_for(is_tagged(base.type)).match_arrival(&peer, header.tag);
  if (!receive || receive->is_multi()) return false;
  ++peer.expected_message;
  deliver_whole(peer, header, packet.subspan(sizeof(header)), *receive);
  if (peer.early) deliver_early(peer);
  return true;
}

/// Where the data of a request is, instead of data.
bool EndpointImpl::read_direct_request(std::uint32_t pieces, Request& request) const {
  std::uint64_t total = 0;
  if (!read_direct_pieces(request.data, pieces, request.direct, total) || total != request.total) return false;
  request.direct_pieces = static_cast<std::uint8_t>(pieces);
  request.data = {};
  return true;
}

bool EndpointImpl::read_request(std::span<const std::byte> packet, Request& request) const {
  RequestHeader common;
  if (!read_header(packet, common)) return false;
  request.type = common.base.type;
  request.options = common.base.options;
  request.message = common.base.message;
  request.tag = is_tagged(request.type) ? common.tag : 0;
  request.remote_data = common.remote_data;
  switch (request.type) {
    case PacketType::kEagerMessage:
    case PacketType::kEagerTagged:
      request.data = packet.subspan(sizeof(RequestHeader));
      request.total = request.data.size();
      return true;
    case PacketType::kMediumMessage:
    case PacketType::kMediumTagged: {
      MediumHeader header;
      if (!read_header(packet, header)) return false;
      request.data = packet.subspan(sizeof(header));
      request.total = header.total;
      request.offset = header.offset;
      return !request.data.empty() && header.total <= kMediumMax && header.offset <= header.total &&
             request.data.size() <= header.total - header.offset;
    }
    case PacketType::kLongCtsMessage:
    case PacketType::kLongCtsTagged: {
      LongHeader header;
      if (!read_header(packet, header)) return false;
      request.data = packet.subspan(sizeof(header));
      request.total = header.total;
      request.sender_operation = header.sender_operation;
      if ((request.options & kDirect) != 0) return read_direct_request(header.pieces, request);
      return request.data.size() < header.total;
    }
    default: return false;
  }
}

void EndpointImpl::on_request(Peer& peer, const Request& request) {
  if (request.offset != 0 || !peer.incomplete.empty()) {
    Message* const message = find_incomplete(peer, request.message);
    if (message) {
      const bool fits = message->is_medium() && message->type == request.type && message->total == request.total;
      return fits ? add_data(*message, request) : dropped();
    }
  }
  if (request.message != peer.expected_message) return on_early(peer, request);
  ++peer.expected_message;
  begin(peer, request);
  if (peer.early) deliver_early(peer);
}

Message* EndpointImpl::find_incomplete(Peer& peer, std::uint32_t message) {
  Message* found = peer.incomplete.front();
  while (found && found->message != message) found = decltype(peer.incomplete)::next(*found);
  return found;
}

void EndpointImpl::on_early(Peer& peer, const Request& request) {
  if (!ReorderWindow::within(request.message, peer.expected_message)) return dropped();
  if (!peer.early) peer.early = std::make_unique<ReorderWindow>();
  if (peer.early->at(request.message)) return dropped();
  Message& message = store(peer, request);
  message.stage = Message::Stage::kEarly;
  peer.early->put(message);
}

/// A message whose turn it is.
void EndpointImpl::begin(Peer& peer, const Request& request) {
  MatchQueue& queue = queue_for(is_tagged(request.type));
  ReceiveOperation* const receive = queue.match_arrival(&peer, request.tag);
  if (!receive) {
    Message& message = store(peer, request);
    message.stage = Message::Stage::kUnexpected;
    queue.add_unexpected(message);
    return;
  }
  deliver(peer, request, *receive);
}

void EndpointImpl::deliver_early(Peer& peer) {
  while (Message* message = peer.early->take(peer.expected_message)) {
    ++peer.expected_message;
    MatchQueue& queue = queue_for(message->tagged());
    if (ReceiveOperation* receive = queue.match_arrival(&peer, message->tag)) {
      match(*message, *receive);
    } else {
      message->stage = Message::Stage::kUnexpected;
      queue.add_unexpected(*message);
    }
  }
}

void EndpointImpl::on_receipt(Peer& peer, const BaseHeader& base) {
  for (SendOperation* operation = peer.waiting.front(); operation; operation = decltype(peer.waiting)::next(*operation)) {
    if (operation->message != base.message || !operation->needs_receipt) continue;
    const bool sent = operation->direct || (operation->cleared && operation->posted >= operation->wanted);
    if (operation->is_long() && !sent) break;
    take_out(*operation);
    report(*operation, Status::kOk, 0);
    settle(*operation);
    return;
  }
  dropped();
}

}  // namespace weft::rdm

// What could not be sent at once, sent peer by peer. A peer without credit, or in an RNR delay, is not in the list of
// those that are ready, so it costs the others nothing.
#include "fabric/rdm/transmit.hpp"

namespace weft::rdm {

namespace {
constexpr unsigned kTurnPackets = 16;  // then it is the next peer's turn
}

void EndpointImpl::schedule(Peer& peer) {
  if (!ready_.linked(peer) && (peer.rnr.clear() || peer.rnr.may_try())) ready_.push_back(peer);
}

void EndpointImpl::unschedule(Peer& peer) {
  if (ready_.linked(peer)) ready_.remove(peer);
}

void EndpointImpl::flush() {
  // Those scheduled meanwhile come next time.
  Peer* const last = ready_.back();
  while (Peer* peer = ready_.front()) {
    if (!flush_one(*peer) || peer == last) return;
  }
}

/// False when the queue pair has no slot left.
bool EndpointImpl::flush_one(Peer& peer) {
  unschedule(peer);
  const FlushResult result = flush_peer(peer);
  unschedule(peer);
  if (result == FlushResult::kMore) schedule(peer);
  if (result == FlushResult::kNoSlot) ready_.push_front(peer);
  return result != FlushResult::kNoSlot;
}

EndpointImpl::FlushResult EndpointImpl::flush_peer(Peer& peer) {
  if (!peer.rnr.clear()) {
    if (!peer.rnr.may_try()) return FlushResult::kNothingLeft;
    // One packet to see whether the peer reads again.
    const Again again = peer.has_lost() ? post_again(peer) : Again::kNotNow;
    if (again == Again::kNoSlot || (again == Again::kNotNow && !post_credit(peer))) return FlushResult::kNoSlot;
    peer.rnr.trying();
    return FlushResult::kNothingLeft;
  }
  unsigned turn = 0;
  for (unsigned packets = 0; packets < kTurnPackets; ++packets) {
    bool posted, nothing = false;
    if (peer.has_lost()) {
      const Again again = post_again(peer);
      if (again == Again::kNotNow) break;
      posted = again == Again::kPosted;
    } else if (!peer.send_credit.available() || peer.changing_over() || !peer.has_room()) {
      break;
    } else {
      posted = post_next(peer, turn, nothing);
    }
    if (nothing) break;
    if (!posted) return peer.express && peer.express->is_full() ? FlushResult::kMore : FlushResult::kNoSlot;
  }
  if ((peer.credit_due || peer.restart_due) && !post_credit(peer)) return FlushResult::kNoSlot;
  const bool requests = !peer.requests.empty() && (!peer.hold_requests || peer.requests.front()->posted != 0);
  if (Wire* const wire = peer.wire.get(); wire && !peer.has_room()) {
    wire->no_room = true;  // goes on when something was heard of
    return FlushResult::kNothingLeft;
  }
  if (peer.wire && misses_credit(peer)) watch(*peer.wire);
  const OneSidedTraffic* const traffic = peer.one_sided.get();
  const bool more = !peer.controls.empty() || !peer.streaming.empty() || requests ||
                    (traffic && (traffic->may_ask() || traffic->may_answer()));
  return more && peer.send_credit.available() && !peer.changing_over() ? FlushResult::kMore : FlushResult::kNothingLeft;
}

/// Short answers first. Then new messages, data of long ones, one-sided operations and the data they ask for, in turn:
/// none holds up the others.
bool EndpointImpl::post_next(Peer& peer, unsigned& turn, bool& nothing) {
  OneSidedTraffic* const traffic = peer.one_sided.get();
  if (!peer.controls.empty()) return post_control(peer);
  if (traffic && !traffic->done.empty()) return post_done(peer);
  SendOperation* const request = peer.requests.front();
  const bool may[] = {request && (!peer.hold_requests || request->posted != 0), !peer.streaming.empty(),
                      traffic && traffic->may_ask(), traffic && !traffic->responses.empty()};
  for (unsigned tried = 0; tried < std::size(may); ++tried) {
    const unsigned which = turn++ % std::size(may);
    if (!may[which]) continue;
    switch (which) {
      case 0: return post_request(*request);
      case 1: return post_data(*peer.streaming.front());
      case 2: return post_one_sided(*traffic->queued.front());
      default: return post_response(peer);
    }
  }
  nothing = true;
  return true;
}

/// A CTS or a receipt; a message may owe both.
bool EndpointImpl::post_control(Peer& peer) {
  Message& message = *peer.controls.front();
  if (message.cts_due) {
    if (!post_cts(message)) return false;
    message.cts_due = false;
  } else {
    const bool posted = post_packet(peer, nullptr, sizeof(srd::PacketHeader) + sizeof(ReceiptHeader), [&](std::byte* to) {
      const ReceiptHeader header{{PacketType::kReceipt, kProtocolVersion, 0, message.message}};
      std::memcpy(to, &header, sizeof(header));
    });
    if (!posted) return false;
    message.receipt_due = false;
  }
  if (message.cts_due || message.receipt_due) return true;
  peer.controls.remove(message);
  --controls_;
  if (message.stage == Message::Stage::kFinished) free_message(message);
  return true;
}

void EndpointImpl::expire_delays() {
  const std::uint64_t now = clock_();
  for (Peer* peer = backing_off_.front(); peer;) {
    Peer* const following = decltype(backing_off_)::next(*peer);
    if (peer->rnr.expired(now)) {
      backing_off_.remove(*peer);
      peer->rnr.expire();
      schedule(*peer);
    }
    peer = following;
  }
}

}  // namespace weft::rdm

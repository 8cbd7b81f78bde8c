// When a peer or the device goes away. Every operation that waited for it is reported, once; its packets that are still
// with the daemon keep the operation alive until they are answered, but nobody hears of it again.
//
// Three degrees:
//   end_session       the peer may be alive but a packet to it failed: the sequence of messages has a hole
//   restart_transmit  the peer is another process than we thought when we began: ours begins anew
//   peer_gone         both directions begin anew
#include "fabric/rdm/endpoint_impl.hpp"

namespace weft::rdm {

/// All sends to a peer that are not completely with the daemon.
void EndpointImpl::fail_sends(Peer& peer, Status status, int device_status) {
  if (peer.wire) {
    peer.wire->send.fail();
    take_reports(peer, status, device_status);
  }
  for (auto* list : {&peer.requests, &peer.streaming, &peer.waiting}) {
    while (SendOperation* operation = list->front()) {
      take_out(*operation);
      report(*operation, status, device_status);
      settle(*operation);
    }
  }
  fail_one_sided(peer, status, device_status, false);
}

/// The sends that wait for the peer's word, because that word is lost.
void EndpointImpl::fail_waiting(Peer& peer, Status status) {
  for (auto* list : {&peer.streaming, &peer.waiting}) {
    while (SendOperation* operation = list->front()) {
      take_out(*operation);
      report(*operation, status, 0);
      settle(*operation);
    }
  }
  fail_one_sided(peer, status, 0, true);
}

/// Messages whose data, or whose windows, will not come through any more.
void EndpointImpl::fail_messages(Peer& peer, Status status, bool only_long) {
  for (Message* message = peer.incomplete.front(); message;) {
    Message* const following = decltype(peer.incomplete)::next(*message);
    const bool early = message->stage == Message::Stage::kEarly;
    if (!early && (message->is_long() || !only_long)) fail_message(*message, status);
    message = following;
  }
  while (Message* message = peer.controls.pop_front()) {
    --controls_;
    message->cts_due = message->receipt_due = false;
    if (message->stage == Message::Stage::kFinished) free_message(*message);
  }
}

void EndpointImpl::fail_message(Message& message, Status status) {
  Peer& peer = *message.peer;
  peer.incomplete.remove(message);
  if (decltype(peer.controls)::linked(message)) {
    peer.controls.remove(message);
    --controls_;
  }
  release_data(message);
  switch (message.stage) {
    case Message::Stage::kUnexpected: queue_for(message.tagged()).remove_unexpected(message); break;
    case Message::Stage::kClaimed: message.peer_gone = true; return;
    case Message::Stage::kMatched:
      if (message.receive) {
        complete_receive(*message.receive, describe(message), message.capacity, message.place, message.capacity, status);
      }
      break;
    case Message::Stage::kEarly:
    case Message::Stage::kFinished: break;
  }
  free_message(message);
}

/// Messages whose turn will not come, because those before them are lost.
void EndpointImpl::drop_early(Peer& peer) {
  if (!peer.early || peer.early->empty()) return;
  for (std::uint32_t i = 0; i < ReorderWindow::kSize; ++i) {
    Message* const message = peer.early->take(i);
    if (!message) continue;
    if (decltype(peer.incomplete)::linked(*message)) peer.incomplete.remove(*message);
    free_message(*message);
  }
}

void EndpointImpl::end_session(Peer& peer, Status status, int device_status) {
  ++peer.epoch;
  ++peer.session;
  leave_channel(peer);  // the beginning of a session goes through the daemon, so that nothing overtakes it
  peer.established = false;
  peer.next_message = 0;
  unschedule(peer);
  if (backing_off_.linked(peer)) backing_off_.remove(peer);
  peer.rnr.recovered();
  fail_sends(peer, status, device_status);
  fail_messages(peer, status, true);
  drop_answers(peer);
}

void EndpointImpl::restart_transmit(Peer& peer, Status status) {
  end_session(peer, status, 0);
  peer.fresh_epoch = peer.epoch;
  peer.headers = 0;
  peer.send_credit = {};
  peer.hold_requests = false;
}

void EndpointImpl::restart_receive(Peer& peer, Status status) {
  fail_messages(peer, status, false);
  drop_early(peer);
  drop_one_sided_arrivals(peer);
  peer.session_known = false;
  peer.told_to_hold = false;
  peer.newest_header = 0;
  if (peer.wire) peer.wire->receive = srd::ReceiveWindow(queue_pair_->qkey());
  peer.expected_message = 0;
  peer.receive_credit = {};
  peer.credit_due = peer.restart_due = false;
}

/// The process we talked with is no more. Its queue pair number may already be another's.
void EndpointImpl::peer_gone(Peer& peer) {
  peer.remember_former(peer.qkey);
  peer.qkey = 0;
  restart_transmit(peer, Status::kPeerGone);
  restart_receive(peer, Status::kPeerGone);
}

/// The daemon or the function is gone: everything pending is reported, and nothing can be posted any more.
void EndpointImpl::device_gone() {
  gone_ = true;
  for (const auto& peer : peers_.all()) {
    unschedule(*peer);
    if (backing_off_.linked(*peer)) backing_off_.remove(*peer);
    fail_sends(*peer, Status::kDeviceGone, 0);
    fail_messages(*peer, Status::kDeviceGone, false);
    drop_early(*peer);
    drop_answers(*peer);
    drop_one_sided_arrivals(*peer);
  }
  // Those that were completely with the daemon.
  sends_.for_each_live([this](SendOperation& operation) {
    report(operation, Status::kDeviceGone, 0);
    release(operation);
  });
  oldest_ticket_ = next_ticket_;
  for (MatchQueue& queue : queues_) {
    while (ReceiveOperation* receive = queue.oldest_posted()) {
      queue.unpost(*receive);
      Completion completion;
      completion.context = receive->context;
      completion.flags = receive->flags;
      completion.status = Status::kDeviceGone;
      completion.tag = receive->tag;
      completion.buffer_released = receive->is_multi();
      receives_.give_back(receive);
      sink_->on_completion(completion);
    }
  }
  sink_->on_device_gone();
}

}  // namespace weft::rdm

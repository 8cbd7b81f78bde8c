// Receives: posted, asked about beforehand (peek), taken in two steps (claim), taken back (cancel).
#include <cerrno>

#include "fabric/rdm/endpoint_impl.hpp"

namespace weft::rdm {

bool EndpointImpl::acceptable(const ReceiveRequest& request) const {
  if (request.iov.size() > kMaxIov) return false;
  // A multi-receive reports addresses inside its buffer, so that is one piece.
  if ((request.flags & kMultiReceive) != 0 && request.iov.size() != 1) return false;
  return request.source == kAnyPeer || peers_.by_index(request.source) != nullptr;
}

Message* EndpointImpl::find_unexpected(const ReceiveRequest& request) {
  const bool tagged = (request.flags & kTagged) != 0;
  const Peer* source = request.source == kAnyPeer ? nullptr : peers_.by_index(request.source);
  return queue_for(tagged).match_receive(tagged ? request.tag : 0, tagged ? request.ignore : 0, source);
}

ReceiveOperation& EndpointImpl::new_receive(const ReceiveRequest& request) {
  const bool tagged = (request.flags & kTagged) != 0;
  ReceiveOperation& receive = *receives_.take();
  receive.source = request.source == kAnyPeer ? nullptr : peers_.by_index(request.source);
  receive.tag = tagged ? request.tag : 0;
  receive.ignore = tagged ? request.ignore : 0;
  receive.context = request.context;
  receive.flags = request.flags;
  receive.iov.assign(request.iov);
  receive.capacity = total_length(request.iov);
  receive.since_ns = last_look_ns_;
  return receive;
}

int EndpointImpl::receive(const ReceiveRequest& request) {
  if (gone_) return -ENETDOWN;
  if (!acceptable(request)) return -EINVAL;
  MatchQueue& queue = queue_for((request.flags & kTagged) != 0);
  if (queue.posted() >= options_.receive_queue) return -EAGAIN;
  ReceiveOperation& receive = new_receive(request);
  while (Message* message = queue.unexpected() != 0 ? find_unexpected(request) : nullptr) {
    queue.remove_unexpected(*message);
    // Asked before the match: a receive that takes its last message is gone with it.
    const bool last = takes_last(receive, message->total);
    match(*message, receive);
    if (last) return 0;
  }
  queue.post(receive);
  return 0;
}

int EndpointImpl::peek(const ReceiveRequest& request, PeekMode mode) {
  if (gone_) return -ENETDOWN;
  if (!acceptable(request)) return -EINVAL;
  progress();  // what has arrived should be found
  Completion completion;
  Message* const message = find_unexpected(request);
  if (message) completion = describe(*message);
  completion.context = request.context;
  completion.flags = request.flags;
  completion.status = message ? Status::kOk : Status::kNoMessage;
  if (message) {
    completion.length = static_cast<std::size_t>(message->total);
    if (mode != PeekMode::kPeek) queue_for(message->tagged()).remove_unexpected(*message);
    if (mode == PeekMode::kPeekAndClaim) {
      completion.is_claimable = true;
      message->stage = Message::Stage::kClaimed;
      message->claim_context = request.context;
      claimed_.push_back(*message);
    }
    if (mode == PeekMode::kPeekAndDiscard) discard(*message);
  }
  sink_->on_completion(completion);
  return 0;
}

int EndpointImpl::claim(const ReceiveRequest& request, bool discarded) {
  if (gone_) return -ENETDOWN;
  if (request.iov.size() > kMaxIov || (request.flags & kMultiReceive) != 0) return -EINVAL;
  const bool tagged = (request.flags & kTagged) != 0;
  Message* message = claimed_.front();
  while (message && (message->claim_context != request.context || message->tagged() != tagged)) {
    message = decltype(claimed_)::next(*message);
  }
  if (!message) return -EINVAL;
  claimed_.remove(*message);
  if (message->peer_gone || discarded) {
    Completion completion = describe(*message);
    completion.context = request.context;
    completion.flags = request.flags;
    completion.status = discarded ? Status::kOk : Status::kPeerGone;
    if (message->peer_gone) {
      free_message(*message);
    } else {
      discard(*message);
    }
    if (!discarded || (request.flags & kCompletion) != 0) sink_->on_completion(completion);
    return 0;
  }
  match(*message, new_receive(request));
  return 0;
}

bool EndpointImpl::cancel(void* context, bool tagged) {
  MatchQueue& queue = queue_for(tagged);
  ReceiveOperation* const receive = queue.find_posted(context);
  if (!receive) return false;
  queue.unpost(*receive);
  receive->exhausted = receive->canceled = true;
  if (receive->active != 0) return true;  // a multi-receive with messages on their way: said when they are there
  report_canceled(*receive);
  receives_.give_back(receive);
  return true;
}

}  // namespace weft::rdm

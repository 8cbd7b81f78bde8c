// The posting call. A message that fits one packet leaves inside it when slot and credit are there; everything else is
// queued at its peer and leaves from progress(). The bound on a peer's sends is its own: a peer that stopped reading
// must not bring -EAGAIN on others.
#include <cerrno>

#include "fabric/rdm/transmit.hpp"

namespace weft::rdm {

int EndpointImpl::send(const SendRequest& request) {
  if (gone_) return -ENETDOWN;
  Peer* const peer = peers_.by_index(request.peer);
  if (!peer || request.iov.size() > kMaxIov) return -EINVAL;
  const std::size_t length = total_length(request.iov);
  const bool inject = (request.flags & kInject) != 0;
  if (inject && length > kInjectSize) return -EMSGSIZE;
  if (peer->sends >= options_.transmit_queue) return -EAGAIN;
  const bool direct = may_be_direct(*peer, length, request.flags);
  if (!direct && send_at_once(*peer, request, length)) return 0;

  const bool tagged = (request.flags & kTagged) != 0;
  SendOperation& operation = *sends_.take();
  ++peer->sends;
  operation.peer = peer;
  operation.context = request.context;
  operation.flags = request.flags;
  operation.needs_receipt = (request.flags & kDeliveryComplete) != 0;
  operation.tag = tagged ? request.tag : 0;
  operation.remote_data = request.remote_data;
  operation.length = operation.wanted = length;
  operation.message = peer->next_message++;
  operation.since_ns = last_look_ns_;
  operation.type = tagged ? PacketType::kEagerTagged : PacketType::kEagerMessage;

  operation.direct = direct;
  const bool left = length <= eager_max_ && !direct && may_send_now(*peer) && post_eager(operation, request.iov);
  // The buffer will be the caller's again, so this is all that an inject can report but failure.
  if (inject && !operation.needs_receipt && (request.flags & kCompletion) != 0) report(operation, Status::kOk, 0);
  if (left) {
    settle(operation);
  } else {
    queue_send(operation, request);
  }
  queue_pair_->wake_daemon();
  return 0;
}

/// A message that fits a packet, into the peer's channel: it is delivered when this returns, so there is no operation to
/// keep. False: not this way, and nothing has happened.
bool EndpointImpl::send_at_once(Peer& peer, const SendRequest& request, std::size_t length) {
  if (peer.changing_over()) collect_answers();  // perhaps they are here
  if (!peer.express || peer.changing_over() || length > eager_max_ || (request.flags & kDeliveryComplete) != 0 ||
      !may_send_now(peer)) {
    return false;
  }
  const bool tagged = (request.flags & kTagged) != 0;
  const std::uint16_t options = (request.flags & kRemoteData) != 0 ? kHasRemoteData : 0;
  const RequestHeader header{{tagged ? PacketType::kEagerTagged : PacketType::kEagerMessage, kProtocolVersion, options,
                              peer.next_message},
                             tagged ? request.tag : 0, request.remote_data};
  const bool published = publish_packet(peer, kEagerOverhead + length, [&](std::byte* to) {
    std::memcpy(to, &header, sizeof(header));
    gather(request.iov, 0, to + sizeof(header), length);
  });
  if (!published) return false;
  ++peer.next_message;
  if ((request.flags & kCompletion) != 0) {
    Completion completion;
    completion.context = request.context;
    completion.flags = request.flags;
    completion.is_send = true;
    completion.length = length;
    completion.tag = header.tag;
    sink_->on_completion(completion);
  }
  return true;
}

bool EndpointImpl::may_send_now(const Peer& peer) const {
  return peer.requests.empty() && peer.send_credit.available() && peer.rnr.clear() && peer.has_room() &&
         !peer.hold_requests;
}

void EndpointImpl::queue_send(SendOperation& operation, const SendRequest& request) {
  Peer& peer = *operation.peer;
  if (operation.length > eager_max_ || operation.direct) {
    const bool tagged = is_tagged(operation.type);
    if (operation.length <= kMediumMax && !operation.direct) {
      operation.type = tagged ? PacketType::kMediumTagged : PacketType::kMediumMessage;
    } else {
      operation.type = tagged ? PacketType::kLongCtsTagged : PacketType::kLongCtsMessage;
    }
  }
  if ((request.flags & kInject) != 0 && operation.length != 0) {
    operation.copy = buffers_.take(operation.length);
    gather(request.iov, 0, operation.copy.data(), operation.length);
    const iovec copied{operation.copy.data(), operation.length};
    operation.iov.assign({&copied, 1});
  } else {
    operation.iov.assign(request.iov);
  }
  operation.place = SendOperation::Place::kRequests;
  peer.requests.push_back(operation);
  // The daemon can begin while the caller goes on.
  if (peer.requests.front() == &operation) flush_one(peer);
}

RequestHeader EndpointImpl::request_header(const SendOperation& operation) const {
  std::uint16_t options = 0;
  if ((operation.flags & kRemoteData) != 0) options |= kHasRemoteData;
  if (operation.needs_receipt) options |= kWantsReceipt;
  return {{operation.type, kProtocolVersion, options, operation.message}, operation.tag, operation.remote_data};
}

bool EndpointImpl::post_eager(SendOperation& operation, std::span<const iovec> iov) {
  const bool posted = post_packet(*operation.peer, &operation, kEagerOverhead + operation.length, [&](std::byte* to) {
    const RequestHeader header = request_header(operation);
    std::memcpy(to, &header, sizeof(header));
    gather(iov, 0, to + sizeof(header), operation.length);
  });
  if (posted && operation.needs_receipt) wait_for_receiver(operation);
  return posted;
}

bool EndpointImpl::post_medium(SendOperation& operation) {
  const std::size_t size = std::min(medium_chunk_, operation.length - operation.posted);
  const bool posted = post_packet(*operation.peer, &operation, kMediumOverhead + size, [&](std::byte* to) {
    const MediumHeader header{request_header(operation), static_cast<std::uint32_t>(operation.length),
                              static_cast<std::uint32_t>(operation.posted)};
    std::memcpy(to, &header, sizeof(header));
    gather(operation.iov.view(), operation.posted, to + sizeof(header), size);
  });
  if (posted) operation.posted += size;
  return posted;
}

/// Sends the next packet of a queued request, and takes it from the queue with its last one.
bool EndpointImpl::post_request(SendOperation& operation) {
  Peer& peer = *operation.peer;
  if (operation.is_long()) return post_long_request(operation);
  if (operation.length > eager_max_) {
    if (!post_medium(operation)) return false;
    if (operation.posted < operation.length) return true;
    take_out(operation);
    if (operation.needs_receipt) wait_for_receiver(operation);
    settle(operation);
    return true;
  }
  take_out(operation);
  if (post_eager(operation, operation.iov.view())) {
    if (operation.copy) buffers_.give_back(std::move(operation.copy));
    settle(operation);
    return true;
  }
  operation.place = SendOperation::Place::kRequests;
  peer.requests.push_front(operation);
  return false;
}

/// Out of whichever of the peer's lists it is in.
void EndpointImpl::take_out(SendOperation& operation) {
  Peer& peer = *operation.peer;
  switch (operation.place) {
    case SendOperation::Place::kRequests: peer.requests.remove(operation); break;
    case SendOperation::Place::kStreaming: peer.streaming.remove(operation); break;
    case SendOperation::Place::kWaiting: peer.waiting.remove(operation); break;
    case SendOperation::Place::kNowhere: break;
  }
  operation.place = SendOperation::Place::kNowhere;
}

/// To be called when something that the operation waits for has happened.
void EndpointImpl::settle(SendOperation& operation) {
  if (operation.unanswered != 0 || operation.place != SendOperation::Place::kNowhere) return;
  report(operation, Status::kOk, 0);
  release(operation);
}

void EndpointImpl::report(SendOperation& operation, Status status, int device_status) {
  if (operation.reported) return;
  operation.reported = true;
  if (status == Status::kOk && (operation.flags & kCompletion) == 0) return;
  Completion completion;
  completion.context = operation.context;
  completion.flags = operation.flags;
  completion.is_send = true;
  completion.status = status;
  completion.device_status = device_status;
  completion.hint = hint_;
  completion.length = operation.length;
  completion.tag = operation.tag;
  sink_->on_completion(completion);
}

void EndpointImpl::release(SendOperation& operation) {
  --operation.peer->sends;
  if (operation.copy) buffers_.give_back(std::move(operation.copy));
  sends_.give_back(&operation);
}

}  // namespace weft::rdm

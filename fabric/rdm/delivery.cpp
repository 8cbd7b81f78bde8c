// From messages to buffers: what is kept, what is copied where, and what the sink is told.
//
// A message that finds its receive posted goes from the packet into the user's buffer. One that does not is kept on the
// heap: all of it if it is eager or medium, the first packet if it is long.
#include "fabric/rdm/endpoint_impl.hpp"

namespace weft::rdm {

/// Whether a message of that size is the last that the receive takes.
bool EndpointImpl::takes_last(const ReceiveOperation& receive, std::uint64_t total) const {
  const std::size_t room = receive.capacity - receive.used;
  const std::size_t left = total < room ? room - static_cast<std::size_t>(total) : 0;
  return !receive.is_multi() || left < std::max<std::size_t>(options_.min_multi_receive, 1);
}

/// Takes room in the receive for a message, and the receive from its queue when it can take no other.
void EndpointImpl::reserve(ReceiveOperation& receive, std::uint64_t total, std::size_t& place, std::size_t& capacity) {
  receive.exhausted = takes_last(receive, total);
  place = receive.used;
  capacity = static_cast<std::size_t>(std::min<std::uint64_t>(total, receive.capacity - receive.used));
  receive.used += capacity;
  ++receive.active;
  if (receive.exhausted && receive.posted) queue_for((receive.flags & kTagged) != 0).unpost(receive);
}

/// What a receive is told of its message.
Completion EndpointImpl::describe(const Peer& peer, std::uint16_t options, std::uint64_t tag, std::uint64_t remote_data) {
  Completion completion;
  completion.has_remote_data = (options & kHasRemoteData) != 0;
  completion.remote_data = remote_data;
  completion.tag = tag;
  completion.source = peer.index;
  completion.source_address = peer.address;
  return completion;
}

/// The first packet of a message that has its receive.
void EndpointImpl::deliver(Peer& peer, const Request& request, ReceiveOperation& receive) {
  const bool one_packet = request.data.size() == request.total;
  if (one_packet && (request.options & kWantsReceipt) == 0) {
    // No Message. Here come multi-receives; others mostly went by deliver_whole().
    std::size_t place, capacity;
    reserve(receive, request.total, place, capacity);
    scatter(receive.iov.view(), place, request.data.data(), capacity);
    complete_receive(receive, describe(peer, request.options, request.tag, request.remote_data), request.total, place,
                     capacity, Status::kOk);
    return;
  }
  Message& message = new_message(peer, request);
  assign(message, receive);
  add_data(message, request);
}

/// A message that is all here, into a receive that takes one: no Message, and one look at everything.
void EndpointImpl::deliver_whole(const Peer& peer, const RequestHeader& header, std::span<const std::byte> data,
                                 ReceiveOperation& receive) {
  queue_for((receive.flags & kTagged) != 0).unpost(receive);
  const std::size_t capacity = std::min(data.size(), receive.capacity);
  scatter(receive.iov.view(), 0, data.data(), capacity);
  const bool cut_off = data.size() > capacity;
  if ((receive.flags & kCompletion) == 0 && !cut_off) return receives_.give_back(&receive);
  Completion completion = describe(peer, header.base.options, header.tag, header.remote_data);
  completion.context = receive.context;
  completion.flags = receive.flags;
  completion.status = cut_off ? Status::kTruncated : Status::kOk;
  completion.length = capacity;
  completion.overflow = data.size() - capacity;
  receives_.give_back(&receive);
  sink_->on_completion(completion);
}

Message& EndpointImpl::new_message(Peer& peer, const Request& request) {
  Message& message = *messages_.take();
  message.type = request.type;
  message.options = request.options;
  message.peer = &peer;
  message.message = request.message;
  message.sender_operation = request.sender_operation;
  message.tag = request.tag;
  message.remote_data = request.remote_data;
  message.total = request.total;
  message.direct_pieces = request.direct_pieces;
  std::copy(request.direct, request.direct + request.direct_pieces, message.direct);
  message.since_ns = last_look_ns_;
  if (request.data.size() < request.total) peer.incomplete.push_front(message);
  return message;
}

/// Keeps a packet of a message that has no receive yet.
Message& EndpointImpl::store(Peer& peer, const Request& request) {
  Message& message = new_message(peer, request);
  const std::size_t size = message.is_long() ? request.data.size() : static_cast<std::size_t>(request.total);
  if (size != 0) {
    message.data = buffers_.take(size);
    message.held = size;
    unexpected_bytes_ += size;
    counters_.unexpected_bytes_peak = std::max<std::uint64_t>(counters_.unexpected_bytes_peak, unexpected_bytes_);
    update_hold();
    std::memcpy(message.data.data() + request.offset, request.data.data(), request.data.size());
  }
  message.received = request.data.size();
  return message;
}

void EndpointImpl::release_data(Message& message) {
  if (!message.data) return;
  unexpected_bytes_ -= message.held;
  message.held = 0;
  buffers_.give_back(std::move(message.data));
  message.data = {};
  update_hold();
}

/// Senders are told when the memory for unexpected messages is full, and again when a quarter of it is free.
void EndpointImpl::update_hold() {
  if (!holding_) {
    holding_ = unexpected_bytes_ > options_.unexpected_bytes;
    return;
  }
  if (unexpected_bytes_ > options_.unexpected_bytes / 4 * 3) return;
  holding_ = false;
  for (const auto& peer : peers_.all()) {
    if (!peer->told_to_hold) continue;
    peer->credit_due = true;
    schedule(*peer);
  }
}

/// Another packet of a message, or the first of one that is matched already.
void EndpointImpl::add_data(Message& message, const Request& request) {
  const std::size_t size = request.data.size();
  if (message.data) {
    if (size > message.held - std::min(message.held, request.offset)) return dropped();
    std::memcpy(message.data.data() + request.offset, request.data.data(), size);
  } else if (message.receive && request.offset < message.capacity) {
    scatter(message.receive->iov.view(), message.place + request.offset, request.data.data(),
            std::min(size, message.capacity - request.offset));
  }
  message.received += size;
  advance(message);
}

void EndpointImpl::assign(Message& message, ReceiveOperation& receive) {
  reserve(receive, message.total, message.place, message.capacity);
  message.receive = &receive;
  message.stage = Message::Stage::kMatched;
}

/// Gives a kept message to a receive.
void EndpointImpl::match(Message& message, ReceiveOperation& receive) {
  assign(message, receive);
  if (message.is_long()) {
    // The rest will come straight into the buffer, so what is here must be there first.
    scatter(receive.iov.view(), message.place, message.data.data(), std::min(message.held, message.capacity));
    release_data(message);
  }
  advance(message);
}

/// Looks what a message needs now that something about it has changed.
void EndpointImpl::advance(Message& message) {
  if (message.stage != Message::Stage::kMatched) {
    // Kept data may be complete while nobody has asked for it.
    if (!message.is_long() && message.received >= message.total && decltype(Peer::incomplete)::linked(message)) {
      message.peer->incomplete.remove(message);
    }
    return;
  }
  if (message.direct_pieces != 0 && read_directly(message)) {
    message.received = message.capacity;
    finish(message);  // its receipt is the answer
  } else if (message.is_long()) {
    message.direct_pieces = 0;
    // The sender needs at least one CTS, even if only to hear that there is no room for more.
    grant_window(message);
    if (message.received >= message.capacity) finish(message);
  } else if (message.received >= message.total) {
    finish(message);
  }
}

/// All data is here.
void EndpointImpl::finish(Message& message) {
  if (message.data && message.receive) {
    scatter(message.receive->iov.view(), message.place, message.data.data(), message.capacity);
  }
  release_data(message);
  if (decltype(Peer::incomplete)::linked(message)) message.peer->incomplete.remove(message);
  if (message.receive) {
    complete_receive(*message.receive, describe(message), message.total, message.place, message.capacity, Status::kOk);
    message.receive = nullptr;
  }
  message.stage = Message::Stage::kFinished;
  message.receipt_due = (message.options & kWantsReceipt) != 0;
  if (message.receipt_due) queue_control(message);
  if (!message.cts_due && !message.receipt_due) free_message(message);
}

/// Nobody wants it. The sender of a long message hears that there is room for none of it.
void EndpointImpl::discard(Message& message) {
  release_data(message);
  message.receive = nullptr;
  message.capacity = 0;
  message.stage = Message::Stage::kMatched;
  advance(message);
}

void EndpointImpl::free_message(Message& message) {
  release_data(message);
  messages_.give_back(&message);
}

void EndpointImpl::queue_control(Message& message) {
  Peer& peer = *message.peer;
  if (!decltype(peer.controls)::linked(message)) {
    peer.controls.push_back(message);
    ++controls_;
  }
  if (peer.send_credit.available()) schedule(peer);
}

Completion EndpointImpl::describe(const Message& message) {
  return describe(*message.peer, message.options, message.tag, message.remote_data);
}

/// Reports a message in a receive, and lets go of the receive when it was the last.
void EndpointImpl::complete_receive(ReceiveOperation& receive, Completion completion, std::uint64_t total,
                                    std::size_t place, std::size_t capacity, Status status) {
  --receive.active;
  const bool last = receive.exhausted && receive.active == 0;
  completion.context = receive.context;
  completion.flags = receive.flags;
  completion.status = status == Status::kOk && total > capacity ? Status::kTruncated : status;
  completion.length = capacity;
  completion.overflow = static_cast<std::size_t>(total - capacity);
  if (receive.is_multi()) {
    completion.buffer = static_cast<std::byte*>(receive.iov.pieces[0].iov_base) + place;
    completion.buffer_released = last && !receive.canceled;
  }
  const bool report = (receive.flags & kCompletion) != 0 || completion.status != Status::kOk || completion.buffer_released;
  const bool canceled = receive.canceled;
  if (report) sink_->on_completion(completion);
  if (!last) return;
  if (canceled) report_canceled(receive);
  receives_.give_back(&receive);
}

void EndpointImpl::report_canceled(const ReceiveOperation& receive) {
  Completion completion;
  completion.context = receive.context;
  completion.flags = receive.flags;
  completion.status = Status::kCanceled;
  completion.tag = receive.tag;
  completion.buffer_released = receive.is_multi();
  sink_->on_completion(completion);
}

}  // namespace weft::rdm

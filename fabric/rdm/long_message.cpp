// Messages above 64 KiB: a request with the first bytes; the receiver, once somebody has posted a buffer, says how far
// the sender may go (CTS) and says more before that is used up; the data goes straight from buffer to buffer.
#include "fabric/rdm/direct.hpp"
#include "fabric/rdm/transmit.hpp"

namespace weft::rdm {

bool EndpointImpl::post_long_request(SendOperation& operation) {
  Peer& peer = *operation.peer;
  if (operation.direct) return post_direct_request(operation);
  const std::size_t first = long_first_;
  const bool posted = post_packet(peer, &operation, kLongOverhead + first, [&](std::byte* to) {
    const LongHeader header{request_header(operation), operation.length, operation.id, 0};
    std::memcpy(to, &header, sizeof(header));
    gather(operation.iov.view(), 0, to + sizeof(header), first);
  });
  if (!posted) return false;
  operation.posted = operation.window_end = first;
  wait_for_receiver(operation);
  return true;
}

void EndpointImpl::wait_for_receiver(SendOperation& operation) {
  take_out(operation);
  operation.place = SendOperation::Place::kWaiting;
  operation.peer->waiting.push_back(operation);
}

/// The receiver fetches the data, or says by a CTS that it cannot.
bool EndpointImpl::post_direct_request(SendOperation& operation) {
  operation.needs_receipt = true;
  const std::span<const iovec> iov = operation.iov.view();
  const std::size_t size = kLongOverhead + iov.size() * sizeof(DirectPiece);
  const bool posted = post_packet(*operation.peer, &operation, size, [&](std::byte* to) {
    LongHeader header{request_header(operation), operation.length, operation.id, static_cast<std::uint32_t>(iov.size())};
    header.request.base.options |= kDirect;
    std::memcpy(to, &header, sizeof(header));
    write_direct_pieces(iov, to + sizeof(header));
  });
  if (posted) wait_for_receiver(operation);
  return posted;
}

void EndpointImpl::on_cts(Peer& peer, std::span<const std::byte> packet) {
  CtsHeader header;
  if (!read_header(packet, header)) return dropped();
  SendOperation* operation = sends_.find(header.sender_operation);
  const bool expected = operation && operation->peer == &peer && operation->message == header.base.message &&
                        operation->is_long() && !operation->reported &&
                        (operation->place == SendOperation::Place::kWaiting ||
                         operation->place == SendOperation::Place::kStreaming);
  if (!expected || header.wanted > operation->length || header.window_end > header.wanted) return dropped();
  if (!operation->cleared) {
    operation->cleared = true;
    if (std::exchange(operation->direct, false)) operation->peer->direct = false;
    operation->wanted = header.wanted;
    operation->receiver_operation = header.receiver_operation;
  } else if (header.wanted != operation->wanted || header.receiver_operation != operation->receiver_operation) {
    return dropped();
  }
  operation->window_end = std::max<std::size_t>(operation->window_end, header.window_end);
  stream_or_finish(*operation);
}

/// Puts a long operation where it belongs now.
void EndpointImpl::stream_or_finish(SendOperation& operation) {
  using Place = SendOperation::Place;
  Peer& peer = *operation.peer;
  const bool complete = operation.cleared && operation.posted >= operation.wanted;
  const bool may_stream = !complete && operation.posted < operation.window_end;
  const Place place = may_stream                             ? Place::kStreaming
                      : complete && !operation.needs_receipt ? Place::kNowhere
                                                             : Place::kWaiting;
  if (place != operation.place) {
    take_out(operation);
    operation.place = place;
    if (place == Place::kStreaming) peer.streaming.push_back(operation);
    if (place == Place::kWaiting) peer.waiting.push_back(operation);
  }
  if (may_stream && peer.send_credit.available()) schedule(peer);
  settle(operation);
}

bool EndpointImpl::post_data(SendOperation& operation) {
  const std::size_t offset = operation.posted;
  const std::size_t size = std::min(data_chunk_, operation.window_end - offset);
  const bool posted = post_packet(*operation.peer, &operation, kCtsDataOverhead + size, [&](std::byte* to) {
    const CtsDataHeader header{{PacketType::kCtsData, kProtocolVersion, 0, operation.message},
                               operation.receiver_operation, 0, offset, {}};
    std::memcpy(to, &header, sizeof(header));
    gather(operation.iov.view(), offset, to + sizeof(header), size);
  });
  if (!posted) return false;
  operation.posted += size;
  stream_or_finish(operation);
  return true;
}

/// Receiver: opens the window as far as it may be now. The caller has matched the message.
void EndpointImpl::grant_window(Message& message) {
  const std::size_t end = std::min(message.capacity, message.received + kLongWindow);
  message.window_end = std::max(message.window_end, end);
  message.cts_due = true;
  queue_control(message);
}

bool EndpointImpl::post_cts(Message& message) {
  return post_packet(*message.peer, nullptr, sizeof(srd::PacketHeader) + sizeof(CtsHeader), [&](std::byte* to) {
    const CtsHeader header{{PacketType::kCts, kProtocolVersion, 0, message.message},
                           message.sender_operation, message.id, message.window_end, message.capacity};
    std::memcpy(to, &header, sizeof(header));
  });
}

void EndpointImpl::on_cts_data(Peer& peer, std::span<const std::byte> packet) {
  CtsDataHeader header;
  if (!read_header(packet, header)) return dropped();
  const std::span<const std::byte> data = packet.subspan(sizeof(header));
  Message* message = messages_.find(header.receiver_operation);
  const bool expected = message && message->peer == &peer && message->message == header.base.message &&
                        message->is_long() && message->stage == Message::Stage::kMatched && message->receive;
  if (!expected || header.offset > message->window_end || data.size() > message->window_end - header.offset ||
      data.empty()) {
    return dropped();
  }
  scatter(message->receive->iov.view(), message->place + header.offset, data.data(), data.size());
  message->received += data.size();
  if (message->received >= message->capacity) {
    finish(*message);
  } else if (message->window_end < message->capacity &&
             message->window_end - std::min(message->window_end, message->received) <= kLongWindow / 2) {
    grant_window(*message);
  }
}

}  // namespace weft::rdm

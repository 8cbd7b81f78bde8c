// One-sided operations, the side that asks. Requests leave as packets that are complete in themselves; the operation is
// done when the target has said how it went, so an error at the target reaches the program that caused it.
#include <cerrno>

#include "fabric/rdm/direct.hpp"
#include "fabric/rdm/transmit.hpp"

namespace weft::rdm {

namespace {

PacketType packet_type(OneSided kind) {
  switch (kind) {
    case OneSided::kFetchAtomic: return PacketType::kFetchAtomic;
    case OneSided::kCompareAtomic: return PacketType::kCompareAtomic;
    default: return PacketType::kAtomic;
  }
}

AtomicKind atomic_kind(OneSided kind) {
  switch (kind) {
    case OneSided::kFetchAtomic: return AtomicKind::kFetch;
    case OneSided::kCompareAtomic: return AtomicKind::kCompare;
    default: return AtomicKind::kBase;
  }
}

/// What the target's word means here. A peer may say anything.
Status status_of(RemoteStatus status) {
  switch (status) {
    case RemoteStatus::kOk: return Status::kOk;
    case RemoteStatus::kBadKey: return Status::kBadKey;
    case RemoteStatus::kBadAddress: return Status::kBadAddress;
    case RemoteStatus::kNoAccess: return Status::kNoAccess;
    case RemoteStatus::kBadAtomic: return Status::kBadAtomic;
    case RemoteStatus::kNotDirect: break;  // asked again by packets, unless we did not offer anything else
  }
  return Status::kInternal;
}

/// Operands, and behind them comparands, as they are in a packet.
void gather_operands(const OneSidedRequest& request, std::byte* to) {
  const std::size_t operands = total_length(request.local);
  gather(request.local, 0, to, operands);
  gather(request.compare, 0, to + operands, total_length(request.compare));
}

int check_atomic(const OneSidedRequest& request, std::size_t length) {
  if (!is_atomic(atomic_kind(request.kind), request.op, request.type)) return -EOPNOTSUPP;
  for (const RemotePiece& piece : request.remote) {
    if (piece.length % size_of(request.type) != 0) return -EINVAL;
  }
  if (length > kMaxAtomic) return -EMSGSIZE;
  const bool fetches = request.kind != OneSided::kAtomic;
  const std::size_t operands = request.op == AtomicOp::kRead ? 0 : length;
  const std::size_t comparands = request.kind == OneSided::kCompareAtomic ? length : 0;
  const bool agree = total_length(request.local) == operands && total_length(request.compare) == comparands &&
                     total_length(request.result) == (fetches ? length : 0);
  return length != 0 && agree ? 0 : -EINVAL;
}

}  // namespace

int EndpointImpl::check(const OneSidedRequest& request, std::size_t& length) const {
  if (request.local.size() > kMaxIov || request.compare.size() > kMaxIov || request.result.size() > kMaxIov ||
      request.remote.empty() || request.remote.size() > kMaxIov || request.kind == OneSided::kNone) {
    return -EINVAL;
  }
  std::uint64_t total = 0;
  for (const RemotePiece& piece : request.remote) {
    if (__builtin_add_overflow(total, piece.length, &total)) return -EINVAL;
  }
  length = total;
  const bool inject = (request.flags & kInject) != 0;
  if (inject && length > kInjectSize) return -EMSGSIZE;
  if (request.kind >= OneSided::kAtomic) return check_atomic(request, length);
  const bool read = request.kind == OneSided::kRead;
  return total_length(request.local) == length && !(inject && read) ? 0 : -EINVAL;
}

int EndpointImpl::one_sided(const OneSidedRequest& request) {
  if (gone_) return -ENETDOWN;
  Peer* const peer = peers_.by_index(request.peer);
  if (!peer) return -EINVAL;
  std::size_t length = 0;
  if (const int error = check(request, length); error != 0) return error;
  if (peer->sends >= options_.transmit_queue) return -EAGAIN;

  OneSidedTraffic& traffic = peer->traffic();
  OneSidedOperation& operation = *one_sided_.take();
  ++peer->sends;
  operation.peer = peer;
  operation.kind = request.kind;
  operation.op = request.op;
  operation.type = request.type;
  operation.context = request.context;
  operation.flags = request.flags;
  operation.number = traffic.next_number++;
  operation.remote_data = request.remote_data;
  operation.length = length;
  operation.since_ns = last_look_ns_;
  operation.pieces = static_cast<std::uint8_t>(request.remote.size());
  std::copy(request.remote.begin(), request.remote.end(), operation.remote);
  operation.result.assign(request.result);

  operation.direct = !operation.is_atomic() && may_be_direct(*peer, length, request.flags);
  const bool now = traffic.queued.empty() && traffic.begun < kMaxOneSided && peer->send_credit.available() &&
                   peer->rnr.clear() && peer->has_room();
  bool posted = false;
  if (operation.kind == OneSided::kRead) operation.local.assign(request.local);
  if (now && operation.is_atomic()) {
    const std::size_t bytes = total_length(request.local) + total_length(request.compare);
    posted = post_atomic(operation, bytes, [&](std::byte* to) { gather_operands(request, to); });
  } else if (now && operation.kind == OneSided::kRead) {
    posted = post_read(operation);
  } else if (now && request.remote.size() == 1 && (length <= write_chunk_ || operation.direct)) {
    posted = post_write(operation, request.local);
  }
  if (!posted) queue_one_sided(operation, request);
  queue_pair_->wake_daemon();
  return 0;
}

void EndpointImpl::queue_one_sided(OneSidedOperation& operation, const OneSidedRequest& request) {
  const std::size_t bytes = total_length(request.local) + total_length(request.compare);
  const bool copies = operation.is_atomic() || (operation.flags & kInject) != 0;
  if (copies && bytes != 0) {
    operation.copy = buffers_.take(bytes);
    gather_operands(request, operation.copy.data());
    const iovec copied{operation.copy.data(), bytes};
    operation.local.assign({&copied, 1});
  } else {
    operation.local.assign(request.local);
  }
  OneSidedTraffic& traffic = operation.peer->traffic();
  traffic.queued.push_back(operation);
  if (traffic.queued.front() == &operation && traffic.may_ask()) flush_one(*operation.peer);
}

/// Sends the next packet of a queued operation.
bool EndpointImpl::post_one_sided(OneSidedOperation& operation) {
  if (operation.kind == OneSided::kWrite) return post_write(operation, operation.local.view());
  if (operation.kind == OneSided::kRead) return post_read(operation);
  const std::span<const iovec> operands = operation.local.view();
  const std::size_t bytes = total_length(operands);
  return post_atomic(operation, bytes, [&](std::byte* to) { gather(operands, 0, to, bytes); });
}

/// All of its request is with the daemon.
void EndpointImpl::begin_one_sided(OneSidedOperation& operation) {
  OneSidedTraffic& traffic = operation.peer->traffic();
  if (decltype(traffic.queued)::linked(operation)) traffic.queued.remove(operation);
  operation.in_flight = true;
  traffic.in_flight.push_back(operation);
  if (operation.copy) buffers_.give_back(std::move(operation.copy));
}

/// The next packet of a write: as much as fits and lies in one remote piece.
bool EndpointImpl::post_write(OneSidedOperation& operation, std::span<const iovec> local) {
  Peer& peer = *operation.peer;
  std::size_t within = operation.posted;
  unsigned piece = 0;
  while (piece + 1u < operation.pieces && within >= operation.remote[piece].length) {
    within -= operation.remote[piece++].length;
  }
  const RemotePiece& remote = operation.remote[piece];
  const std::size_t left = static_cast<std::size_t>(remote.length - within);
  const std::size_t size = operation.direct ? left : std::min(write_chunk_, left);
  std::uint16_t options = (operation.flags & kRemoteData) != 0 ? kHasRemoteData : 0;
  IovList direct;
  if (operation.direct) {
    options |= kDirect;
    for_each_piece(local, operation.posted, size,
                   [&](std::byte* part, std::size_t here) { direct.pieces[direct.count++] = {part, here}; });
  }
  const std::size_t data_size = operation.direct ? direct.count * sizeof(DirectPiece) : size;
  const bool posted = post_packet(peer, nullptr, kWriteOverhead + data_size, [&](std::byte* to) {
    const WriteHeader header{{PacketType::kWrite, kProtocolVersion, options, operation.number},
                             operation.id, direct.count, operation.length, remote.address + within, remote.key,
                             operation.remote_data};
    std::memcpy(to, &header, sizeof(header));
    if (operation.direct) {
      write_direct_pieces(direct.view(), to + sizeof(header));
    } else {
      gather(local, operation.posted, to + sizeof(header), size);
    }
  });
  if (!posted) return false;
  count_sent(kWriteOverhead + data_size);
  if (operation.posted == 0) ++peer.one_sided->begun;
  operation.posted += size;
  if (operation.posted == operation.length) begin_one_sided(operation);
  return true;
}

bool EndpointImpl::post_read(OneSidedOperation& operation) {
  const std::size_t pieces_size = operation.pieces * sizeof(RemotePiece);
  const std::span<const iovec> direct = operation.direct ? operation.local.view() : std::span<const iovec>{};
  const std::size_t size =
      sizeof(srd::PacketHeader) + sizeof(ReadHeader) + pieces_size + direct.size() * sizeof(DirectPiece);
  const bool posted = post_packet(*operation.peer, nullptr, size, [&](std::byte* to) {
    const std::uint16_t options = operation.direct ? kDirect : 0;
    const ReadHeader header{{PacketType::kRead, kProtocolVersion, options, operation.number},
                            operation.id, operation.pieces, static_cast<std::uint16_t>(direct.size())};
    std::memcpy(to, &header, sizeof(header));
    std::memcpy(to + sizeof(header), operation.remote, pieces_size);
    write_direct_pieces(direct, to + sizeof(header) + pieces_size);
  });
  if (!posted) return false;
  count_sent(size);
  ++operation.peer->one_sided->begun;
  begin_one_sided(operation);
  return true;
}

template <typename Fill>
bool EndpointImpl::post_atomic(OneSidedOperation& operation, std::size_t operand_bytes, Fill&& fill) {
  OneSidedTraffic& traffic = operation.peer->traffic();
  const std::size_t pieces_size = operation.pieces * sizeof(RemotePiece);
  const std::size_t size = sizeof(srd::PacketHeader) + sizeof(AtomicHeader) + pieces_size + operand_bytes;
  const bool posted = post_packet(*operation.peer, nullptr, size, [&](std::byte* to) {
    const std::uint16_t options = (operation.flags & kRemoteData) != 0 ? kHasRemoteData : 0;
    const AtomicHeader header{{packet_type(operation.kind), kProtocolVersion, options, operation.number},
                              operation.id, traffic.next_sequence, operation.remote_data,
                              operation.op, operation.type, operation.pieces, {}};
    std::memcpy(to, &header, sizeof(header));
    std::memcpy(to + sizeof(header), operation.remote, pieces_size);
    fill(to + sizeof(header) + pieces_size);
  });
  if (!posted) return false;
  ++traffic.begun;
  ++traffic.next_sequence;
  begin_one_sided(operation);
  return true;
}

/// The operation that an answer speaks of, if this peer may speak of it.
OneSidedOperation* EndpointImpl::find_one_sided(Peer& peer, std::uint32_t id, std::uint32_t number) {
  OneSidedOperation* const operation = one_sided_.find(id);
  const bool expected =
      operation && operation->peer == &peer && operation->number == number && operation->in_flight;
  return expected ? operation : nullptr;
}

void EndpointImpl::on_read_data(Peer& peer, std::span<const std::byte> packet) {
  ReadDataHeader header;
  if (!read_header(packet, header)) return dropped();
  const std::span<const std::byte> data = packet.subspan(sizeof(header));
  OneSidedOperation* const operation = find_one_sided(peer, header.operation, header.base.message);
  if (!operation || operation->kind != OneSided::kRead || data.empty() || header.offset > operation->length ||
      data.size() > operation->length - header.offset) {
    return dropped();
  }
  count_arrived(packet);
  scatter(operation->local.view(), header.offset, data.data(), data.size());
  operation->received += data.size();
  if (operation->received >= operation->length) finish_one_sided(*operation, Status::kOk, 0);
}

void EndpointImpl::on_atomic_result(Peer& peer, std::span<const std::byte> packet) {
  AtomicResultHeader header;
  if (!read_header(packet, header)) return dropped();
  const std::span<const std::byte> result = packet.subspan(sizeof(header));
  OneSidedOperation* const operation = find_one_sided(peer, header.operation, header.base.message);
  if (!operation || operation->kind < OneSided::kFetchAtomic || result.size() != operation->length) return dropped();
  scatter(operation->result.view(), 0, result.data(), result.size());
  finish_one_sided(*operation, Status::kOk, 0);
}

void EndpointImpl::on_done(Peer& peer, std::span<const std::byte> packet) {
  for (packet = packet.subspan(sizeof(BaseHeader)); !packet.empty(); packet = packet.subspan(sizeof(DoneEntry))) {
    DoneEntry entry;
    if (!read_header(packet, entry)) return dropped();
    OneSidedOperation* const operation = find_one_sided(peer, entry.operation, entry.number);
    if (!operation) {
      dropped();
      continue;
    }
    if (entry.status == RemoteStatus::kNotDirect && operation->direct) {
      ask_by_packets(*operation);
      continue;
    }
    // Done without the data that was asked for?
    const bool data_is_missing = (operation->kind == OneSided::kRead && operation->length != 0 && !operation->direct) ||
                                 operation->kind >= OneSided::kFetchAtomic;
    const Status status = status_of(entry.status);
    finish_one_sided(*operation, status == Status::kOk && data_is_missing ? Status::kInternal : status, 0);
  }
}

/// The target could not reach our memory. From the beginning, under a number of its own.
void EndpointImpl::ask_by_packets(OneSidedOperation& operation) {
  Peer& peer = *operation.peer;
  OneSidedTraffic& traffic = *peer.one_sided;
  peer.direct = false;
  traffic.in_flight.remove(operation);
  --traffic.begun;
  operation.in_flight = operation.direct = false;
  operation.posted = 0;
  operation.number = traffic.next_number++;
  traffic.queued.push_back(operation);
  if (peer.send_credit.available()) schedule(peer);
}

/// As the device counts its work requests. It has no atomics: EFA's provider makes them of sends (facts ec2 6.4).
void EndpointImpl::count_finished(const OneSidedOperation& operation, Status status) {
  using enum efa::ClientCounter;
  if (operation.is_atomic()) return;
  const bool read = operation.kind == OneSided::kRead;
  queue_pair_->count(read ? kReadWrs : kWriteWrs, 1);
  if (status == Status::kOk) {
    queue_pair_->count(read ? kReadBytes : kWriteBytes, operation.length);
  } else {
    queue_pair_->count(read ? kReadWrErr : kWriteWrErr, 1);
  }
}

void EndpointImpl::finish_one_sided(OneSidedOperation& operation, Status status, int device_status) {
  Peer& peer = *operation.peer;
  OneSidedTraffic& traffic = *peer.one_sided;
  (operation.in_flight ? traffic.in_flight : traffic.queued).remove(operation);
  if (operation.in_flight || operation.posted != 0) --traffic.begun;
  --peer.sends;
  count_finished(operation, status);
  Completion completion;
  completion.context = operation.context;
  completion.flags = operation.flags;
  completion.is_send = true;
  completion.one_sided = operation.kind;
  completion.status = status;
  completion.device_status = device_status;
  completion.hint = hint_;
  completion.length = operation.length;
  if (operation.copy) buffers_.give_back(std::move(operation.copy));
  one_sided_.give_back(&operation);
  if (traffic.may_ask() && peer.send_credit.available()) schedule(peer);
  if (status != Status::kOk || (completion.flags & kCompletion) != 0) sink_->on_completion(completion);
}

/// `only_begun`: the peer's answers are lost, but it still takes requests.
void EndpointImpl::fail_one_sided(Peer& peer, Status status, int device_status, bool only_begun) {
  if (!peer.one_sided) return;
  OneSidedTraffic& traffic = *peer.one_sided;
  while (OneSidedOperation* operation = traffic.in_flight.front()) finish_one_sided(*operation, status, device_status);
  if (only_begun) return;
  while (OneSidedOperation* operation = traffic.queued.front()) finish_one_sided(*operation, status, device_status);
  traffic.next_sequence = 0;
}

}  // namespace weft::rdm

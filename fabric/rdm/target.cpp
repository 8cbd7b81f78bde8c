// One-sided operations, the side whose memory it is. The process takes no part but by making progress: packets are
// executed as they come, and answered.
//
// Everything in a request is hostile until found in the table of regions. What an initiator may have begun is bounded
// (kMaxOneSided), and so is what is kept here of it.
#include "fabric/rdm/direct.hpp"
#include "fabric/rdm/transmit.hpp"

namespace weft::rdm {

namespace {

constexpr std::size_t kDonePerPacket = 128;
/// Twice what an honest initiator has begun: it may have given up some that are still here.
constexpr std::uint32_t kMaxOwed = 2 * kMaxOneSided;

RegionTable::Place find_region(const RegionTable* regions, const RemotePiece& piece, std::uint8_t access) {
  return regions ? regions->find(piece, access) : RegionTable::Place{RemoteStatus::kBadKey, nullptr, 0};
}

/// An atomic request, taken apart.
struct AtomicRequest {
  AtomicHeader header;
  OneSided kind = OneSided::kAtomic;
  RemotePiece pieces[kMaxIov];
  std::size_t total = 0;
  const std::byte* operands = nullptr;
  const std::byte* comparands = nullptr;
};

/// False: this cannot be an honest peer's.
bool read_atomic(std::span<const std::byte> packet, AtomicRequest& request) {
  AtomicHeader& header = request.header;
  if (!read_header(packet, header) || header.pieces == 0 || header.pieces > kMaxIov) return false;
  packet = packet.subspan(sizeof(header));
  if (packet.size() < header.pieces * sizeof(RemotePiece)) return false;
  std::memcpy(request.pieces, packet.data(), header.pieces * sizeof(RemotePiece));
  packet = packet.subspan(header.pieces * sizeof(RemotePiece));
  for (unsigned i = 0; i < header.pieces; ++i) {
    if (request.pieces[i].length > kMaxAtomic - request.total) return false;
    request.total += static_cast<std::size_t>(request.pieces[i].length);
  }
  const bool compares = header.base.type == PacketType::kCompareAtomic;
  request.kind = compares                                         ? OneSided::kCompareAtomic
                 : header.base.type == PacketType::kFetchAtomic ? OneSided::kFetchAtomic
                                                                  : OneSided::kAtomic;
  const std::size_t operands = header.op == AtomicOp::kRead ? 0 : request.total;
  if (request.total == 0 || packet.size() != operands + (compares ? request.total : 0)) return false;
  if (operands != 0) request.operands = packet.data();
  if (compares) request.comparands = packet.data() + operands;
  return true;
}

std::uint8_t access_of(const AtomicRequest& request) {
  if (request.kind == OneSided::kAtomic) return kRemoteWrite;
  return request.header.op == AtomicOp::kRead ? kRemoteRead : kRemoteRead | kRemoteWrite;
}

/// On the pieces of one region; what crosses from one of its parts to the next goes by way of a copy.
void apply_to_region(const AtomicRequest& request, const Region& region, std::size_t offset, std::size_t size,
                     std::size_t done, std::byte* result) {
  const AtomicOp op = request.header.op;
  const AtomicType type = request.header.type;
  const std::byte* const operands = request.operands ? request.operands + done : nullptr;
  const std::byte* const comparands = request.comparands ? request.comparands + done : nullptr;
  std::byte* const before = result ? result + done : nullptr;
  unsigned parts = 0;
  std::byte* memory = nullptr;
  for_each_piece(region.memory.view(), offset, size, [&](std::byte* part, std::size_t) {
    memory = part;
    ++parts;
  });
  const std::size_t count = size / size_of(type);
  if (parts == 1) return apply_atomic(op, type, memory, operands, comparands, before, count);
  alignas(16) std::byte copy[kMaxAtomic];
  gather(region.memory.view(), offset, copy, size);
  apply_atomic(op, type, copy, operands, comparands, before, count);
  scatter(region.memory.view(), offset, copy, size);
}

/// Whether all of it may be done; nothing is, if a part may not.
RemoteStatus check_atomic_request(const RegionTable* regions, const AtomicRequest& request,
                                  RegionTable::Place (&places)[kMaxIov]) {
  const AtomicHeader& header = request.header;
  const AtomicKind kind = request.kind == OneSided::kAtomic        ? AtomicKind::kBase
                          : request.kind == OneSided::kFetchAtomic ? AtomicKind::kFetch
                                                                   : AtomicKind::kCompare;
  if (!is_atomic(kind, header.op, header.type)) return RemoteStatus::kBadAtomic;
  for (unsigned i = 0; i < header.pieces; ++i) {
    if (request.pieces[i].length % size_of(header.type) != 0) return RemoteStatus::kBadAtomic;
    places[i] = find_region(regions, request.pieces[i], access_of(request));
    if (places[i].status != RemoteStatus::kOk) return places[i].status;
  }
  return RemoteStatus::kOk;
}

}  // namespace

/// Counts an operation that begins. False: the peer has begun more than it may.
bool EndpointImpl::admit_one_sided(OneSidedTraffic& traffic) {
  if (traffic.owed >= kMaxOwed) return false;
  ++traffic.owed;
  return true;
}

void EndpointImpl::on_write(Peer& peer, std::span<const std::byte> packet) {
  WriteHeader header;
  if (!read_header(packet, header)) return dropped();
  const std::span<const std::byte> data = packet.subspan(sizeof(header));
  DirectPiece direct[kMaxIov];
  std::uint64_t size = data.size();
  const bool is_direct = (header.base.options & kDirect) != 0;
  if (is_direct && !read_direct_pieces(data, header.pieces, direct, size)) return dropped();
  if (size > header.total || (size == 0 && header.total != 0)) return dropped();
  OneSidedTraffic& traffic = peer.traffic();
  PartialWrite* partial = nullptr;
  if (size != header.total) {
    partial = traffic.partial.front();
    while (partial && partial->number != header.base.message) partial = decltype(traffic.partial)::next(*partial);
  }
  if (!partial && !admit_one_sided(traffic)) return dropped();
  if (!partial && size != header.total) {
    partial = partial_writes_.take();
    partial->number = header.base.message;
    partial->total = header.total;
    traffic.partial.push_front(*partial);
  }
  if (partial && (partial->total != header.total || size > partial->total - partial->received)) {
    return dropped();
  }
  const RegionTable::Place place = find_region(options_.regions, {header.address, size, header.key}, kRemoteWrite);
  RemoteStatus status = place.status;
  count_arrived(packet);
  if (status == RemoteStatus::kOk && is_direct) {
    status = write_region_directly(peer, place, {direct, header.pieces});
  } else if (status == RemoteStatus::kOk) {
    scatter(place.region->memory.view(), place.offset, data.data(), data.size());
  }
  if (status == RemoteStatus::kOk) queue_pair_->count(efa::ClientCounter::kWriteRecvBytes, size);
  if (partial) {
    if (partial->status == RemoteStatus::kOk) partial->status = status;
    status = partial->status;
    partial->received += size;
    if (partial->received < partial->total) return;
    traffic.partial.remove(*partial);
    partial_writes_.give_back(partial);
  }
  answer_done(peer, header.operation, header.base.message, status);
  if (status == RemoteStatus::kOk) {
    report_remote(peer, OneSided::kWrite, place.region, header.base, header.remote_data,
                  static_cast<std::size_t>(header.total));
  }
}

void EndpointImpl::on_read(Peer& peer, std::span<const std::byte> packet) {
  ReadHeader header;
  if (!read_header(packet, header) || header.pieces == 0 || header.pieces > kMaxIov) return dropped();
  packet = packet.subspan(sizeof(header));
  const std::size_t pieces_size = header.pieces * sizeof(RemotePiece);
  if (packet.size() < pieces_size) return dropped();
  RemotePiece pieces[kMaxIov];
  std::memcpy(pieces, packet.data(), pieces_size);
  packet = packet.subspan(pieces_size);
  if ((header.base.options & kDirect) == 0 && !packet.empty()) return dropped();
  if (!admit_one_sided(peer.traffic())) return dropped();
  count_packet(efa::ClientCounter::kRdmaRxPkts, efa::ClientCounter::kRdmaRxBytes,
               sizeof(srd::PacketHeader) + sizeof(header) + pieces_size + packet.size());
  std::uint64_t total = 0;
  RegionTable::Place place;
  for (unsigned i = 0; i < header.pieces; ++i) {
    place = find_region(options_.regions, pieces[i], kRemoteRead);
    if (place.status == RemoteStatus::kOk && __builtin_add_overflow(total, pieces[i].length, &total)) {
      place.status = RemoteStatus::kBadAddress;
    }
    if (place.status != RemoteStatus::kOk) {
      return answer_done(peer, header.operation, header.base.message, place.status);
    }
  }
  if (total == 0) {
    answer_done(peer, header.operation, header.base.message, RemoteStatus::kOk);
    return report_remote(peer, OneSided::kRead, place.region, header.base, 0, 0);
  }
  if ((header.base.options & kDirect) != 0) {
    DirectPiece direct[kMaxIov];
    RemoteStatus status = RemoteStatus::kBadAddress;
    std::uint64_t room = 0;
    if (read_direct_pieces(packet, header.direct_pieces, direct, room) && room == total) {
      status = read_regions_directly(peer, {pieces, header.pieces}, {direct, header.direct_pieces});
    }
    answer_done(peer, header.operation, header.base.message, status);
    if (status == RemoteStatus::kOk) {
      queue_pair_->count(efa::ClientCounter::kReadRespBytes, total);
      report_remote(peer, OneSided::kRead, place.region, header.base, 0, static_cast<std::size_t>(total));
    }
    return;
  }
  Response& response = *responses_.take();
  response.operation = header.operation;
  response.number = header.base.message;
  response.pieces = static_cast<std::uint8_t>(header.pieces);
  response.total = static_cast<std::size_t>(total);
  std::memcpy(response.remote, pieces, sizeof(pieces));
  answer(peer, response);
}

void EndpointImpl::on_atomic(Peer& peer, std::span<const std::byte> packet) {
  AtomicHeader header;
  if (!read_header(packet, header)) return dropped();
  OneSidedTraffic& traffic = peer.traffic();
  const std::uint32_t ahead = header.sequence - traffic.expected_sequence;
  if (ahead >= kMaxOwed) return dropped();
  if (ahead != 0) {
    // One before it was refused and comes again.
    for (const auto& early : traffic.early) {
      if (early.sequence == header.sequence) return dropped();
    }
    if (traffic.early.size() >= kMaxOwed) return dropped();
    Buffer copy = buffers_.take(packet.size());
    std::memcpy(copy.data(), packet.data(), packet.size());
    traffic.early.push_back({header.sequence, static_cast<std::uint32_t>(packet.size()), std::move(copy)});
    return;
  }
  if (!execute_atomic(peer, packet)) return dropped();
  ++traffic.expected_sequence;
  for (std::size_t i = 0; i < traffic.early.size();) {
    if (traffic.early[i].sequence != traffic.expected_sequence) {
      ++i;
      continue;
    }
    OneSidedTraffic::EarlyAtomic early = std::move(traffic.early[i]);
    traffic.early.erase(traffic.early.begin() + static_cast<std::ptrdiff_t>(i));
    if (!execute_atomic(peer, {early.packet.data(), early.size})) dropped();
    buffers_.give_back(std::move(early.packet));
    ++traffic.expected_sequence;
    i = 0;
  }
}

bool EndpointImpl::execute_atomic(Peer& peer, std::span<const std::byte> packet) {
  AtomicRequest request;
  if (!read_atomic(packet, request) || !admit_one_sided(peer.traffic())) return false;
  const AtomicHeader& header = request.header;
  RegionTable::Place places[kMaxIov];
  const RemoteStatus status = check_atomic_request(options_.regions, request, places);
  if (status != RemoteStatus::kOk) {
    answer_done(peer, header.operation, header.base.message, status);
    return true;
  }
  Response* response = nullptr;
  if (request.kind != OneSided::kAtomic) {
    response = responses_.take();
    response->operation = header.operation;
    response->number = header.base.message;
    response->total = request.total;
    response->result = buffers_.take(request.total);
  }
  std::size_t done = 0;
  for (unsigned i = 0; i < header.pieces; ++i) {
    const auto size = static_cast<std::size_t>(request.pieces[i].length);
    if (size == 0) continue;
    apply_to_region(request, *places[i].region, places[i].offset, size, done,
                    response ? response->result.data() : nullptr);
    done += size;
  }
  if (response) {
    answer(peer, *response);
  } else {
    answer_done(peer, header.operation, header.base.message, RemoteStatus::kOk);
  }
  report_remote(peer, request.kind, places[header.pieces - 1].region, header.base, header.remote_data, request.total);
  return true;
}

/// Sent with others of the same turn in one packet.
void EndpointImpl::answer_done(Peer& peer, std::uint32_t operation, std::uint32_t number, RemoteStatus status) {
  peer.traffic().done.push_back({operation, number, status});
  ++done_entries_;
  if (peer.send_credit.available()) schedule(peer);
}

void EndpointImpl::answer(Peer& peer, Response& response) {
  peer.traffic().responses.push_back(response);
  if (peer.send_credit.available()) schedule(peer);
}

bool EndpointImpl::post_done(Peer& peer) {
  OneSidedTraffic& traffic = *peer.one_sided;
  const std::size_t count = std::min(traffic.done.size(), kDonePerPacket);
  const bool posted = post_packet(peer, nullptr, kDoneOverhead + count * sizeof(DoneEntry), [&](std::byte* to) {
    const BaseHeader header{PacketType::kDone, kProtocolVersion, 0, 0};
    std::memcpy(to, &header, sizeof(header));
    std::memcpy(to + sizeof(header), traffic.done.data(), count * sizeof(DoneEntry));
  });
  if (!posted) return false;
  traffic.done.erase(traffic.done.begin(), traffic.done.begin() + static_cast<std::ptrdiff_t>(count));
  traffic.owed -= static_cast<std::uint32_t>(count);
  done_entries_ -= count;
  return true;
}

/// The next packet of the oldest response.
bool EndpointImpl::post_response(Peer& peer) {
  OneSidedTraffic& traffic = *peer.one_sided;
  Response& response = *traffic.responses.front();
  const auto drop = [&] {
    traffic.responses.remove(response);
    buffers_.give_back(std::move(response.result));
    responses_.give_back(&response);
  };
  if (response.result) {
    const std::size_t size = sizeof(srd::PacketHeader) + sizeof(AtomicResultHeader) + response.total;
    const bool posted = post_packet(peer, nullptr, size, [&](std::byte* to) {
      const AtomicResultHeader header{{PacketType::kAtomicResult, kProtocolVersion, 0, response.number},
                                      response.operation, 0};
      std::memcpy(to, &header, sizeof(header));
      std::memcpy(to + sizeof(header), response.result.data(), response.total);
    });
    if (!posted) return false;
    drop();
    --traffic.owed;
    return true;
  }
  std::size_t within = response.sent;
  unsigned piece = 0;
  while (within >= response.remote[piece].length) within -= response.remote[piece++].length;
  const std::size_t size = std::min<std::size_t>(write_chunk_, response.remote[piece].length - within);
  // Again: the region may have been closed since the last packet.
  const RegionTable::Place place =
      find_region(options_.regions, {response.remote[piece].address + within, size, response.remote[piece].key}, kRemoteRead);
  const BaseHeader base{PacketType::kReadData, kProtocolVersion, 0, response.number};
  if (place.status != RemoteStatus::kOk) {
    answer_done(peer, response.operation, response.number, place.status);
    drop();
    return true;
  }
  const bool posted = post_packet(peer, nullptr, kReadDataOverhead + size, [&](std::byte* to) {
    const ReadDataHeader header{base, response.operation, 0, response.sent, {}};
    std::memcpy(to, &header, sizeof(header));
    gather(place.region->memory.view(), place.offset, to + sizeof(header), size);
  });
  if (!posted) return false;
  count_sent(kReadDataOverhead + size);
  queue_pair_->count(efa::ClientCounter::kReadRespBytes, size);
  response.sent += size;
  if (response.sent < response.total) return true;
  const std::size_t total = response.total;
  drop();
  --traffic.owed;
  report_remote(peer, OneSided::kRead, place.region, base, 0, total);
  return true;
}

void EndpointImpl::report_remote(const Peer& peer, OneSided kind, const Region* region, const BaseHeader& base,
                                 std::uint64_t remote_data, std::size_t length) {
  Completion completion;
  completion.is_remote = true;
  completion.one_sided = kind;
  completion.has_remote_data = kind != OneSided::kRead && (base.options & kHasRemoteData) != 0;
  completion.remote_data = remote_data;
  completion.length = length;
  completion.source = peer.index;
  completion.source_address = peer.address;
  completion.region = region ? region->owner : nullptr;
  sink_->on_completion(completion);
}

/// What we owe a peer goes with our session: the peer learns by the new one that it waits in vain.
void EndpointImpl::drop_answers(Peer& peer) {
  if (!peer.one_sided || !peer.one_sided->may_answer()) return;
  OneSidedTraffic& traffic = *peer.one_sided;
  traffic.owed -= static_cast<std::uint32_t>(traffic.done.size());
  done_entries_ -= traffic.done.size();
  traffic.done.clear();
  while (Response* response = traffic.responses.pop_front()) {
    --traffic.owed;
    if (response->result) buffers_.give_back(std::move(response->result));
    responses_.give_back(response);
  }
  if (gone_) return;
  peer.credit_due = true;
  schedule(peer);
}

/// The peer has given up what it had begun.
void EndpointImpl::drop_one_sided_arrivals(Peer& peer) {
  if (!peer.one_sided) return;
  OneSidedTraffic& traffic = *peer.one_sided;
  while (PartialWrite* partial = traffic.partial.pop_front()) {
    --traffic.owed;
    partial_writes_.give_back(partial);
  }
  for (auto& early : traffic.early) buffers_.give_back(std::move(early.packet));
  traffic.early.clear();
  traffic.expected_sequence = 0;
}

}  // namespace weft::rdm

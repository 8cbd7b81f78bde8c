#include "drivers/efa/queue_pair.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <new>

#include "drivers/efa/function.hpp"
#include "drivers/efa/packet_copy.hpp"

namespace weft::efa {
namespace {

// What comes before the inline data, read as one block.
struct SendHeader {
  std::uint32_t sequence, length, buffer, destination_qpn;
  AddressBytes destination;
  std::uint32_t destination_qkey;
  std::uint8_t path, flags;
  std::uint16_t reserved;
};
static_assert(sizeof(SendHeader) == offsetof(SendEntry, inline_data));

void write_header(std::byte* memory, const QueueSizes& sizes, const QueueLayout& at, const QueuePairIdentity& identity) {
  auto* header = new (memory) QueueHeader{};
  header->magic = kMagic;
  header->major = kAbiMajor, header->minor = kAbiMinor;
  header->header_size = sizeof(QueueHeader);
  header->total_size = at.total;
  header->daemon_epoch = identity.daemon_epoch;
  header->generation = identity.generation;
  header->qpn = identity.qpn, header->qkey = identity.qkey;
  header->sq_depth = sizes.sq_depth, header->cq_depth = sizes.cq_depth, header->rq_depth = sizes.rx_buffers;
  header->tx_buffers = sizes.tx_buffers, header->rx_buffers = sizes.rx_buffers;
  header->buffer_stride = kBufferStride, header->mtu = kMtu;
  header->sq_offset = at.sq, header->status_offset = at.status, header->cq_offset = at.cq, header->rq_offset = at.rq;
  header->tx_offset = at.tx, header->rx_offset = at.rx;
}

}  // namespace

QueuePair::QueuePair(std::unique_ptr<SharedMemory> memory, const QueueSizes& sizes, Function& function,
                     const QueuePairIdentity& identity, FileDescriptor arrival)
    : sizes_(sizes),
      as_source_{function.declared.address.octets, identity.qpn, identity.qkey},
      posted_(std::make_unique<std::uint32_t[]>(sizes.rx_buffers)),
      function_(&function),
      identity_(identity),
      memory_(std::move(memory)),
      arrival_(std::move(arrival)) {
  std::byte* base = memory_->data();
  const QueueLayout at = layout_of(sizes);
  write_header(base, sizes, at, identity);
  // A new memfd is zero, which is a valid state of every entry: no sequence is 0 before the indices wrap.
  header_ = std::launder(reinterpret_cast<QueueHeader*>(base));
  sends_ = reinterpret_cast<SendEntry*>(base + at.sq);
  statuses_ = reinterpret_cast<std::uint8_t*>(base + at.status);
  receives_ = reinterpret_cast<ReceiveEntry*>(base + at.cq);
  rq_ = reinterpret_cast<const std::atomic<std::uint32_t>*>(base + at.rq);
  tx_buffers_ = base + at.tx;
  rx_buffers_ = base + at.rx;
}

bool QueuePair::next_send(Descriptor& packet) noexcept {
  const SendEntry& entry = sends_[send_head_ & (sizes_.sq_depth - 1)];
  if (entry.sequence.load(std::memory_order_acquire) != send_head_ + 1) return false;
  SendHeader copy;
  std::memcpy(&copy, static_cast<const void*>(&entry), sizeof copy);
  std::atomic_signal_fence(std::memory_order_seq_cst);  // the compiler must not read the shared memory again
  packet.length = copy.length;
  packet.buffer = copy.buffer;
  packet.destination_qpn = copy.destination_qpn;
  packet.destination_qkey = copy.destination_qkey;
  packet.destination = copy.destination;
  packet.path = copy.path;
  packet.flags = copy.flags;
  return true;
}

bool QueuePair::has_sends() const noexcept {
  return sends_[send_head_ & (sizes_.sq_depth - 1)].sequence.load(std::memory_order_seq_cst) == send_head_ + 1;
}

SendStatus QueuePair::check(const Descriptor& packet) const noexcept {
  if (packet.buffer == kNoBuffer)
    return packet.length <= kInlineBytes ? SendStatus::kOk : SendStatus::kLocalBadLength;
  if (packet.buffer >= sizes_.tx_buffers) return SendStatus::kLocalInvalidLkey;
  return packet.length <= kMtu ? SendStatus::kOk : SendStatus::kLocalBadLength;
}

const std::byte* QueuePair::payload(const Descriptor& packet) const noexcept {
  if (packet.buffer == kNoBuffer) return sends_[send_head_ & (sizes_.sq_depth - 1)].inline_data;
  return tx_buffers_ + std::size_t{packet.buffer} * kBufferStride;
}

void QueuePair::finish_send(SendStatus status) noexcept {
  const auto byte =
      static_cast<std::uint8_t>(static_cast<unsigned>(status) | static_cast<unsigned>(hint_) << kStatusBits);
  statuses_[send_head_ & (sizes_.sq_depth - 1)] = byte;
  if (byte != 0) [[unlikely]] {  // also kOk with a hint
    hint_ = SendHint::kNone;
    ++errors_;
  }
  ++send_head_;
}

bool QueuePair::deliver(const PacketSource& source, std::uint16_t flags, const std::byte* payload, std::uint32_t length,
                        std::uint64_t now_ns) noexcept {
  if (!has_entry_room()) return false;
  ReceiveEntry& entry = receives_[receive_tail_ & (sizes_.cq_depth - 1)];
  std::uint32_t buffer = kNoBuffer;
  if (length <= kInlineBytes) {
    std::memcpy(entry.inline_data, payload, length);
  } else {
    if (!take_buffer(buffer)) return false;
    copy_packet(rx_buffers_ + std::size_t{buffer} * kBufferStride, payload, length);
  }
  entry.length = static_cast<std::uint16_t>(length);
  entry.flags = flags;
  entry.buffer = buffer;
  entry.source_qpn = source.qpn;
  std::memcpy(entry.source, source.address.data(), sizeof entry.source);
  entry.source_qkey = source.qkey;
  entry.delivered_ns = static_cast<std::uint32_t>(now_ns);
  entry.sequence.store(receive_tail_ + 1, std::memory_order_release);
  ++receive_tail_;
  ++delivered_;
  return true;
}

ProgressReport QueuePair::progress() const noexcept {
  return {receive_tail_, header_->cq_head.load(std::memory_order_relaxed), 1, 0};
}

bool QueuePair::has_entry_room() noexcept {
  if (receive_tail_ - receive_head_seen_ < sizes_.cq_depth) return true;
  const std::uint32_t head = header_->cq_head.load(std::memory_order_acquire);
  if (receive_tail_ - head > sizes_.cq_depth) return false;  // nonsense: leave it full
  receive_head_seen_ = head;
  return receive_tail_ - head < sizes_.cq_depth;
}

bool QueuePair::take_buffer(std::uint32_t& buffer) noexcept {
  if (!pulled_this_turn_ || posted_count_ == 0) pull_posted_buffers();
  if (posted_count_ == 0) return false;
  buffer = posted_[--posted_count_];
  return true;
}

// An honest client never has more buffers posted than there are; a stack that is full leaves the rest in the ring.
void QueuePair::pull_posted_buffers() noexcept {
  pulled_this_turn_ = true;
  const std::uint32_t tail = header_->rq_tail.load(std::memory_order_acquire);
  if (tail - rq_taken_ > sizes_.rx_buffers) return;  // nonsense: as if nothing were posted
  for (; rq_taken_ != tail && posted_count_ < sizes_.rx_buffers; ++rq_taken_) {
    const std::uint32_t buffer = rq_[rq_taken_ & (sizes_.rx_buffers - 1)].load(std::memory_order_relaxed);
    if (buffer < sizes_.rx_buffers) posted_[posted_count_++] = buffer;
  }
  header_->rq_head.store(rq_taken_, std::memory_order_relaxed);
}

// The stores are sequentially consistent, and so is the load that follows: either this sees that the client sleeps, or
// the client, which looks at these words once more after it said so, sees the news.
void QueuePair::publish() noexcept {
  if (send_head_ != published_send_head_) {
    published_send_head_ = send_head_;
    header_->sq_errors.store(errors_, std::memory_order_relaxed);  // first: the client reads it after sq_head
    header_->sq_head.store(send_head_, std::memory_order_seq_cst);
  }
  if (delivered_ != published_delivered_) {
    published_delivered_ = delivered_;
    header_->delivered.store(delivered_, std::memory_order_seq_cst);
  }
  pulled_this_turn_ = false;
  wake_if_asleep();
}

void QueuePair::wake_if_asleep() noexcept {
  const std::uint32_t ticket = header_->client_asleep.load(std::memory_order_seq_cst);
  if (ticket == 0 || ticket == wake_ticket_seen_) return;
  wake_ticket_seen_ = ticket;
  wake();
}

void QueuePair::wake() noexcept {
  const char byte = 1;
  // A full pipe is readable already, and a client that closed it is gone.
  [[maybe_unused]] const ssize_t written = ::write(arrival_.get(), &byte, 1);
}

void QueuePair::set_daemon_asleep(bool asleep) noexcept {
  header_->daemon_asleep.store(asleep ? 1 : 0, std::memory_order_seq_cst);
}

void QueuePair::notice() noexcept {
  header_->notices.fetch_add(1, std::memory_order_seq_cst);
  wake();  // whether it sleeps is between it and the worker
}

// For reading, too: a pipe with a reader never raises SIGPIPE, which would kill a sender whose receiver has just died.
FileDescriptor QueuePair::wake_pipe() const noexcept {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", arrival_.get());
  return FileDescriptor(::open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC));
}

std::array<std::uint64_t, kClientCounters> QueuePair::client_counts() const noexcept {
  std::array<std::uint64_t, kClientCounters> counts;
  for (unsigned i = 0; i < kClientCounters; ++i) counts[i] = header_->counts[i].load(std::memory_order_relaxed);
  return counts;
}

// A client that writes all the time, or stops in the middle of it, is left out.
void QueuePair::add_round_trips(std::vector<EfaRoundTrip>& all) const {
  for (const PeerRoundTrips& one : header_->round_trips) {
    const std::uint32_t version = one.version.load(std::memory_order_acquire);
    if (version == 0 || version % 2 != 0) continue;
    const std::uint64_t peer[2] = {one.peer[0].load(std::memory_order_relaxed), one.peer[1].load(std::memory_order_relaxed)};
    std::array<std::uint32_t, kTimedPaths> path_ns;
    for (unsigned path = 0; path < kTimedPaths; ++path) path_ns[path] = one.path_ns[path].load(std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (one.version.load(std::memory_order_relaxed) != version) continue;
    EfaRoundTrip measured;
    std::memcpy(measured.peer.data(), peer, sizeof peer);
    for (unsigned path = 0; path < kTimedPaths; ++path) {
      measured.path = static_cast<std::uint8_t>(path);
      measured.ns = path_ns[path];
      if (measured.ns != 0) all.push_back(measured);
    }
  }
}

void QueuePair::close() noexcept {
  publish();
  header_->closed.store(1, std::memory_order_seq_cst);
  wake_if_asleep();
}

}  // namespace weft::efa

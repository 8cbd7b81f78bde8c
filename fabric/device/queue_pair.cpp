#include "fabric/device/queue_pair.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <new>

#include "fabric/device/connection.hpp"
#include "fabric/device/mapping.hpp"
#include "fabric/device/queue_pair_state.hpp"

namespace weft::device {

FunctionList list_functions() {
  FunctionList list;
  try {
    Connection connection;
    list.error = connect_to_daemon(connection);
    if (list.error != 0) return list;
    list.where = connection.where;
    list.daemon_epoch = connection.hello.daemon_epoch;
    list.functions.assign(connection.hello.functions, connection.hello.functions + connection.hello.function_count);
    if (list.functions.empty()) list.error = ENODEV;
  } catch (const std::bad_alloc&) {
    list.error = ENOMEM;
  }
  return list;
}

std::unique_ptr<QueuePair> QueuePair::open(const QueuePairOptions& options, int* error) {
  try {
    Connection connection;
    *error = connect_to_daemon(connection);
    if (*error != 0) return nullptr;
    const auto* functions = connection.hello.functions;
    const auto* end = functions + connection.hello.function_count;
    const auto* function = std::find_if(functions, end, [&](const efa::FunctionInfo& candidate) {
      return options.eni_id.empty() || options.eni_id == candidate.eni_id;
    });
    if (function == end) {
      *error = ENODEV;
      return nullptr;
    }

    efa::CreateQp request;
    request.function = static_cast<std::uint32_t>(function - functions);
    request.qpn = options.qpn;
    request.sq_depth = options.sq_depth, request.cq_depth = options.cq_depth;
    request.tx_buffers = options.tx_buffers, request.rx_buffers = options.rx_buffers;
    GrantedQueuePair granted;
    *error = request_queue_pair(connection, request, granted);
    if (*error != 0) return nullptr;

    std::unique_ptr<QueuePair> queue_pair(new QueuePair);
    queue_pair->state_ = std::make_unique<State>();
    State& state = *queue_pair->state_;
    state.mapping = Mapping::open(granted.memory.get(), error);
    if (!state.mapping) return nullptr;
    state.socket = std::move(connection.socket);
    state.doorbell = std::move(granted.doorbell);
    state.arrival = std::move(granted.arrival);
    std::copy(std::begin(function->address), std::end(function->address), state.address.ip);
    state.address.qpn = granted.qpn;
    state.qkey = granted.qkey;
    state.grants_channels = (connection.hello.features & efa::kFeatureExpress) != 0;
    queue_pair->attach(state.mapping->facts(), state.mapping->base());
    return queue_pair;
  } catch (const std::bad_alloc&) {
    *error = ENOMEM;
    return nullptr;
  }
}

void QueuePair::attach(const efa::QueueHeader& facts, std::byte* base) {
  header_ = std::launder(reinterpret_cast<efa::QueueHeader*>(base));
  sends_ = reinterpret_cast<efa::SendEntry*>(base + facts.sq_offset);
  statuses_ = reinterpret_cast<const std::uint8_t*>(base + facts.status_offset);
  receives_ = reinterpret_cast<efa::ReceiveEntry*>(base + facts.cq_offset);
  posted_ = reinterpret_cast<std::atomic<std::uint32_t>*>(base + facts.rq_offset);
  tx_buffers_ = base + facts.tx_offset;
  rx_buffers_ = base + facts.rx_offset;
  sq_depth_ = facts.sq_depth, cq_depth_ = facts.cq_depth, rq_depth_ = facts.rq_depth;
  rx_count_ = facts.rx_buffers;
  mtu_ = facts.mtu, stride_ = facts.buffer_stride;
  give_back_after_ = std::clamp<std::uint32_t>(std::min(cq_depth_, rx_count_) / 4, 1, 16);

  sent_.resize(sq_depth_);
  for (std::uint32_t i = facts.tx_buffers; i-- > 0;) free_buffers_.push_back(i);
  for (std::uint32_t i = rx_count_; i-- > 0;) posted_[posted_tail_++ & (rq_depth_ - 1)].store(i);
  header_->rq_tail.store(posted_tail_, std::memory_order_release);
}

QueuePair::~QueuePair() = default;

Address QueuePair::address() const { return state_->address; }
std::uint32_t QueuePair::qkey() const { return state_->qkey; }
std::uint32_t QueuePair::mtu() const { return mtu_; }
int QueuePair::arrival_fd() const noexcept { return state_->arrival.get(); }
int QueuePair::socket_fd() const noexcept { return state_->socket.get(); }

SendSlot QueuePair::begin_send(std::uint32_t size) noexcept {
  if (sends_in_flight() == sq_depth_) return {};
  SendSlot slot;
  slot.index = static_cast<std::uint32_t>(send_tail_) & (sq_depth_ - 1);
  if (size <= efa::kInlineBytes) {
    slot.data = sends_[slot.index].inline_data;
    slot.capacity = efa::kInlineBytes;
  } else if (size <= mtu_ && !free_buffers_.empty()) {
    slot.buffer = free_buffers_.back();
    slot.data = tx_buffers_ + std::size_t{slot.buffer} * stride_;
    slot.capacity = mtu_;
  }
  return slot;
}

std::uint64_t QueuePair::commit_send(const SendSlot& slot, std::uint32_t size, const Address& destination,
                                     std::uint32_t destination_qkey, std::uint8_t path, std::uint8_t flags) noexcept {
  efa::SendEntry& entry = sends_[slot.index];
  entry.length = size;
  entry.buffer = slot.buffer;
  entry.destination_qpn = destination.qpn;
  std::memcpy(entry.destination, destination.ip, sizeof entry.destination);
  entry.destination_qkey = destination_qkey;
  entry.path = path;
  entry.flags = flags;
  entry.reserved = 0;
  if (slot.buffer != efa::kNoBuffer) free_buffers_.pop_back();
  sent_[slot.index] = {slot.buffer, size};
  entry.sequence.store(static_cast<std::uint32_t>(send_tail_) + 1, std::memory_order_release);
  return send_tail_++;
}

void QueuePair::wake_daemon() noexcept {
  if (send_tail_ == send_tail_shown_) return;
  send_tail_shown_ = send_tail_;
  // The fence is the daemon's counterpart, which looks once more after it said that it sleeps: either it sees the
  // entries, or we see that it sleeps. It waits until all stores have left the core, so one serves many packets.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (header_->daemon_asleep.load(std::memory_order_relaxed) != 0) ring_doorbell();
}

void QueuePair::ring_doorbell() noexcept { eventfd_write(state_->doorbell.get(), 1); }

void QueuePair::give_back_receives() noexcept {
  receive_head_published_ = receive_head_;
  header_->rq_tail.store(posted_tail_, std::memory_order_release);
  header_->cq_head.store(receive_head_, std::memory_order_release);
}

void QueuePair::show_round_trips(unsigned place, const Address& peer,
                                 std::span<const std::uint32_t, efa::kTimedPaths> path_ns) noexcept {
  efa::PeerRoundTrips& shown = header_->round_trips[place];
  const std::uint32_t version = versions_[place];
  versions_[place] = version + 2 != 0 ? version + 2 : 2;  // 0 says that nothing ever was
  shown.version.store(version + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  std::uint64_t address[2];
  std::memcpy(address, peer.ip, sizeof address);
  for (unsigned i = 0; i < 2; ++i) shown.peer[i].store(address[i], std::memory_order_relaxed);
  for (unsigned path = 0; path < efa::kTimedPaths; ++path) shown.path_ns[path].store(path_ns[path], std::memory_order_relaxed);
  shown.version.store(versions_[place], std::memory_order_release);
}

bool QueuePair::dead() noexcept {
  if (broken_ || header_->closed.load(std::memory_order_acquire) != 0) return true;
  pollfd hang_up{state_->socket.get(), POLLRDHUP, 0};
  return ::poll(&hang_up, 1, 0) > 0;
}

bool QueuePair::arm() noexcept {
  if (receive_head_ != receive_head_published_) give_back_receives();
  if (++wake_ticket_ == 0) ++wake_ticket_;
  header_->client_asleep.store(wake_ticket_, std::memory_order_seq_cst);
  const bool channels_quiet = channels_sleep();
  // The daemon stores these before it looks at client_asleep (drivers/efa/queue_pair.cpp, publish()).
  const bool quiet =
      static_cast<std::uint32_t>(header_->delivered.load(std::memory_order_seq_cst)) == receive_head_ &&
      header_->sq_head.load(std::memory_order_seq_cst) == static_cast<std::uint32_t>(send_head_) &&
      header_->closed.load(std::memory_order_seq_cst) == 0 && !has_notices() && channels_quiet && !broken_;
  if (!quiet) note_awake();
  return quiet;
}

void QueuePair::disarm() noexcept {
  note_awake();
  char bytes[64];  // one for each time the daemon woke us, at most one for each arm()
  while (::read(state_->arrival.get(), bytes, sizeof bytes) == static_cast<ssize_t>(sizeof bytes)) {
  }
}

}  // namespace weft::device

// The client side of an EFA queue pair: post packets, learn what became of them, take arrivals.
// Thread: one at a time; the caller locks. No allocation and no system call on the packet path but the doorbell, which
// is written only when the daemon said that it sleeps. No exception leaves; handlers must not throw either.
// Fork: the memory stays with the parent. A child may only destroy its copy of the object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "drivers/efa/abi.hpp"
#include "fabric/device/channel.hpp"
#include "fabric/device/packet.hpp"

namespace weft::device {

/// The functions of this process's instance. `error` is an errno: ENODEV no daemon or no EFA interface here, EPERM the
/// daemon is another user's, EPROTONOSUPPORT its ABI has another major version, ETIMEDOUT it does not answer.
struct FunctionList {
  int error = 0;
  std::uint64_t daemon_epoch = 0;
  std::string where;  // the daemon's socket: @weft-efa in this network namespace, or a path
  std::vector<efa::FunctionInfo> functions;
};
FunctionList list_functions();

struct QueuePairOptions {
  std::string eni_id;     // empty: the first function
  std::uint32_t qpn = 0;  // 0: any
  std::uint32_t sq_depth = 512, cq_depth = 1024, tx_buffers = 256, rx_buffers = 256;
};

/// What take_notices() tells.
class ChannelEvents {
 public:
  /// A channel to this peer is there; it stays until closing(), close_channel() or the end of the queue pair.
  virtual void on_granted(ChannelSender& channel) = 0;
  /// There will be none for now: `error` is an errno (efa::ChannelGranted).
  virtual void on_refused(const Address& destination, std::uint32_t qkey, int error) = 0;
  /// The daemon has taken it back, for `reason`: gone when this returns.
  virtual void on_closing(ChannelSender& channel, efa::Revocation reason) = 0;

 protected:
  ~ChannelEvents() = default;
};

class QueuePair {
 public:
  /// Connects and creates; on failure null and *error is an errno. Posts all receive buffers.
  static std::unique_ptr<QueuePair> open(const QueuePairOptions& options, int* error);
  ~QueuePair();
  QueuePair(const QueuePair&) = delete;
  QueuePair& operator=(const QueuePair&) = delete;

  Address address() const;
  std::uint32_t qkey() const;
  std::uint32_t mtu() const;  // payload bytes of one packet

  /// A slot for `size` bytes: inline in the entry when it fits kInlineBytes, else a transmit buffer. `data` is null
  /// when the queue or the buffers are used up (poll_sends() frees them) or `size` is more than mtu(). A slot that is
  /// not committed costs nothing: the next begin_send() gives it again.
  SendSlot begin_send(std::uint32_t size) noexcept;
  /// Publishes the slot: a daemon that is awake begins with it. Returns the packet's ticket: counts up by one per
  /// commit, poll_sends() reports it. `path`: of the ways through the fabric. `flags`: efa::SendFlags.
  std::uint64_t commit_send(const SendSlot& slot, std::uint32_t size, const Address& destination,
                            std::uint32_t destination_qkey, std::uint8_t path = 0, std::uint8_t flags = 0) noexcept;
  /// Wakes the daemon if it slept through the commits since the last call: call it after the last of a group, or
  /// nothing may move. Costs a fence.
  void wake_daemon() noexcept;

  /// Calls done(ticket, SendStatus) or done(ticket, SendStatus, payload) for each packet the daemon has finished with,
  /// in order of tickets. `payload` is what was sent, readable until done returns: send it again by copying it into a
  /// new slot. done may begin and commit sends, but not poll.
  template <typename Done>
  void poll_sends(Done&& done) noexcept;

  /// Why the packet failed that done() was called for last; kOnWire: it did not fail, but crosses the fabric.
  efa::SendHint hint() const noexcept { return hint_; }

  /// Calls handle(const Arrival&) for up to `limit` packets from the daemon, and of each channel, and gives their buffers
  /// back. Returns how many. handle may send and poll_sends(), but not receive.
  template <typename Handle>
  unsigned poll_receives(unsigned limit, Handle&& handle) noexcept;
  /// Only what came through the daemon. The handle of a packet through a channel may call it.
  template <typename Handle>
  unsigned poll_ring(unsigned limit, Handle&& handle) noexcept;
  /// So many packets from the daemon can be there at once.
  unsigned ring_size() const noexcept { return cq_depth_; }

  /// Asks the daemon for an express channel to this queue pair; take_notices() brings the answer. False: not possible.
  bool request_channel(const Address& destination, std::uint32_t destination_qkey) noexcept;
  /// The daemon has said something about channels: take_notices().
  bool has_notices() const noexcept { return header_->notices.load(std::memory_order_acquire) != notices_seen_; }
  void take_notices(ChannelEvents& events) noexcept;
  /// Publishes nothing any more; `channel` is no more.
  void close_channel(ChannelSender& channel) noexcept;
  /// The channel that packets from there come through; null: none.
  ChannelReceiver* channel_from(const Address& source, std::uint32_t source_qkey) noexcept;

  /// Commits whose done was not called yet.
  std::uint32_t sends_in_flight() const noexcept { return static_cast<std::uint32_t>(send_tail_ - send_head_); }

  /// Adds to what the daemon's statistics say of this queue pair and only its owner knows.
  void count(efa::ClientCounter counter, std::uint64_t amount) noexcept {
    const auto index = static_cast<unsigned>(counter);
    header_->counts[index].store(counts_[index] += amount, std::memory_order_relaxed);
  }

  /// The ways to a peer, for the daemon's statistics: smoothed, 0 where none is known. `place` below efa::kTimedPeers.
  void show_round_trips(unsigned place, const Address& peer, std::span<const std::uint32_t, efa::kTimedPaths> path_ns) noexcept;

  /// True once the daemon or the function is gone: nothing will move again. Costs a system call; ask now and then.
  bool dead() noexcept;

  /// Sleeping: arm() returns false when something is there already; then poll. True: wait on arrival_fd() and perhaps
  /// socket_fd(), then disarm(), then poll.
  bool arm() noexcept;
  void disarm() noexcept;
  int arrival_fd() const noexcept;  // readable after an arrival or a send completion since arm()
  int socket_fd() const noexcept;   // becomes readable (hang-up) when the daemon dies

 private:
  QueuePair() = default;
  void attach(const efa::QueueHeader& header, std::byte* base);
  void give_back_receives() noexcept;
  void read_records(ChannelEvents& events) noexcept;
  void adopt_sender(const efa::ChannelGranted& granted, FileDescriptor* descriptors, ChannelEvents& events);
  void adopt_receiver(const efa::ChannelOffered& offered, FileDescriptor memory);
  void release_channel(std::uint32_t id) noexcept;
  void drop_finished_channels() noexcept;
  void look_for_ends() noexcept;
  bool channels_sleep() noexcept;
  void note_awake() noexcept;
  void ring_doorbell() noexcept;

  // What the templates below touch. Indices are ours: shared memory is never read back (drivers/efa/abi.hpp).
  efa::QueueHeader* header_ = nullptr;
  efa::SendEntry* sends_ = nullptr;
  const std::uint8_t* statuses_ = nullptr;
  efa::ReceiveEntry* receives_ = nullptr;
  std::atomic<std::uint32_t>* posted_ = nullptr;  // the rq
  std::byte* tx_buffers_ = nullptr;
  std::byte* rx_buffers_ = nullptr;
  std::uint32_t sq_depth_ = 0, cq_depth_ = 0, rq_depth_ = 0, rx_count_ = 0;
  std::uint32_t mtu_ = 0, stride_ = 0;

  std::uint64_t send_head_ = 0, send_tail_ = 0;  // tickets
  std::uint64_t send_tail_shown_ = 0;            // wake_daemon() has looked after these
  std::uint32_t send_errors_seen_ = 0;
  std::uint32_t receive_head_ = 0;               // entries consumed
  std::uint32_t receive_head_published_ = 0;
  std::uint32_t give_back_after_ = 0;
  std::uint32_t posted_tail_ = 0;                // buffers posted, published and not
  std::uint32_t wake_ticket_ = 0;
  efa::SendHint hint_ = efa::SendHint::kNone;
  std::uint64_t counts_[efa::kClientCounters]{};
  std::uint32_t versions_[efa::kTimedPeers]{};  // of what is shown of a peer's paths
  bool broken_ = false;                          // the daemon's words make no sense: as good as dead

  std::uint32_t notices_seen_ = 0;
  bool channels_end_ = false;                    // some of inbound_ will get nothing new
  unsigned open_channels_ = 0;                   // so many of inbound_ are polled; new ones come behind them
  std::vector<std::unique_ptr<ChannelReceiver>> inbound_;
  std::vector<std::unique_ptr<ChannelSender>> outbound_;

  struct Sent {
    std::uint32_t buffer, length;
  };
  std::vector<Sent> sent_;                       // by entry
  std::vector<std::uint32_t> free_buffers_;      // the one used last on top: it is still in the cache

  struct State;
  std::unique_ptr<State> state_;
};

template <typename Done>
void QueuePair::poll_sends(Done&& done) noexcept {
  const std::uint32_t head = header_->sq_head.load(std::memory_order_acquire);
  std::uint32_t finished = head - static_cast<std::uint32_t>(send_head_);
  if (finished == 0) return;
  if (finished > sends_in_flight()) {
    broken_ = true;
    return;
  }
  // The daemon counts errors before it moves the head: when the count is the one we have seen, all went well.
  const bool look = header_->sq_errors.load(std::memory_order_relaxed) != send_errors_seen_;
  hint_ = efa::SendHint::kNone;
  for (; finished != 0; --finished) {
    const std::uint32_t index = static_cast<std::uint32_t>(send_head_) & (sq_depth_ - 1);
    const Sent sent = sent_[index];
    auto status = efa::SendStatus::kOk;
    if (look) {
      const std::uint8_t byte = statuses_[index];
      if (byte != 0) ++send_errors_seen_;
      status = static_cast<efa::SendStatus>(byte & ((1u << efa::kStatusBits) - 1));
      hint_ = static_cast<efa::SendHint>(byte >> efa::kStatusBits);
    }
    if constexpr (std::is_invocable_v<Done&, std::uint64_t, efa::SendStatus, std::span<const std::byte>>) {
      const std::byte* data =
          sent.buffer == efa::kNoBuffer ? sends_[index].inline_data : tx_buffers_ + std::size_t{sent.buffer} * stride_;
      done(send_head_, status, std::span<const std::byte>(data, sent.length));
    } else {
      done(send_head_, status);
    }
    if (sent.buffer != efa::kNoBuffer) free_buffers_.push_back(sent.buffer);  // never beyond its first capacity
    ++send_head_;
  }
}

template <typename Handle>
unsigned QueuePair::poll_receives(unsigned limit, Handle&& handle) noexcept {
  unsigned from_channels = 0;
  for (unsigned i = 0; i < open_channels_; ++i) from_channels += inbound_[i]->poll(limit, handle);
  if (channels_end_) [[unlikely]] drop_finished_channels();
  return from_channels + poll_ring(limit, handle);
}

template <typename Handle>
unsigned QueuePair::poll_ring(unsigned limit, Handle&& handle) noexcept {
  unsigned count = 0;
  for (; count < limit; ++count) {
    const efa::ReceiveEntry& entry = receives_[receive_head_ & (cq_depth_ - 1)];
    if (entry.sequence.load(std::memory_order_acquire) != receive_head_ + 1) break;
    const std::uint32_t buffer = entry.buffer, length = entry.length;
    const bool is_inline = buffer == efa::kNoBuffer;
    if (length > (is_inline ? efa::kInlineBytes : mtu_) || (!is_inline && buffer >= rx_count_)) {
      broken_ = true;
      break;
    }
    Arrival arrival;
    std::memcpy(arrival.source.ip, entry.source, sizeof arrival.source.ip);
    arrival.source.qpn = entry.source_qpn;
    arrival.source_qkey = entry.source_qkey;
    arrival.delivered_ns = entry.delivered_ns;
    arrival.flags = entry.flags;
    arrival.payload = {is_inline ? entry.inline_data : rx_buffers_ + std::size_t{buffer} * stride_, length};
    handle(static_cast<const Arrival&>(arrival));
    if (!is_inline) posted_[posted_tail_++ & (rq_depth_ - 1)].store(buffer, std::memory_order_relaxed);
    ++receive_head_;
    if (receive_head_ - receive_head_published_ >= give_back_after_) give_back_receives();
  }
  // The queue ran dry: the daemon shall know that all of it is free.
  if (count < limit && receive_head_ != receive_head_published_) give_back_receives();
  // What a sender sent before it asked for its channel was taken just now, so that a channel seldom overtakes its beginning.
  if (count < limit) open_channels_ = static_cast<unsigned>(inbound_.size());
  return count;
}

}  // namespace weft::device

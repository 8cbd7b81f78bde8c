// Express channels, client side (DESIGN D8; drivers/efa/abi.hpp has the memory and its rules): packets from one queue pair
// to another of this host and user, through memory that both map, while the daemon sleeps. queue_pair.hpp owns them.
// Thread: the queue pair's.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "fabric/device/connection.hpp"
#include "fabric/device/mapping.hpp"
#include "fabric/device/packet.hpp"

namespace weft::device {

/// A channel's memory, mapped, and its fixed part, checked: nothing a receiver or a sender does with it leaves the mapping.
struct ChannelMemory {
  /// False: *error is an errno, EPROTO for what makes no sense.
  bool map(int fd, std::uint32_t id, int* error) noexcept;

  std::unique_ptr<SealedMemory> memory;
  efa::ChannelHeader* header = nullptr;
  efa::ChannelSlot* slots = nullptr;
  std::byte* buffers = nullptr;
  std::uint32_t id = 0, slot_count = 0, buffer_count = 0, stride = 0, mtu = 0;
};

class ChannelSender {
 public:
  ChannelSender(ChannelMemory memory, FileDescriptor wake, const Address& destination, std::uint32_t qkey);
  /// Says that nothing will be published any more. What was published is the receiver's.
  ~ChannelSender();
  ChannelSender(const ChannelSender&) = delete;
  ChannelSender& operator=(const ChannelSender&) = delete;

  std::uint32_t id() const { return memory_.id; }
  const Address& destination() const { return destination_; }
  std::uint32_t destination_qkey() const { return qkey_; }
  /// Not kNone: the daemon has taken it back.
  efa::Revocation revocation() const noexcept { return memory_.header->revoked.load(std::memory_order_acquire); }

  /// A place for `size` bytes. `data` is null when the receiver has not made room, the channel was revoked or `size` is
  /// more than a packet may have. A slot that is not published costs nothing.
  SendSlot begin(std::uint32_t size) noexcept;
  /// Whether room is what begin() last missed.
  bool is_full() const noexcept { return tail_ - head_ >= memory_.slot_count; }
  /// Delivered: the receiver will see it even if this process ends now. Wakes the receiver if it sleeps.
  void publish(const SendSlot& slot, std::uint32_t size) noexcept;

 private:
  // So many packets may be out before the sender looks what is free again, which costs a cache line. Buffers that are used again
  // at once stay in the cache, and the others are never touched: 256 ranks have 8192 channels (bench/many_ranks.py).
  static constexpr std::uint32_t kReclaimAfter = 8, kReclaimBuffersAfter = 3;

  void reclaim() noexcept;
  void wake(std::uint32_t ticket) noexcept;

  ChannelMemory memory_;
  FileDescriptor wake_;
  Address destination_;
  std::uint32_t qkey_;
  bool fences_;
  std::uint32_t tail_ = 0, head_ = 0;  // published; known to be consumed
  std::uint32_t woken_ = 0;            // the sleep that was answered
  std::uint64_t packets_ = 0, bytes_ = 0;
  std::vector<std::uint16_t> sent_;    // buffer by slot
  std::vector<std::uint16_t> free_;    // the one used last on top
};

class ChannelReceiver {
 public:
  ChannelReceiver(ChannelMemory memory, const Address& source, std::uint32_t qkey, pid_t pid);

  std::uint32_t id() const { return memory_.id; }
  const Address& source() const { return arrival_.source; }
  std::uint32_t source_qkey() const { return arrival_.source_qkey; }

  /// As QueuePair::poll_receives.
  template <typename Handle>
  unsigned poll(unsigned limit, Handle&& handle) noexcept;

  /// It is being closed, by whomever: the sender may publish a last packet.
  bool ending() const noexcept {
    return header().quiesced.load(std::memory_order_acquire) != 0 ||
           header().revoked.load(std::memory_order_acquire) != efa::Revocation::kNone ||
           header().sender_gone.load(std::memory_order_acquire) != 0 || broken_;
  }
  /// Nothing is here and nothing will come: time to let go.
  bool finished() const noexcept;

  /// Sleeping, for all channels of a queue pair: note each one's ticket (not 0), then one barrier(), then look at each.
  void note_sleep(std::uint32_t ticket) noexcept { header().receiver_asleep.store(ticket, std::memory_order_relaxed); }
  void note_awake() noexcept { header().receiver_asleep.store(0, std::memory_order_relaxed); }
  bool empty() const noexcept;
  bool sender_fences() const noexcept { return header().fences.load(std::memory_order_relaxed) != 0; }

  /// Copies from the sending process's memory, at most 16 pieces each, equally long in all. False: it cannot be reached, or
  /// the process behind the number is not the sender any more; some of `local` may be overwritten.
  bool read_sender(std::span<const iovec> local, std::span<const iovec> remote) noexcept;
  /// Copies to it. False as above; nothing is written to another process's memory.
  bool write_sender(std::span<const iovec> local, std::span<const iovec> remote) noexcept;
  /// The two above answer false from now on.
  void forget_sender_memory() noexcept { pid_ = 0; }

 private:
  efa::ChannelHeader& header() const noexcept { return *memory_.header; }
  bool is_sender() noexcept;

  ChannelMemory memory_;
  Arrival arrival_;  // its payload changes
  pid_t pid_;
  std::uint32_t next_ = 0;
  bool broken_ = false;  // the sender's words make no sense: as good as gone
};

/// Whether the kernel copies large data from another process about as fast as two processes that copy through a channel, one
/// behind the other. Measured once, in 50 us; where it is not allowed: false.
bool direct_copies_pay() noexcept;

/// Between note_sleep() and empty(): after it, every sender either sees the ticket or was seen. False: not possible here.
/// `all_fence`: every sender fences for itself.
bool sleep_barrier(bool all_fence) noexcept;

/// A word that whoever reads this process's memory must find there, and its address.
struct MemoryToken {
  std::uint64_t value, address;
};
MemoryToken memory_token() noexcept;

inline SendSlot ChannelSender::begin(std::uint32_t size) noexcept {
  if (revocation() != efa::Revocation::kNone) return {};
  if (tail_ - head_ >= (size <= efa::kChannelInlineBytes ? kReclaimAfter : kReclaimBuffersAfter)) {
    reclaim();
    if (tail_ - head_ >= memory_.slot_count) return {};
  }
  SendSlot slot;
  slot.index = tail_ & (memory_.slot_count - 1);
  if (size <= efa::kChannelInlineBytes) {
    slot.data = memory_.slots[slot.index].inline_data;
    slot.capacity = efa::kChannelInlineBytes;
  } else if (size <= memory_.mtu && !free_.empty()) {
    slot.buffer = free_.back();
    slot.data = memory_.buffers + std::size_t{slot.buffer} * memory_.stride;
    slot.capacity = memory_.mtu;
  }
  return slot;
}

inline void ChannelSender::publish(const SendSlot& slot, std::uint32_t size) noexcept {
  efa::ChannelSlot& entry = memory_.slots[slot.index];
  entry.length = static_cast<std::uint16_t>(size);
  entry.buffer = efa::kNoChannelBuffer;
  if (slot.buffer != efa::kNoBuffer) {
    entry.buffer = sent_[slot.index] = static_cast<std::uint16_t>(slot.buffer);
    free_.pop_back();
  }
  entry.sequence.store(++tail_, std::memory_order_release);
  efa::ChannelHeader& header = *memory_.header;
  header.packets.store(++packets_, std::memory_order_relaxed);
  header.bytes.store(bytes_ += size, std::memory_order_relaxed);
  // Between the store of the sequence and this look there must be a barrier, or a receiver that goes to sleep could miss
  // the packet and we its sleep. It is expensive for every packet, so the one who goes to sleep makes it for both sides.
  if (fences_) [[unlikely]] std::atomic_thread_fence(std::memory_order_seq_cst);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  const std::uint32_t asleep = header.receiver_asleep.load(std::memory_order_relaxed);
  if (asleep != 0 && asleep != woken_) [[unlikely]] wake(asleep);
}

template <typename Handle>
unsigned ChannelReceiver::poll(unsigned limit, Handle&& handle) noexcept {
  unsigned count = 0;
  for (; count < limit; ++count) {
    const efa::ChannelSlot& slot = memory_.slots[next_ & (memory_.slot_count - 1)];
    if (slot.sequence.load(std::memory_order_acquire) != next_ + 1) break;
    const std::uint32_t length = slot.length, buffer = slot.buffer;
    const bool is_inline = buffer == efa::kNoChannelBuffer;
    if (broken_ || length > (is_inline ? efa::kChannelInlineBytes : memory_.mtu) ||
        (!is_inline && buffer >= memory_.buffer_count)) {
      broken_ = true;
      break;
    }
    arrival_.payload = {is_inline ? slot.inline_data : memory_.buffers + std::size_t{buffer} * memory_.stride, length};
    handle(static_cast<const Arrival&>(arrival_));
    ++next_;
  }
  if (count != 0) header().consumed.store(next_, std::memory_order_release);
  return count;
}

}  // namespace weft::device

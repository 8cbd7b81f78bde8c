#include "fabric/device/channel.hpp"

#include <linux/membarrier.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <new>

namespace weft::device {
namespace {

constexpr std::size_t kMaxPieces = 16;

bool membarrier(int command) noexcept { return syscall(SYS_membarrier, command, 0U, 0) == 0; }

/// Once per process: others' sleep_barrier() reaches us.
bool registered_for_barriers() noexcept {
  static const bool done = membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);
  return done;
}

}  // namespace

bool ChannelMemory::map(int fd, std::uint32_t expected_id, int* error) noexcept {
  memory = SealedMemory::map(fd, sizeof(efa::ChannelHeader), error);
  if (!memory) return false;
  header = std::launder(reinterpret_cast<efa::ChannelHeader*>(memory->base()));
  const std::uint64_t mapped = memory->size();
  const std::uint64_t slots_at = header->slot_offset, buffers_at = header->buffer_offset;
  id = header->id, slot_count = header->slots, buffer_count = header->buffers;
  stride = header->buffer_stride, mtu = header->mtu;
  const auto inside = [mapped](std::uint64_t offset, std::uint64_t size) {
    return offset % 64 == 0 && offset >= sizeof(efa::ChannelHeader) && offset <= mapped && size <= mapped - offset;
  };
  const bool sound = header->magic == efa::kChannelMagic && header->major == efa::kAbiMajor &&
                     header->header_size >= sizeof(efa::ChannelHeader) && id == expected_id &&
                     std::has_single_bit(slot_count) && buffer_count != 0 && buffer_count < efa::kNoChannelBuffer &&
                     mtu != 0 && mtu <= efa::kMtu && mtu <= stride && stride % 64 == 0 &&
                     inside(slots_at, std::uint64_t{slot_count} * sizeof(efa::ChannelSlot)) &&
                     inside(buffers_at, std::uint64_t{buffer_count} * stride);
  if (!sound) {
    *error = EPROTO;
    return false;
  }
  slots = reinterpret_cast<efa::ChannelSlot*>(memory->base() + slots_at);
  buffers = memory->base() + buffers_at;
  return true;
}

ChannelSender::ChannelSender(ChannelMemory memory, FileDescriptor wake, const Address& destination, std::uint32_t qkey)
    : memory_(std::move(memory)),
      wake_(std::move(wake)),
      destination_(destination),
      qkey_(qkey),
      fences_(!registered_for_barriers()),
      sent_(memory_.slot_count, efa::kNoChannelBuffer) {
  for (std::uint32_t i = memory_.buffer_count; i-- > 0;) free_.push_back(static_cast<std::uint16_t>(i));
  efa::ChannelHeader& header = *memory_.header;
  const MemoryToken token = memory_token();
  header.fences.store(fences_ ? 1 : 0, std::memory_order_relaxed);
  header.token_address.store(token.address, std::memory_order_relaxed);
  header.token.store(token.value, std::memory_order_release);
}

ChannelSender::~ChannelSender() {
  if (memory_.memory->is_mapped()) memory_.header->quiesced.store(1, std::memory_order_release);
}

void ChannelSender::reclaim() noexcept {
  const std::uint32_t consumed = memory_.header->consumed.load(std::memory_order_acquire);
  if (consumed - head_ > tail_ - head_) return;  // not what a receiver says; then nothing is free any more
  for (; head_ != consumed; ++head_) {
    std::uint16_t& buffer = sent_[head_ & (memory_.slot_count - 1)];
    if (buffer == efa::kNoChannelBuffer) continue;
    free_.push_back(buffer);  // never beyond its first capacity
    buffer = efa::kNoChannelBuffer;
  }
}

void ChannelSender::wake(std::uint32_t ticket) noexcept {
  woken_ = ticket;
  const char byte = 0;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &byte, 1);  // a full pipe wakes as well
}

ChannelReceiver::ChannelReceiver(ChannelMemory memory, const Address& source, std::uint32_t qkey, pid_t pid)
    : memory_(std::move(memory)),
      arrival_{.source = source, .source_qkey = qkey, .payload = {}, .through_channel = true},
      pid_(pid) {}

bool ChannelReceiver::empty() const noexcept {
  const efa::ChannelSlot& slot = memory_.slots[next_ & (memory_.slot_count - 1)];
  return broken_ || slot.sequence.load(std::memory_order_acquire) != next_ + 1;
}

bool ChannelReceiver::finished() const noexcept {
  if (broken_) return true;
  const bool over = header().quiesced.load(std::memory_order_acquire) != 0 ||
                    header().sender_gone.load(std::memory_order_acquire) != 0;
  return over && empty();  // in this order: what was published before the end is seen
}

bool sleep_barrier(bool all_fence) noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return all_fence || membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED);
}

// Measured in this process, on its own memory: the work is the same. What the copy through a channel takes is about one
// memcpy, for the two ends work at the same time, and 64 KiB is where most programs' large messages begin. On one machine the
// kernel took twice as long as memcpy and won, on another seven times and lost (docs/decisions/0009-one-copy-or-two.md).
bool direct_copies_pay() noexcept {
  static const bool pays = [] {
    constexpr std::size_t kSize = 64 * 1024;
    constexpr int kTries = 5, kWorthIt = 3;
    using Clock = std::chrono::steady_clock;
    const std::unique_ptr<char[]> from(new (std::nothrow) char[kSize]), to(new (std::nothrow) char[kSize]);
    if (!from || !to) return false;
    std::memset(from.get(), 1, kSize);
    std::memset(to.get(), 2, kSize);
    auto by_kernel = Clock::duration::max(), by_memcpy = by_kernel;
    for (int i = 0; i < kTries; ++i) {
      const iovec local{to.get(), kSize}, remote{from.get(), kSize};
      const auto start = Clock::now();
      if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) != static_cast<ssize_t>(kSize)) return false;
      const auto middle = Clock::now();
      std::memcpy(to.get(), from.get(), kSize);
      asm volatile("" : : "r"(to.get()) : "memory");
      by_memcpy = std::min(by_memcpy, Clock::now() - middle);
      by_kernel = std::min(by_kernel, middle - start);
    }
    return by_kernel <= kWorthIt * by_memcpy;
  }();
  return pays;
}

MemoryToken memory_token() noexcept {
  static const std::uint64_t* const word = [] {
    auto* made = new std::uint64_t{};  // never freed: peers may look at any time
    while (getrandom(made, sizeof *made, 0) != sizeof *made) {
    }
    return made;
  }();
  return {*word, reinterpret_cast<std::uintptr_t>(word)};
}

// The token is read in the same call and behind the data: if the number belongs to another process by then, there is no such
// word at that address, except by a chance of 2^-64.
bool ChannelReceiver::read_sender(std::span<const iovec> local, std::span<const iovec> remote) noexcept {
  if (local.size() > kMaxPieces || remote.size() > kMaxPieces || pid_ <= 0) return false;
  iovec to[kMaxPieces + 1], from[kMaxPieces + 1];
  std::size_t wanted = sizeof(std::uint64_t);
  for (std::size_t i = 0; i < local.size(); ++i) wanted += (to[i] = local[i]).iov_len;
  for (std::size_t i = 0; i < remote.size(); ++i) from[i] = remote[i];
  std::uint64_t found = 0;
  const std::uint64_t token = header().token.load(std::memory_order_acquire);
  to[local.size()] = {&found, sizeof found};
  from[remote.size()] = {reinterpret_cast<void*>(header().token_address.load(std::memory_order_relaxed)), sizeof found};
  const ssize_t copied = process_vm_readv(pid_, to, local.size() + 1, from, remote.size() + 1, 0);
  return copied == static_cast<ssize_t>(wanted) && found == token && token != 0;
}

bool ChannelReceiver::is_sender() noexcept { return read_sender({}, {}); }

bool ChannelReceiver::write_sender(std::span<const iovec> local, std::span<const iovec> remote) noexcept {
  if (local.size() > kMaxPieces || remote.size() > kMaxPieces || !is_sender()) return false;
  std::size_t wanted = 0;
  for (const iovec& piece : local) wanted += piece.iov_len;
  return process_vm_writev(pid_, local.data(), local.size(), remote.data(), remote.size(), 0) ==
         static_cast<ssize_t>(wanted);
}

}  // namespace weft::device

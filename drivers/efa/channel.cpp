#include "drivers/efa/channel.hpp"

#include <cerrno>
#include <new>

#include "drivers/efa/function.hpp"
#include "drivers/efa/queue_pair.hpp"

namespace weft::efa {
namespace {

constexpr std::uint64_t kChannelPage = 4096;
constexpr std::uint64_t kSlotOffset = kChannelPage;
constexpr std::uint64_t kBufferOffset =
    (kSlotOffset + kChannelSlots * sizeof(ChannelSlot) + kChannelPage - 1) / kChannelPage * kChannelPage;
constexpr std::uint64_t kChannelSize = kBufferOffset + std::uint64_t{kChannelBuffers} * kBufferStride;

ChannelEnd end_of(const QueuePair& queue_pair) {
  const EfaFunction& function = queue_pair.function().declared;
  return {function.address.octets, queue_pair.qpn(), queue_pair.qkey(), function.slot};
}

}  // namespace

std::unique_ptr<Channel> Channel::create(std::uint32_t id, QueuePair& sender, QueuePair& receiver) noexcept {
  std::unique_ptr<SharedMemory> memory = SharedMemory::create(kChannelSize, sizeof(ChannelHeader));
  if (!memory) return nullptr;
  std::unique_ptr<Channel> channel(new (std::nothrow) Channel(id, sender, receiver, std::move(memory)));
  if (!channel) errno = ENOMEM;
  return channel;
}

Channel::Channel(std::uint32_t id, QueuePair& sender, QueuePair& receiver,
                 std::unique_ptr<SharedMemory> memory) noexcept
    : ends{&sender, &receiver},
      id_(id),
      sender_(end_of(sender)),
      receiver_(end_of(receiver)),
      memory_(std::move(memory)),
      header_(new(memory_->data()) ChannelHeader{}) {
  header_->magic = kChannelMagic;
  header_->major = kAbiMajor, header_->minor = kAbiMinor;
  header_->header_size = sizeof(ChannelHeader);
  header_->total_size = kChannelSize;
  header_->id = id;
  header_->slots = kChannelSlots, header_->buffers = kChannelBuffers, header_->buffer_stride = kBufferStride;
  header_->mtu = kMtu;
  header_->slot_offset = kSlotOffset, header_->buffer_offset = kBufferOffset;
}

bool Channel::revoke(Revocation reason) noexcept {
  Revocation none = Revocation::kNone;
  if (!revoked_.compare_exchange_strong(none, reason)) return false;
  header_->revoked.store(reason, std::memory_order_seq_cst);
  return true;
}

bool Channel::lose_sender() noexcept {
  if (sender_gone_.exchange(true)) return false;
  header_->sender_gone.store(1, std::memory_order_seq_cst);
  return true;
}

Channel::Counts Channel::counts() const noexcept {
  return {header_->packets.load(std::memory_order_relaxed), header_->bytes.load(std::memory_order_relaxed)};
}

}  // namespace weft::efa

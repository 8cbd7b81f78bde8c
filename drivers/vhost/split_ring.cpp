#include "drivers/vhost/split_ring.hpp"

namespace weft {

std::optional<SplitRing> SplitRing::make(const rte_vhost_vring& vring, const GuestMemory& memory, RingOptions options,
                                         RingBase base) noexcept {
  const std::uint64_t size = options.size;
  const bool power_of_two = size != 0 && (size & (size - 1)) == 0;
  if (!power_of_two || !memory.holds(vring.desc, size * sizeof(Descriptor)) ||
      !memory.holds(vring.avail, sizeof(Available) + (size + 1) * sizeof(std::uint16_t)) ||
      !memory.holds(vring.used, sizeof(Used) + size * sizeof(UsedElement) + sizeof(std::uint16_t)))
    return std::nullopt;
  if ((reinterpret_cast<std::uintptr_t>(vring.desc) % 16 | reinterpret_cast<std::uintptr_t>(vring.avail) % 2 |
       reinterpret_cast<std::uintptr_t>(vring.used) % 4) != 0)
    return std::nullopt;
  SplitRing ring;
  ring.descriptors_ = reinterpret_cast<const Descriptor*>(vring.desc);
  ring.available_ = reinterpret_cast<const Available*>(vring.avail);
  ring.used_ = reinterpret_cast<Used*>(vring.used);
  ring.options_ = options;
  ring.seen_ = ring.next_ = base.available;
  ring.used_index_ = base.used;
  ring.want_kicks(false);
  return ring;
}

Take SplitRing::take(const GuestMemory& memory, GuestPieces& pieces, ChainHandle& chain) noexcept {
  if (next_ == seen_) {
    seen_ = virtio::read_acquire(&available_->index);
    if (seen_ == next_) return Take::kNone;
    if (static_cast<std::uint16_t>(seen_ - next_) > options_.size) return Take::kBroken;
  }
  const std::uint16_t head = virtio::read_once(&available_->ring()[next_ & (options_.size - 1)]);
  if (!follow(head, memory, pieces)) return Take::kBroken;
  ++next_;
  chain = {head, 1};
  return Take::kChain;
}

bool SplitRing::follow(std::uint16_t head, const GuestMemory& memory, GuestPieces& pieces) const noexcept {
  const Descriptor* table = descriptors_;
  std::uint32_t entries = options_.size;
  std::uint32_t index = head;
  std::uint32_t left = entries;  // a chain that goes in a circle ends here
  for (;;) {
    if (index >= entries || left-- == 0) return false;
    const Descriptor descriptor = virtio::read_once(&table[index]);
    if ((descriptor.flags & virtio::kIndirect) != 0) {
      const bool nested = table != descriptors_;
      if (nested || (descriptor.flags & virtio::kNext) != 0 || descriptor.address % alignof(std::uint64_t) != 0) return false;
      table = reinterpret_cast<const Descriptor*>(memory.at(descriptor.address, descriptor.bytes));
      if (table == nullptr) return false;
      left = entries = descriptor.bytes / sizeof(Descriptor);
      index = 0;
      continue;
    }
    if (!virtio::may_use(descriptor.flags, options_.device_writes) ||
        !memory.add(descriptor.address, descriptor.bytes, pieces))
      return false;
    if ((descriptor.flags & virtio::kNext) == 0) return true;
    index = descriptor.next;
  }
}

void SplitRing::give_back(ChainHandle chain, std::uint32_t written) noexcept {
  used_->ring()[used_index_++ & (options_.size - 1)] = {chain.id, written};
}

bool SplitRing::publish() noexcept {
  __atomic_store_n(&used_->index, used_index_, __ATOMIC_RELEASE);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // the guest looks once more after it asked for interrupts
  if (!options_.event_index) return (virtio::read_once(&available_->flags) & 1) == 0;
  const std::uint16_t before = told_;
  const bool first = !told_anything_;
  told_ = used_index_;
  told_anything_ = true;
  return first || virtio::passes(virtio::read_once(&available_->ring()[options_.size]), used_index_, before);
}

void SplitRing::want_kicks(bool wanted) noexcept {
  // An index that has been passed already is not passed again before the counter comes round.
  if (options_.event_index)
    __atomic_store_n(available_event(), static_cast<std::uint16_t>(wanted ? next_ : next_ - 1), __ATOMIC_RELAXED);
  else
    __atomic_store_n(&used_->flags, static_cast<std::uint16_t>(wanted ? 0 : 1), __ATOMIC_RELAXED);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // before anything() looks
}

}  // namespace weft

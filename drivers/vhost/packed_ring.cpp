#include "drivers/vhost/packed_ring.hpp"

namespace weft {

std::optional<PackedRing> PackedRing::make(const rte_vhost_vring& vring, const GuestMemory& memory, RingOptions options,
                                           RingBase base) noexcept {
  constexpr std::uint16_t kIndex = 0x7fff;
  const std::uint64_t size = options.size;
  if (size == 0 || size > kIndex + 1U || (base.available & kIndex) >= size || (base.used & kIndex) >= size)
    return std::nullopt;
  if (!memory.holds(vring.desc_packed, size * sizeof(Descriptor)) || !memory.holds(vring.driver_event, sizeof(Event)) ||
      !memory.holds(vring.device_event, sizeof(Event)))
    return std::nullopt;
  if ((reinterpret_cast<std::uintptr_t>(vring.desc_packed) % 16 | reinterpret_cast<std::uintptr_t>(vring.driver_event) % 4 |
       reinterpret_cast<std::uintptr_t>(vring.device_event) % 4) != 0)
    return std::nullopt;
  PackedRing ring;
  ring.descriptors_ = reinterpret_cast<Descriptor*>(vring.desc_packed);
  ring.driver_event_ = reinterpret_cast<const Event*>(vring.driver_event);
  ring.device_event_ = reinterpret_cast<Event*>(vring.device_event);
  ring.options_ = options;
  ring.next_ = {static_cast<std::uint16_t>(base.available & kIndex), base.available > kIndex};
  ring.used_ = {static_cast<std::uint16_t>(base.used & kIndex), base.used > kIndex};
  ring.want_kicks(false);
  return ring;
}

void PackedRing::advance(Place& place, unsigned descriptors) const noexcept {
  const unsigned index = place.index + descriptors;
  const bool round = index >= options_.size;
  place = {static_cast<std::uint16_t>(round ? index - options_.size : index), place.wrap != round};
}

bool PackedRing::add(const Descriptor& descriptor, const GuestMemory& memory, GuestPieces& pieces) const noexcept {
  return virtio::may_use(descriptor.flags, options_.device_writes) &&
         memory.add(descriptor.address, descriptor.bytes, pieces);
}

Take PackedRing::take(const GuestMemory& memory, GuestPieces& pieces, ChainHandle& chain) noexcept {
  if (!anything()) return Take::kNone;
  Place at = next_;
  for (unsigned count = 1; count <= options_.size; ++count) {
    const Descriptor descriptor = virtio::read_once(&descriptors_[at.index]);
    advance(at, 1);
    if ((descriptor.flags & virtio::kIndirect) != 0) {
      const auto* const table = reinterpret_cast<const Descriptor*>(memory.at(descriptor.address, descriptor.bytes));
      if (table == nullptr || descriptor.address % alignof(std::uint64_t) != 0) return Take::kBroken;
      for (std::uint32_t i = 0; i < descriptor.bytes / sizeof(Descriptor); ++i)
        if (i == GuestPieces::kMost || !add(virtio::read_once(&table[i]), memory, pieces)) return Take::kBroken;
    } else if (!add(descriptor, memory, pieces)) {
      return Take::kBroken;
    }
    if ((descriptor.flags & virtio::kNext) == 0) {
      next_ = at;
      chain = {descriptor.id, static_cast<std::uint16_t>(count)};  // the last descriptor of a chain has its id
      return Take::kChain;
    }
  }
  return Take::kBroken;
}

void PackedRing::give_back(ChainHandle chain, std::uint32_t written) noexcept {
  const auto flags = static_cast<std::uint16_t>((used_.wrap ? virtio::kPackedAvailable | virtio::kPackedUsed : 0) |
                                                (options_.device_writes ? virtio::kWrite : 0));
  Descriptor& descriptor = descriptors_[used_.index];
  descriptor.bytes = written;
  descriptor.id = chain.id;
  if (unpublished_) {
    __atomic_store_n(&descriptor.flags, flags, __ATOMIC_RELEASE);
  } else {
    unpublished_ = true;
    first_ = used_.index;
    first_flags_ = flags;
  }
  advance(used_, chain.descriptors);
}

bool PackedRing::publish() noexcept {
  if (unpublished_) __atomic_store_n(&descriptors_[first_].flags, first_flags_, __ATOMIC_RELEASE);
  unpublished_ = false;
  std::atomic_thread_fence(std::memory_order_seq_cst);  // the guest looks once more after it asked for interrupts
  const Place before = told_;
  const bool first = !told_anything_;
  told_ = used_;
  told_anything_ = true;
  const std::uint16_t flags = virtio::read_acquire(&driver_event_->flags);
  if (flags != virtio::kEventDescriptor || !options_.event_index) return flags != virtio::kEventDisable;
  if (first) return true;
  // As numbers that go on over the end of the ring, so that the three can be compared.
  const std::uint16_t place = virtio::read_once(&driver_event_->place);
  const int size = options_.size;
  const int event = (place & 0x7fff) - ((place >> 15 != 0) == used_.wrap ? 0 : size);
  const int earlier = before.index - (used_.index <= before.index ? size : 0);
  return virtio::passes(static_cast<std::uint16_t>(event), used_.index, static_cast<std::uint16_t>(earlier));
}

void PackedRing::want_kicks(bool wanted) noexcept {
  std::uint16_t flags = wanted ? virtio::kEventEnable : virtio::kEventDisable;
  if (wanted && options_.event_index) {
    __atomic_store_n(&device_event_->place, next_.packed(), __ATOMIC_RELAXED);
    flags = virtio::kEventDescriptor;
  }
  __atomic_store_n(&device_event_->flags, flags, __ATOMIC_RELEASE);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // before anything() looks
}

}  // namespace weft

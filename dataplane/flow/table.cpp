#include "dataplane/flow/table.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cassert>
#include <new>

namespace weft {
namespace {

constexpr std::uint32_t kMaximumCapacity = 1U << 28;

/// Half full on average, so that both buckets of a key are full about once in a hundred thousand inserts even when the
/// table is at its capacity, and make_room() finds a place then.
std::uint32_t buckets_for(std::uint32_t capacity) {
  return std::bit_ceil(std::max(2U, (capacity + FlowBucket::kSlots / 2 - 1) / (FlowBucket::kSlots / 2)));
}

}  // namespace

template <typename Entry>
FlowTable<Entry>::FlowTable(std::uint32_t capacity) : capacity_(std::max(capacity, 1U)) {
  if (capacity_ > kMaximumCapacity) throw std::bad_alloc();
  bucket_mask_ = buckets_for(capacity_) - 1;
  bucket_shift_ = 32U - static_cast<unsigned>(std::bit_width(bucket_mask_));
  void* mapped = mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  madvise(mapped, bytes(), MADV_HUGEPAGE);  // a hint: four-kilobyte pages work too, with more TLB misses
  set_timeouts(kDefaultTimeouts);
  // Fresh pages are zero, and a bucket of zeros is an empty bucket.
  buckets_ = static_cast<FlowBucket*>(mapped);
  entries_ = reinterpret_cast<Entry*>(buckets_ + bucket_mask_ + 1);
}

template <typename Entry>
FlowTable<Entry>::~FlowTable() { munmap(buckets_, bytes()); }

template <typename Entry>
std::size_t FlowTable<Entry>::bytes() const noexcept {
  return std::size_t{bucket_mask_ + 1} * sizeof(FlowBucket) + std::size_t{capacity_} * sizeof(Entry);
}

template <typename Entry>
void FlowTable<Entry>::set_timeouts(const TimeoutTable& timeouts) noexcept {
  timeouts_ = &timeouts;
  std::copy(timeouts.defaults().begin(), timeouts.defaults().end(), limits_);
}

template <typename Entry>
Entry* FlowTable<Entry>::take_entry() noexcept {
  if (free_head_ != kNoEntry) {
    Entry* entry = &entries_[free_head_];
    free_head_ = entry->last_seen;
    return entry;
  }
  return fresh_ < capacity_ ? &entries_[fresh_++] : nullptr;
}

template <typename Entry>
void FlowTable<Entry>::place(std::uint32_t bucket, unsigned slot, std::uint16_t tag, std::uint32_t index,
                       bool guest) noexcept {
  FlowBucket& here = buckets_[bucket];
  here.tag[slot] = tag;
  here.index[slot] = index;
  if (!guest) return;
  here.guests = static_cast<std::uint8_t>(here.guests | 1U << slot);
  ++buckets_[other(bucket, tag)].guests_elsewhere;
}

template <typename Entry>
void FlowTable<Entry>::vacate(std::uint32_t bucket, unsigned slot) noexcept {
  FlowBucket& here = buckets_[bucket];
  if ((here.guests >> slot & 1U) != 0) {
    here.guests = static_cast<std::uint8_t>(here.guests & ~(1U << slot));
    --buckets_[other(bucket, here.tag[slot])].guests_elsewhere;
  }
  here.tag[slot] = 0;
}

/// Moves one of a full bucket's entries to its other bucket (cuckoo hashing, one step). The entry itself stays.
template <typename Entry>
bool FlowTable<Entry>::make_room(std::uint32_t bucket) noexcept {
  for (unsigned slot = 0; slot < FlowBucket::kSlots; ++slot) {
    const std::uint16_t tag = buckets_[bucket].tag[slot];
    const std::uint32_t index = buckets_[bucket].index[slot];
    const std::uint32_t target = other(bucket, tag);
    const unsigned free = buckets_[target].match(0);
    if (free == 0) continue;
    const bool was_guest = (buckets_[bucket].guests >> slot & 1U) != 0;
    vacate(bucket, slot);
    place(target, static_cast<unsigned>(std::countr_zero(free)), tag, index, !was_guest);
    return true;
  }
  return false;
}

template <typename Entry>
std::uint32_t FlowTable<Entry>::bucket_with_room(std::uint32_t first, std::uint32_t second) noexcept {
  if (buckets_[first].match(0) != 0) return first;
  if (buckets_[second].match(0) != 0) return second;
  if (make_room(first)) return first;
  return make_room(second) ? second : kNoBucket;
}

template <typename Entry>
Entry* FlowTable<Entry>::insert(const Key& key, std::uint32_t hash, std::uint32_t now) noexcept {
  assert(hash == weft::hash(key));
  if (size_ == capacity_) return nullptr;
  const std::uint16_t tag = tag_of(hash);
  const std::uint32_t first = home(hash);
  const std::uint32_t bucket = bucket_with_room(first, other(first, tag));
  if (bucket == kNoBucket) return nullptr;
  Entry* entry = take_entry();
  *entry = Entry{};
  entry->key = key;
  entry->last_seen = now;
  const auto slot = static_cast<unsigned>(std::countr_zero(buckets_[bucket].match(0)));
  place(bucket, slot, tag, static_cast<std::uint32_t>(entry - entries_), bucket != first);
  ++size_;
  return entry;
}

template <typename Entry>
bool FlowTable<Entry>::consistent() const noexcept {
  std::uint32_t entries = 0, guests = 0, counted = 0;
  for (std::uint32_t at = 0; at <= bucket_mask_; ++at) {
    const FlowBucket& bucket = buckets_[at];
    counted += bucket.guests_elsewhere;
    if ((bucket.guests & bucket.match(0)) != 0) return false;
    for (unsigned slots = bucket.occupied(); slots != 0; slots &= slots - 1) {
      const auto slot = static_cast<unsigned>(std::countr_zero(slots));
      const std::uint32_t hash = weft::hash(entries_[bucket.index[slot]].key);
      const bool guest = (bucket.guests >> slot & 1U) != 0;
      const std::uint32_t expected = guest ? other(home(hash), tag_of(hash)) : home(hash);
      if (bucket.tag[slot] != tag_of(hash) || expected != at) return false;
      if (guest && buckets_[home(hash)].guests_elsewhere == 0) return false;
      guests += guest;
      ++entries;
    }
  }
  std::uint32_t free = 0;
  for (std::uint32_t at = free_head_; at != kNoEntry && free <= fresh_; at = entries_[at].last_seen) ++free;
  return entries == size_ && guests == counted && free + size_ == fresh_;
}

template <typename Entry>
void FlowTable<Entry>::erase_slot(std::uint32_t bucket, unsigned slot) noexcept {
  const std::uint32_t index = buckets_[bucket].index[slot];
  vacate(bucket, slot);
  entries_[index].half[0] = entries_[index].half[1] = FlowHalf{};  // confirm() does not take it for a live one
  entries_[index].last_seen = free_head_;
  free_head_ = index;
  --size_;
}

template <typename Entry>
void FlowTable<Entry>::erase(Entry* entry) noexcept {
  const auto index = static_cast<std::uint32_t>(entry - entries_);
  const std::uint32_t hash = weft::hash(entry->key);
  const std::uint16_t tag = tag_of(hash);
  for (const std::uint32_t bucket : {home(hash), other(home(hash), tag)}) {
    for (unsigned hits = buckets_[bucket].match(tag); hits != 0; hits &= hits - 1) {
      const auto slot = static_cast<unsigned>(std::countr_zero(hits));
      if (buckets_[bucket].index[slot] != index) continue;
      erase_slot(bucket, slot);
      return;
    }
  }
  assert(!"erase() of an entry that is not in the table");
}

template <typename Entry>
Entry* FlowTable<Entry>::find_elsewhere(const Key& key, std::uint32_t hash, std::uint8_t direction, std::uint16_t eni,
                                        std::uint32_t now) noexcept {
  const std::uint16_t tag = tag_of(hash);
  return find_in(buckets_[other(home(hash), tag)], tag, key, direction, eni, now);
}

template <typename Entry>
bool FlowTable<Entry>::forgotten(const Entry& entry, std::uint32_t now) const noexcept {
  return expired(entry, now, *timeouts_);
}

template class FlowTable<FlowEntry4>;
template class FlowTable<FlowEntry6>;

}  // namespace weft

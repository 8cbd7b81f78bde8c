// What the burst loop inlines, and the templates of table.hpp.
#pragma once

#include <utility>

#include "dataplane/flow/table.hpp"

namespace weft {

template <typename Entry>
inline void FlowTable<Entry>::prefetch(std::uint32_t hash) const noexcept { __builtin_prefetch(&buckets_[home(hash)]); }

template <typename Entry>
inline std::uint32_t FlowTable<Entry>::guess(std::uint32_t hash) const noexcept {
  const FlowBucket& bucket = buckets_[home(hash)];
  // No branch: two tags of a bucket are rarely equal, and without a hit slot 0 is as good as any.
  const unsigned hits = bucket.match(tag_of(hash)) | 1U << FlowBucket::kSlots;
  const std::uint32_t index = bucket.index[static_cast<unsigned>(std::countr_zero(hits)) % FlowBucket::kSlots];
  __builtin_prefetch(&entries_[index]);
  if constexpr (sizeof(Entry) > 64) __builtin_prefetch(&entries_[index].packets);
  return index;
}

template <typename Entry>
inline Entry* FlowTable<Entry>::find_in(const FlowBucket& bucket, std::uint16_t tag, const Key& key,
                                        std::uint8_t direction, std::uint16_t eni, std::uint32_t now) noexcept {
  for (unsigned hits = bucket.match(tag); hits != 0; hits &= hits - 1) {
    Entry& entry = entries_[bucket.index[std::countr_zero(hits)]];
    if (is(entry, key, direction, eni) && !expired_now(entry, now)) return &entry;
  }
  return nullptr;
}

template <typename Entry>
inline Entry* FlowTable<Entry>::find(const Key& key, std::uint32_t hash, std::uint8_t direction, std::uint16_t eni,
                                     std::uint32_t now) noexcept {
  const FlowBucket& bucket = buckets_[home(hash)];
  Entry* const entry = find_in(bucket, tag_of(hash), key, direction, eni, now);
  if (entry != nullptr || bucket.guests_elsewhere == 0) [[likely]] return entry;
  return find_elsewhere(key, hash, direction, eni, now);
}

template <typename Entry>
template <typename Visit>
void FlowTable<Entry>::for_each_hop(const Key& key, std::uint32_t hash, std::uint32_t now, Visit&& visit) noexcept {
  const std::uint16_t tag = tag_of(hash);
  for (const std::uint32_t at : {home(hash), other(home(hash), tag)}) {
    const FlowBucket& bucket = buckets_[at];
    for (unsigned hits = bucket.match(tag); hits != 0; hits &= hits - 1) {
      Entry& entry = entries_[bucket.index[std::countr_zero(hits)]];
      if (entry.key == key && !expired_now(entry, now)) visit(entry);
    }
  }
}

template <typename Entry>
template <typename Gone>
void FlowTable<Entry>::age(unsigned buckets, std::uint32_t now, Gone&& gone) noexcept {
  age(
      buckets, now, [](const Entry&) { return false; }, gone);
}

template <typename Entry>
template <typename Dead, typename Gone>
void FlowTable<Entry>::age(unsigned buckets, std::uint32_t now, Dead&& dead, Gone&& gone) noexcept {
  for (; buckets > 0; --buckets) {
    const std::uint32_t at = hand_;
    hand_ = (hand_ + 1) & bucket_mask_;
    const FlowBucket& next = buckets_[hand_];
    for (unsigned slots = next.occupied(); slots != 0; slots &= slots - 1)
      __builtin_prefetch(&entries_[next.index[std::countr_zero(slots)]]);
    for (unsigned slots = buckets_[at].occupied(); slots != 0; slots &= slots - 1) {
      const auto slot = static_cast<unsigned>(std::countr_zero(slots));
      Entry& entry = entries_[buckets_[at].index[slot]];
      if (!expired_now(entry, now) && !dead(entry)) continue;
      gone(entry);
      erase_slot(at, slot);
    }
  }
}

template <typename Entry>
template <typename Visit>
void FlowTable<Entry>::for_each(Visit&& visit) {
  for_some(0, buckets(), visit);
}

template <typename Entry>
template <typename Visit>
std::uint32_t FlowTable<Entry>::for_some(std::uint32_t from, std::uint32_t most, Visit&& visit) {
  std::uint32_t at = from;
  for (; at <= bucket_mask_ && most > 0; ++at, --most)
    for (unsigned slots = buckets_[at].occupied(); slots != 0; slots &= slots - 1)
      visit(entries_[buckets_[at].index[std::countr_zero(slots)]]);
  return at & bucket_mask_;
}

extern template class FlowTable<FlowEntry4>;  // in table.cpp
extern template class FlowTable<FlowEntry6>;

}  // namespace weft

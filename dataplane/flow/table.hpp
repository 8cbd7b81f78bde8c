// The flow table of one worker (DESIGN D2): one entry decides a hop, both directions meet in it.
//
// Equality is of the whole key and of the ENI the packet came in at. Two lines of memory a lookup: an entry sits in one
// of two buckets, nearly always the first (flow/README.md has the layout and what was measured).
// Thread: the owning worker; other threads read copies that the worker makes (for_each between bursts).
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/flow/bucket.hpp"
#include "dataplane/flow/entry.hpp"
#include "dataplane/flow/track.hpp"

namespace weft {

template <typename EntryType>
class FlowTable {
 public:
  using Entry = EntryType;
  using Key = typename Entry::Key;

  /// Room for `capacity` entries (1 to 2^28), mapped now, so that no packet waits for an allocator; the kernel gives
  /// pages as they are first touched, huge ones where it can. 80 to 96 bytes a flow
  /// (IPv6: 144 to 160), and two buckets at least.
  /// Throws std::bad_alloc.
  explicit FlowTable(std::uint32_t capacity);
  ~FlowTable();
  FlowTable(const FlowTable&) = delete;
  FlowTable& operator=(const FlowTable&) = delete;

  /// Which time-outs to go by, from now on; `timeouts` must outlive its use here. Without, the defaults.
  void set_timeouts(const TimeoutTable& timeouts) noexcept;
  const TimeoutTable& timeouts() const noexcept { return *timeouts_; }

  static constexpr std::uint32_t kNoEntry = 0xffffffff;

  /// A burst is looked up in three passes, so that its cache misses overlap: prefetch() of all, guess() of all once the
  /// buckets are there, confirm() of all (bench/flow_table.cpp measures what that saves).
  void prefetch(std::uint32_t hash) const noexcept;
  /// Where the key's entry is, if it is where nearly all are and no other has its tag; prefetched.
  std::uint32_t guess(std::uint32_t hash) const noexcept;
  /// The entry whose end `direction` is `eni`, the ENI the packet came in at: the same tuple seen at another ENI (a
  /// middlebox) is another flow (DESIGN D2). Null when there is none. Expired entries are not found.
  /// Everywhere `hash` is weft::hash(key).
  Entry* find(const Key& key, std::uint32_t hash, std::uint8_t direction, std::uint16_t eni,
              std::uint32_t now) noexcept;
  /// The entry at guess(hash), if it is the one that find() would return; null: ask find().
  Entry* confirm(std::uint32_t guess, const Key& key, std::uint8_t direction, std::uint16_t eni,
                 std::uint32_t now) noexcept {
    Entry& entry = entries_[guess];  // an erased one has no ENIs
    return is(entry, key, direction, eni) && !expired_now(entry, now) ? &entry : nullptr;
  }
  /// Every entry of the key that has not expired, whatever its ends are: the hops of one tuple. `visit` may not touch the
  /// table. For a flow's first packets, not for every packet.
  template <typename Visit>
  void for_each_hop(const Key& key, std::uint32_t hash, std::uint32_t now, Visit&& visit) noexcept;
  /// A new entry with the key set and everything else fresh; null when the table is full. No live entry may have the
  /// key and the ends the caller gives it; an expired one may, and leaves when the clock hand comes by. The caller
  /// fills in both halves at once, then calls begin(). Entries do not move.
  Entry* insert(const Key& key, std::uint32_t hash, std::uint32_t now) noexcept;
  void erase(Entry* entry) noexcept;
  /// Which of the `capacity()` entries it is: for tables beside this one.
  std::uint32_t index_of(const Entry& entry) const noexcept { return static_cast<std::uint32_t>(&entry - entries_); }

  /// Ageing by a clock hand: looks at `buckets` buckets and erases what has expired, calling gone(entry) first.
  /// `gone` may look at the entry and may not touch the table.
  template <typename Gone>
  void age(unsigned buckets, std::uint32_t now, Gone&& gone) noexcept;
  /// The same, and erases what dead(entry) says as well: flows whose ENI has gone.
  template <typename Dead, typename Gone>
  void age(unsigned buckets, std::uint32_t now, Dead&& dead, Gone&& gone) noexcept;
  std::uint32_t buckets() const noexcept { return bucket_mask_ + 1; }  // one turn of the clock hand
  /// Every entry, expired ones too. `visit` may erase the entry it is given and no other, and may not insert.
  template <typename Visit>
  void for_each(Visit&& visit);
  /// The same of the buckets from `from` on, until it has looked at `most`; returns the next one, and 0 after the last.
  template <typename Visit>
  std::uint32_t for_some(std::uint32_t from, std::uint32_t most, Visit&& visit);

  std::uint32_t size() const noexcept { return size_; }
  std::uint32_t capacity() const noexcept { return capacity_; }
  /// Address space taken by all tables.
  std::size_t bytes() const noexcept;
  /// Walks everything: each entry is in one of its two buckets, guests are marked and counted, the counts add up. For
  /// tests; a wrong count costs only speed or room, so nothing else would notice.
  bool consistent() const noexcept;

 private:
  static constexpr std::uint32_t kNoBucket = 0xffffffff;

  /// Several workers choose a flow's owner by bits of the same hash, so those may be equal for all of a table's flows:
  /// the multiply lets the remaining ones reach every bucket (Knuth, multiplicative hashing: the upper bits).
  std::uint32_t home(std::uint32_t hash) const noexcept { return (hash * 0x9e3779b1U) >> bucket_shift_; }
  static std::uint16_t tag_of(std::uint32_t hash) noexcept {
    const auto tag = static_cast<std::uint16_t>(hash >> 8);
    return tag == 0 ? 1 : tag;
  }
  /// The other bucket of an entry; its own inverse, and never the same bucket.
  std::uint32_t other(std::uint32_t bucket, std::uint16_t tag) const noexcept {
    return bucket ^ (((tag * 0x85ebca6bU) >> 7 | 1U) & bucket_mask_);
  }
  void place(std::uint32_t bucket, unsigned slot, std::uint16_t tag, std::uint32_t index, bool guest) noexcept;
  void vacate(std::uint32_t bucket, unsigned slot) noexcept;
  bool make_room(std::uint32_t bucket) noexcept;
  std::uint32_t bucket_with_room(std::uint32_t first, std::uint32_t second) noexcept;
  Entry* take_entry() noexcept;
  void erase_slot(std::uint32_t bucket, unsigned slot) noexcept;
  static bool is(const Entry& entry, const Key& key, std::uint8_t direction, std::uint16_t eni) noexcept {
    return entry.key == key && entry.half[direction].eni == eni;
  }
  Entry* find_in(const FlowBucket& bucket, std::uint16_t tag, const Key& key, std::uint8_t direction,
                 std::uint16_t eni, std::uint32_t now) noexcept;
  // Out of line, so that the burst loop keeps its registers.
  Entry* find_elsewhere(const Key& key, std::uint32_t hash, std::uint8_t direction, std::uint16_t eni,
                        std::uint32_t now) noexcept;
  bool forgotten(const Entry& entry, std::uint32_t now) const noexcept;
  /// Entries with time-outs of their own have a limit of zero here, so the one compare is all that the others need.
  bool expired_now(const Entry& entry, std::uint32_t now) const noexcept {
    return detail::idle_beyond(entry.last_seen, now, limits_[entry.state.value()]) && forgotten(entry, now);
  }

  FlowBucket* buckets_ = nullptr;
  Entry* entries_ = nullptr;
  std::uint32_t bucket_mask_ = 0;
  unsigned bucket_shift_ = 0;
  std::uint32_t capacity_ = 0;
  std::uint32_t size_ = 0;
  std::uint32_t fresh_ = 0;             // entries from here on were never used
  std::uint32_t free_head_ = kNoEntry;  // list through last_seen of the others
  std::uint32_t hand_ = 0;
  const TimeoutTable* timeouts_ = &kDefaultTimeouts;
  std::uint32_t limits_[TrackByte::kValues] = {};
};

using FlowTable4 = FlowTable<FlowEntry4>;
using FlowTable6 = FlowTable<FlowEntry6>;

}  // namespace weft

#include "dataplane/flow/table_impl.hpp"

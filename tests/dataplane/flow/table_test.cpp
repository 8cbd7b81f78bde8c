// The flow table against std::unordered_map, and its own promises: capacity, ends, expiry, ageing, bytes.
#include "dataplane/flow/table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <unordered_map>
#include <vector>

namespace weft {
namespace {

FlowKey4 key_of(std::uint32_t number) {
  return normalise(1, 0x0a000000 + (number >> 12), 0x0a010000, 17, static_cast<std::uint16_t>(number & 0xfff), 53).key;
}

FlowEntry4* add(FlowTable4& table, const FlowKey4& key, std::uint16_t eni0, std::uint16_t eni1, std::uint32_t now = 0) {
  FlowEntry4* entry = table.insert(key, hash(key), now);
  if (entry == nullptr) return nullptr;
  entry->half[0].eni = eni0;
  entry->half[1].eni = eni1;
  begin(*entry, 0, 0, now);
  return entry;
}

FlowEntry4* look(FlowTable4& table, const FlowKey4& key, std::uint8_t direction, std::uint16_t eni,
                 std::uint32_t now = 0) {
  return table.find(key, hash(key), direction, eni, now);
}

TEST(FlowKey, IsTheSameForBothDirections) {
  std::mt19937 random(21);
  for (int i = 0; i < 10'000; ++i) {
    const auto a = static_cast<std::uint32_t>(random()), b = i % 5 == 0 ? a : static_cast<std::uint32_t>(random());
    const auto p = static_cast<std::uint16_t>(random()), q = static_cast<std::uint16_t>(random());
    const NormalisedKey4 there = normalise(7, a, b, 6, p, q);
    const NormalisedKey4 back = normalise(7, b, a, 6, q, p);
    ASSERT_EQ(there.key, back.key);
    ASSERT_EQ(hash(there.key), hash(back.key));
    ASSERT_LE(there.key.address[0], there.key.address[1]);
    if (a != b || p != q) {
      ASSERT_NE(there.direction, back.direction);
    }
    ASSERT_EQ(there.key.address[there.direction], a) << "direction i is sent by the owner of address[i]";
    ASSERT_EQ(there.key.port[there.direction], p);
  }
}

TEST(FlowKey, DiffersInEveryField) {
  const FlowKey4 key = normalise(1, 10, 20, 6, 30, 40).key;
  std::set<std::uint32_t> hashes = {hash(key)};
  for (const FlowKey4& other :
       {normalise(2, 10, 20, 6, 30, 40).key, normalise(1, 11, 20, 6, 30, 40).key, normalise(1, 10, 21, 6, 30, 40).key,
        normalise(1, 10, 20, 17, 30, 40).key, normalise(1, 10, 20, 6, 31, 40).key, normalise(1, 10, 20, 6, 30, 41).key,
        normalise(1, 10, 20, 6, 40, 30).key}) {
    EXPECT_FALSE(key == other);
    hashes.insert(hash(other));
  }
  EXPECT_EQ(hashes.size(), 8U);
}

/// Keys as traffic has them: few addresses, ports one after the other. Every byte of the hash must look random.
TEST(FlowKey, HashesTrafficEvenly) {
  constexpr int kKeys = 1 << 18;
  std::vector<std::uint32_t> hashes;
  for (std::uint32_t i = 0; i < kKeys; ++i)
    hashes.push_back(hash(normalise(1, 0x0a000100 + i / 65536, 0x0a000200, 6, static_cast<std::uint16_t>(i), 80).key));
  for (unsigned shift = 0; shift < 32; shift += 8) {
    std::vector<int> count(256);
    for (const std::uint32_t h : hashes) ++count[h >> shift & 0xff];
    double chi_square = 0;
    for (const int n : count) chi_square += (n - kKeys / 256.0) * (n - kKeys / 256.0) / (kKeys / 256.0);
    EXPECT_LT(chi_square, 255 + 6 * 22.6) << "byte at bit " << shift;  // mean 255, deviation sqrt(510)
  }
  std::sort(hashes.begin(), hashes.end());
  const auto different = std::unique(hashes.begin(), hashes.end()) - hashes.begin();
  EXPECT_GT(different, kKeys - 30) << "8 collisions are expected of 2^18 random numbers of 32 bits";
}

TEST(FlowTable, FindsWhatWasInsertedByEitherEnd) {
  FlowTable4 table(100);
  const FlowKey4 key = key_of(1);
  FlowEntry4* entry = add(table, key, 3, 4);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(entry) % 64, 0U);
  EXPECT_EQ(look(table, key, 0, 3), entry);
  EXPECT_EQ(look(table, key, 1, 4), entry);
  EXPECT_EQ(look(table, key_of(2), 0, 3), nullptr);
  EXPECT_EQ(table.size(), 1U);
}

TEST(FlowTable, KeepsTheSameTupleAtAnotherEniApart) {  // DESIGN D2: a middlebox sees a tuple twice
  FlowTable4 table(100);
  const FlowKey4 key = key_of(1);
  FlowEntry4* first_hop = add(table, key, 1, 2);  // A to the middlebox
  EXPECT_EQ(look(table, key, 0, 2), nullptr) << "the middlebox sends it on: not the hop it arrived by";
  FlowEntry4* second_hop = add(table, key, 2, 3);  // the middlebox to B
  ASSERT_NE(first_hop, second_hop);
  EXPECT_EQ(look(table, key, 0, 1), first_hop);
  EXPECT_EQ(look(table, key, 0, 2), second_hop);
  EXPECT_EQ(look(table, key, 1, 3), second_hop);
  EXPECT_EQ(look(table, key, 1, 2), first_hop);
  table.erase(first_hop);
  EXPECT_EQ(look(table, key, 0, 1), nullptr);
  EXPECT_EQ(look(table, key, 0, 2), second_hop);
}

TEST(FlowTable, GivesFreshEntries) {
  FlowTable4 table(1);
  FlowEntry4* entry = add(table, key_of(1), 3, 4, 77);
  entry->bytes[0] = 12;
  entry->packets[1] = 5;
  entry->half[0].fin = 1;
  entry->half[0].epoch = 9;
  table.erase(entry);
  entry = table.insert(key_of(2), hash(key_of(2)), 88);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->key, key_of(2));
  EXPECT_EQ(entry->last_seen, 88U);
  EXPECT_EQ(entry->bytes[0], 0U);
  EXPECT_EQ(entry->packets[1], 0U);
  EXPECT_EQ(entry->half[0].fin, 0);
  EXPECT_EQ(entry->half[0].epoch, 0U);
  EXPECT_EQ(entry->half[0].eni, 0xffff);
}

TEST(FlowTable, DoesNotFindExpiredEntriesAndKeepsThemForTheClockHand) {
  FlowTable4 table(100);
  const FlowKey4 key = key_of(1);
  FlowEntry4* old = add(table, key, 3, 4, 0);
  EXPECT_EQ(look(table, key, 0, 3, kUdpTimeout), old);
  EXPECT_EQ(look(table, key, 0, 3, kUdpTimeout + 1), nullptr);
  FlowEntry4* fresh = add(table, key, 3, 4, kUdpTimeout + 1);
  ASSERT_NE(fresh, old);
  EXPECT_EQ(look(table, key, 0, 3, kUdpTimeout + 1), fresh) << "the expired twin is passed over";
  EXPECT_EQ(table.size(), 2U);
  std::vector<FlowEntry4*> gone;
  table.age(table.buckets(), kUdpTimeout + 1, [&](FlowEntry4& entry) { gone.push_back(&entry); });
  EXPECT_EQ(gone, std::vector<FlowEntry4*>{old});
  EXPECT_EQ(table.size(), 1U);
  EXPECT_EQ(look(table, key, 0, 3, kUdpTimeout + 1), fresh);
}

TEST(FlowTable, AgesEverythingInOneTurnOfTheHandInSmallSteps) {
  FlowTable4 table(5'000);
  for (std::uint32_t i = 0; i < 5'000; ++i) ASSERT_NE(add(table, key_of(i), 1, 2, i % 2 == 0 ? 0 : 20'000), nullptr);
  const std::uint32_t now = kUdpTimeout + 1;
  std::size_t gone = 0;
  for (std::uint32_t step = 0; step < table.buckets(); step += 4)
    table.age(4, now, [&](FlowEntry4& entry) {
      EXPECT_EQ(entry.last_seen, 0U);
      ++gone;
    });
  EXPECT_EQ(gone, 2'500U);
  EXPECT_EQ(table.size(), 2'500U);
  for (std::uint32_t i = 0; i < 5'000; ++i) ASSERT_EQ(look(table, key_of(i), 0, 1, now) != nullptr, i % 2 == 1);
}

TEST(FlowTable, ForEachSeesEveryEntryOnceAndMayEraseIt) {
  FlowTable4 table(3'000);
  for (std::uint32_t i = 0; i < 3'000; ++i) add(table, key_of(i), 1, 2);
  std::set<FlowEntry4*> seen;
  table.for_each([&](FlowEntry4& entry) {
    EXPECT_TRUE(seen.insert(&entry).second);
    if (entry.key.port[0] % 3 == 0) table.erase(&entry);
  });
  EXPECT_EQ(seen.size(), 3'000U);
  std::size_t left = 0;
  table.for_each([&](FlowEntry4& entry) {
    EXPECT_NE(entry.key.port[0] % 3, 0);
    ++left;
  });
  EXPECT_EQ(left, table.size());
  EXPECT_EQ(left, 2'000U);
}

TEST(FlowTable, FillsToItsCapacityAndSaysWhenItIsFull) {
  for (const std::uint32_t capacity : {1U, 2U, 7U, 64U, 1'000U, 4'096U, 100'000U}) {
    FlowTable4 table(capacity);
    EXPECT_EQ(table.capacity(), capacity);
    std::uint32_t refused = 0;
    for (std::uint32_t i = 0; i < capacity; ++i) refused += add(table, key_of(i), 1, 2) == nullptr;
    EXPECT_EQ(refused, 0U) << capacity;
    EXPECT_EQ(table.size(), capacity);
    EXPECT_TRUE(table.consistent()) << capacity;
    EXPECT_EQ(add(table, key_of(capacity), 1, 2), nullptr);
    for (std::uint32_t i = 0; i < capacity; ++i)
      ASSERT_NE(look(table, key_of(i), 0, 1), nullptr) << i << " of " << capacity;
    table.erase(look(table, key_of(capacity / 2), 0, 1));
    EXPECT_NE(add(table, key_of(capacity), 1, 2), nullptr);
  }
}

TEST(FlowTable, TakesAtMost128BytesAFlow) {
  for (const std::uint32_t capacity : {64U, 1'000U, 1'025U, 4'097U, 100'000U, 1U << 20, (1U << 20) + 1})
    EXPECT_LE(FlowTable4(capacity).bytes(), std::size_t{128} * capacity) << capacity;
}

/// Keys whose hashes are equal in every bit that the table looks at go to the same two buckets: sixteen fit, the next
/// is refused, and nothing else suffers.
TEST(FlowTable, SurvivesKeysThatCollide) {
  FlowTable4 table(4'096);
  std::map<std::uint32_t, std::vector<FlowKey4>> by_hash;
  std::vector<FlowKey4> colliding;
  for (std::uint32_t i = 0; colliding.empty(); ++i) {
    const FlowKey4 key = normalise(1, i, 0xffffffff, 17, 1, 2).key;
    // The home bucket is the upper ten bits of this product, the tag is bits 8 to 23 of the hash.
    const std::uint32_t h = hash(key);
    auto& same = by_hash[(h * 0x9e3779b1U) >> 22 << 16 | (h >> 8 & 0xffff)];
    same.push_back(key);
    if (i > 6'000'000) break;
    if (same.size() == 3) colliding = same;
  }
  ASSERT_EQ(colliding.size(), 3U) << "three keys with the same bucket and tag";
  // The same key at other ENIs is another flow with the same hash: fill both buckets.
  std::vector<std::pair<FlowKey4, std::uint16_t>> kept;
  for (std::uint16_t eni = 0; eni < 6; ++eni)
    for (const FlowKey4& key : colliding)
      if (add(table, key, eni, 100) != nullptr) kept.emplace_back(key, eni);
  EXPECT_EQ(kept.size(), 16U);
  EXPECT_EQ(table.size(), 16U);
  for (const auto& [key, eni] : kept) EXPECT_NE(look(table, key, 0, eni), nullptr);
  EXPECT_NE(add(table, key_of(12345), 1, 2), nullptr) << "others have room";
  for (const auto& [key, eni] : kept) table.erase(look(table, key, 0, eni));
  EXPECT_EQ(table.size(), 1U);
  EXPECT_TRUE(table.consistent());
  EXPECT_EQ(look(table, kept[0].first, 0, kept[0].second), nullptr);
}

/// Keys that all belong to three of sixteen buckets: full pairs of buckets are the rule, so entries sit in their other
/// bucket, move back, and are refused, and everything that was taken is found.
TEST(FlowTable, KeepsItsPromisesWhenItsBucketsAreCrowded) {
  std::vector<FlowKey4> keys;
  for (std::uint32_t i = 0; keys.size() < 100; ++i) {
    const FlowKey4 key = normalise(1, i, 0xffffffff, 17, 1, 2).key;
    if ((hash(key) * 0x9e3779b1U) >> 28 < 3) keys.push_back(key);
  }
  std::mt19937 random(31);
  FlowTable4 table(64);
  ASSERT_EQ(table.buckets(), 16U);
  std::map<std::size_t, FlowEntry4*> truth;
  int refused = 0;
  for (int step = 0; step < 50'000; ++step) {
    const std::size_t number = random() % keys.size();
    const auto known = truth.find(number);
    if (known != truth.end()) {
      table.erase(known->second);
      truth.erase(known);
    } else if (FlowEntry4* entry = add(table, keys[number], 1, 2); entry != nullptr) {
      truth[number] = entry;
    } else {
      ++refused;
    }
    ASSERT_TRUE(table.consistent()) << step;
    if (step % 64 != 0) continue;
    for (std::size_t i = 0; i < keys.size(); ++i)
      ASSERT_EQ(look(table, keys[i], 0, 1), truth.count(i) != 0 ? truth[i] : nullptr) << step;
  }
  EXPECT_GT(refused, 0);
}

struct Reference {
  FlowEntry4* entry;
  std::uint64_t stamp;
};

/// Random inserts, erases, finds and ageing, at every load up to full, against a map that keeps the truth.
TEST(FlowTable, DoesWhatAMapDoes) {
  for (std::uint32_t seed = 1; seed <= 12; ++seed) {
    std::mt19937 random(seed);
    const std::uint32_t capacity = 1 + random() % 3'000;
    FlowTable4 table(capacity);
    std::unordered_map<std::uint32_t, Reference> truth;
    std::uint32_t now = 0xfffff000;  // ticks wrap in the middle
    std::uint64_t stamp = 0;
    const std::uint32_t universe = capacity * 5 / 4 + 1;
    for (int step = 0; step < 60'000; ++step) {
      const auto number = static_cast<std::uint32_t>(random() % universe);
      const FlowKey4 key = key_of(number);
      const auto known = truth.find(number);
      FlowEntry4* found = look(table, key, number & 1, number & 1 ? 2 : 1, now);
      if (known != truth.end() && !expired(*known->second.entry, now)) {
        ASSERT_EQ(found, known->second.entry) << "seed " << seed << " step " << step;
        ASSERT_EQ(found->bytes[0], known->second.stamp);
      } else {
        ASSERT_EQ(found, nullptr) << "seed " << seed << " step " << step;
      }
      switch (random() % 8) {
        case 0:
        case 1:
        case 2:
        case 3:
          if (known == truth.end()) {
            FlowEntry4* added = add(table, key, 1, 2, now);
            // Refused when full; a bucket pair may be full a little earlier, but then nearly.
            if (added == nullptr) {
              ASSERT_GE(table.size() + 8, capacity) << "seed " << seed;
            } else {
              ASSERT_LE(truth.size(), capacity);
              added->bytes[0] = ++stamp;
              truth[number] = {added, stamp};
            }
          } else if (found != nullptr) {
            track(*found, static_cast<std::uint8_t>(random() & 1), 0, now);
          }
          break;
        case 4:
        case 5:
          if (known != truth.end() && random() % 3 == 0) {
            table.erase(known->second.entry);
            truth.erase(known);
          }
          break;
        case 6: now += static_cast<std::uint32_t>(random() % 20); break;
        default:
          table.age(1 + static_cast<unsigned>(random() % 4), now, [&](FlowEntry4& entry) {
            ASSERT_TRUE(expired(entry, now));
            const std::uint32_t gone = (entry.key.address[0] - 0x0a000000) << 12 | entry.key.port[0];
            ASSERT_EQ(truth.at(gone).entry, &entry);
            truth.erase(gone);
          });
      }
      ASSERT_EQ(table.size(), truth.size()) << "seed " << seed << " step " << step;
      if (step % 512 == 0) {
        ASSERT_TRUE(table.consistent()) << "seed " << seed << " step " << step;
      }
    }
    std::size_t seen = 0;
    table.for_each([&](FlowEntry4&) { ++seen; });
    EXPECT_EQ(seen, truth.size());
  }
}

}  // namespace
}  // namespace weft

// The flow table of either family against std::unordered_map, and its own promises: capacity, ends, expiry, ageing, bytes.
#include "dataplane/flow/table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <unordered_map>
#include <vector>

namespace weft {
namespace {

struct V4 {
  using Entry = FlowEntry4;
  static constexpr std::uint32_t kBytesAFlow = 128;
  static std::uint32_t address(std::uint32_t number) { return number; }
  static std::uint32_t number(std::uint32_t address) { return address; }
};

struct V6 {
  using Entry = FlowEntry6;
  static constexpr std::uint32_t kBytesAFlow = 192;
  static IpAddress address(std::uint32_t number) {
    IpAddress ip{{0x20, 0x01, 0x0d, 0xb8}};
    for (unsigned i = 0; i < 4; ++i) ip.octets[12 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
    return ip;
  }
  static std::uint32_t number(const IpAddress& ip) {
    std::uint32_t value = 0;
    for (unsigned i = 0; i < 4; ++i) value = value << 8 | ip.octets[12 + i];
    return value;
  }
};

template <typename FamilyType>
class Flows : public ::testing::Test {
 protected:
  using Family = FamilyType;
  using Entry = typename Family::Entry;
  using Key = typename Entry::Key;
  using Table = FlowTable<Entry>;

  static NormalisedKey<Key> normal(std::uint16_t vpc, std::uint32_t a, std::uint32_t b, std::uint8_t protocol,
                                   std::uint16_t p, std::uint16_t q) {
    return normalise(vpc, Family::address(a), Family::address(b), protocol, p, q);
  }
  static Key key_of(std::uint32_t number) {
    return normal(1, 0x0a000000 + (number >> 12), 0x0a010000, 17, static_cast<std::uint16_t>(number & 0xfff), 53).key;
  }
  static Entry* add(Table& table, const Key& key, std::uint16_t eni0, std::uint16_t eni1, std::uint32_t now = 0) {
    Entry* entry = table.insert(key, hash(key), now);
    if (entry == nullptr) return nullptr;
    entry->half[0].eni = eni0;
    entry->half[1].eni = eni1;
    begin(*entry, 0, 0, now);
    mark_own_timeouts(*entry, table.timeouts());
    return entry;
  }
  static Entry* look(Table& table, const Key& key, std::uint8_t direction, std::uint16_t eni, std::uint32_t now = 0) {
    return table.find(key, hash(key), direction, eni, now);
  }
};

template <typename Family>
class FlowKey : public Flows<Family> {};
template <typename Family>
class FlowTableOf : public Flows<Family> {};
using Families = ::testing::Types<V4, V6>;
TYPED_TEST_SUITE(FlowKey, Families);
TYPED_TEST_SUITE(FlowTableOf, Families);

TYPED_TEST(FlowKey, IsTheSameForBothDirections) {
  std::mt19937 random(21);
  for (int i = 0; i < 10'000; ++i) {
    const auto a = static_cast<std::uint32_t>(random()), b = i % 5 == 0 ? a : static_cast<std::uint32_t>(random());
    const auto p = static_cast<std::uint16_t>(random()), q = static_cast<std::uint16_t>(random());
    const auto there = this->normal(7, a, b, 6, p, q);
    const auto back = this->normal(7, b, a, 6, q, p);
    ASSERT_EQ(there.key, back.key);
    ASSERT_EQ(hash(there.key), hash(back.key));
    ASSERT_LE(there.key.address[0], there.key.address[1]);
    if (a != b || p != q) {
      ASSERT_NE(there.direction, back.direction);
    }
    ASSERT_EQ(there.key.address[there.direction], TypeParam::address(a)) << "direction i is sent by the owner of address[i]";
    ASSERT_EQ(there.key.port[there.direction], p);
  }
}

TYPED_TEST(FlowKey, DiffersInEveryField) {
  const typename TestFixture::Key key = this->normal(1, 10, 20, 6, 30, 40).key;
  std::set<std::uint32_t> hashes = {hash(key)};
  for (const typename TestFixture::Key& other :
       {this->normal(2, 10, 20, 6, 30, 40).key, this->normal(1, 11, 20, 6, 30, 40).key, this->normal(1, 10, 21, 6, 30, 40).key,
        this->normal(1, 10, 20, 17, 30, 40).key, this->normal(1, 10, 20, 6, 31, 40).key, this->normal(1, 10, 20, 6, 30, 41).key,
        this->normal(1, 10, 20, 6, 40, 30).key}) {
    EXPECT_FALSE(key == other);
    hashes.insert(hash(other));
  }
  EXPECT_EQ(hashes.size(), 8U);
}

/// Keys as traffic has them: few addresses, ports one after the other. Every byte of the hash must look random.
TYPED_TEST(FlowKey, HashesTrafficEvenly) {
  constexpr int kKeys = 1 << 18;
  std::vector<std::uint32_t> hashes;
  for (std::uint32_t i = 0; i < kKeys; ++i)
    hashes.push_back(hash(this->normal(1, 0x0a000100 + i / 65536, 0x0a000200, 6, static_cast<std::uint16_t>(i), 80).key));
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

TYPED_TEST(FlowTableOf, FindsWhatWasInsertedByEitherEnd) {
  typename TestFixture::Table table(100);
  const typename TestFixture::Key key = this->key_of(1);
  typename TestFixture::Entry* entry = this->add(table, key, 3, 4);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(entry) % 64, 0U);
  EXPECT_EQ(this->look(table, key, 0, 3), entry);
  EXPECT_EQ(this->look(table, key, 1, 4), entry);
  EXPECT_EQ(this->look(table, this->key_of(2), 0, 3), nullptr);
  EXPECT_EQ(table.size(), 1U);
}

TYPED_TEST(FlowTableOf, KeepsTheSameTupleAtAnotherEniApart) {  // DESIGN D2: a middlebox sees a tuple twice
  typename TestFixture::Table table(100);
  const typename TestFixture::Key key = this->key_of(1);
  typename TestFixture::Entry* first_hop = this->add(table, key, 1, 2);  // A to the middlebox
  EXPECT_EQ(this->look(table, key, 0, 2), nullptr) << "the middlebox sends it on: not the hop it arrived by";
  typename TestFixture::Entry* second_hop = this->add(table, key, 2, 3);  // the middlebox to B
  ASSERT_NE(first_hop, second_hop);
  EXPECT_EQ(this->look(table, key, 0, 1), first_hop);
  EXPECT_EQ(this->look(table, key, 0, 2), second_hop);
  EXPECT_EQ(this->look(table, key, 1, 3), second_hop);
  EXPECT_EQ(this->look(table, key, 1, 2), first_hop);
  table.erase(first_hop);
  EXPECT_EQ(this->look(table, key, 0, 1), nullptr);
  EXPECT_EQ(this->look(table, key, 0, 2), second_hop);
}

TYPED_TEST(FlowTableOf, GivesFreshEntries) {
  typename TestFixture::Table table(1);
  typename TestFixture::Entry* entry = this->add(table, this->key_of(1), 3, 4, 77);
  entry->bytes[0] = 12;
  entry->packets[1] = 5;
  entry->half[0].fin = 1;
  entry->half[0].epoch = 9;
  table.erase(entry);
  entry = table.insert(this->key_of(2), hash(this->key_of(2)), 88);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->key, this->key_of(2));
  EXPECT_EQ(entry->last_seen, 88U);
  EXPECT_EQ(entry->bytes[0], 0U);
  EXPECT_EQ(entry->packets[1], 0U);
  EXPECT_EQ(entry->half[0].fin, 0);
  EXPECT_EQ(entry->half[0].epoch, 0U);
  EXPECT_EQ(entry->half[0].eni, 0xffff);
}

TYPED_TEST(FlowTableOf, DoesNotFindExpiredEntriesAndKeepsThemForTheClockHand) {
  typename TestFixture::Table table(100);
  const typename TestFixture::Key key = this->key_of(1);
  typename TestFixture::Entry* old = this->add(table, key, 3, 4, 0);
  EXPECT_EQ(this->look(table, key, 0, 3, kUdpTimeout), old);
  EXPECT_EQ(this->look(table, key, 0, 3, kUdpTimeout + 1), nullptr);
  typename TestFixture::Entry* fresh = this->add(table, key, 3, 4, kUdpTimeout + 1);
  ASSERT_NE(fresh, old);
  EXPECT_EQ(this->look(table, key, 0, 3, kUdpTimeout + 1), fresh) << "the expired twin is passed over";
  EXPECT_EQ(table.size(), 2U);
  std::vector<typename TestFixture::Entry*> gone;
  table.age(table.buckets(), kUdpTimeout + 1, [&](typename TestFixture::Entry& entry) { gone.push_back(&entry); });
  EXPECT_EQ(gone, std::vector<typename TestFixture::Entry*>{old});
  EXPECT_EQ(table.size(), 1U);
  EXPECT_EQ(this->look(table, key, 0, 3, kUdpTimeout + 1), fresh);
}

/// Each end forgets by its own ENI's time-outs; the entry goes with the last end that remembers (facts ec2 2.4).
TYPED_TEST(FlowTableOf, FindsAFlowAsLongAsAnEndRemembersIt) {
  TimeoutTable timeouts;
  IdleTimeouts longer = kIdleTimeouts;
  longer[static_cast<unsigned>(TrackState::kUdpSingle)] = 60 * kTicksPerSecond;
  timeouts.set(4, longer);
  typename TestFixture::Table table(100);
  table.set_timeouts(timeouts);
  const auto key = this->key_of(1), plain_key = this->key_of(2), untracked_key = this->key_of(3);
  auto* entry = this->add(table, key, 3, 4);
  auto* plain = this->add(table, plain_key, 3, 5);
  auto* untracked = table.insert(untracked_key, hash(untracked_key), 0);
  untracked->half[0].eni = 3;
  untracked->half[1].eni = 4;
  untracked->half[1].tracked = 0;  // the patient end has nothing to remember
  begin(*untracked, 0, 0, 0);
  mark_own_timeouts(*untracked, timeouts);
  for (const std::uint32_t now : {29 * kTicksPerSecond, 30 * kTicksPerSecond}) {
    EXPECT_EQ(this->look(table, key, 0, 3, now), entry);
    EXPECT_EQ(this->look(table, plain_key, 0, 3, now), plain);
    EXPECT_FALSE(needs_judging(*entry, 0, now, timeouts));
  }
  const std::uint32_t later = 30 * kTicksPerSecond + 1;
  EXPECT_EQ(this->look(table, key, 0, 3, later), entry);
  EXPECT_EQ(this->look(table, plain_key, 0, 3, later), nullptr);
  EXPECT_EQ(this->look(table, untracked_key, 0, 3, later), nullptr);
  EXPECT_TRUE(lapsed(*entry, 0, later, timeouts));
  EXPECT_FALSE(lapsed(*entry, 1, later, timeouts));
  EXPECT_TRUE(needs_judging(*entry, 0, later, timeouts));
  table.age(table.buckets(), later, [](const auto&) {});
  EXPECT_EQ(table.size(), 1U);
  EXPECT_EQ(this->look(table, key, 1, 4, 60 * kTicksPerSecond), entry);
  EXPECT_EQ(this->look(table, key, 1, 4, 60 * kTicksPerSecond + 1), nullptr);
}

TYPED_TEST(FlowTableOf, GoesByOtherDefaultsWhenItIsTold) {
  TimeoutTable timeouts;
  IdleTimeouts shorter = kIdleTimeouts;
  shorter[static_cast<unsigned>(TrackState::kUdpSingle)] = 5;
  timeouts.set_defaults(shorter);
  typename TestFixture::Table table(100);
  auto* entry = this->add(table, this->key_of(1), 3, 4);
  EXPECT_EQ(this->look(table, this->key_of(1), 0, 3, 6), entry);
  table.set_timeouts(timeouts);
  EXPECT_EQ(this->look(table, this->key_of(1), 0, 3, 5), entry);
  EXPECT_EQ(this->look(table, this->key_of(1), 0, 3, 6), nullptr);
}

TYPED_TEST(FlowTableOf, AgesEverythingInOneTurnOfTheHandInSmallSteps) {
  typename TestFixture::Table table(5'000);
  for (std::uint32_t i = 0; i < 5'000; ++i)
    ASSERT_NE(this->add(table, this->key_of(i), 1, 2, i % 2 == 0 ? 0 : 20'000), nullptr);
  const std::uint32_t now = kUdpTimeout + 1;
  std::size_t gone = 0;
  for (std::uint32_t step = 0; step < table.buckets(); step += 4)
    table.age(4, now, [&](typename TestFixture::Entry& entry) {
      EXPECT_EQ(entry.last_seen, 0U);
      ++gone;
    });
  EXPECT_EQ(gone, 2'500U);
  EXPECT_EQ(table.size(), 2'500U);
  for (std::uint32_t i = 0; i < 5'000; ++i) ASSERT_EQ(this->look(table, this->key_of(i), 0, 1, now) != nullptr, i % 2 == 1);
}

TYPED_TEST(FlowTableOf, ForEachSeesEveryEntryOnceAndMayEraseIt) {
  typename TestFixture::Table table(3'000);
  for (std::uint32_t i = 0; i < 3'000; ++i) this->add(table, this->key_of(i), 1, 2);
  std::set<typename TestFixture::Entry*> seen;
  table.for_each([&](typename TestFixture::Entry& entry) {
    EXPECT_TRUE(seen.insert(&entry).second);
    if (entry.key.port[0] % 3 == 0) table.erase(&entry);
  });
  EXPECT_EQ(seen.size(), 3'000U);
  std::size_t left = 0;
  table.for_each([&](typename TestFixture::Entry& entry) {
    EXPECT_NE(entry.key.port[0] % 3, 0);
    ++left;
  });
  EXPECT_EQ(left, table.size());
  EXPECT_EQ(left, 2'000U);
}

TYPED_TEST(FlowTableOf, PieceByPieceItSeesEveryEntryOnce) {
  typename TestFixture::Table table(3'000);
  for (std::uint32_t i = 0; i < 3'000; ++i) this->add(table, this->key_of(i), 1, 2);
  std::set<typename TestFixture::Entry*> seen;
  std::uint32_t next = 0, pieces = 0;
  do {
    next = table.for_some(next, 7, [&](typename TestFixture::Entry& entry) { EXPECT_TRUE(seen.insert(&entry).second); });
    ++pieces;
  } while (next != 0);
  EXPECT_EQ(seen.size(), 3'000U);
  EXPECT_EQ(pieces, (table.buckets() + 6) / 7);
}

TYPED_TEST(FlowTableOf, FillsToItsCapacityAndSaysWhenItIsFull) {
  for (const std::uint32_t capacity : {1U, 2U, 7U, 64U, 1'000U, 4'096U, 100'000U}) {
    typename TestFixture::Table table(capacity);
    EXPECT_EQ(table.capacity(), capacity);
    std::uint32_t refused = 0;
    for (std::uint32_t i = 0; i < capacity; ++i) refused += this->add(table, this->key_of(i), 1, 2) == nullptr;
    EXPECT_EQ(refused, 0U) << capacity;
    EXPECT_EQ(table.size(), capacity);
    EXPECT_TRUE(table.consistent()) << capacity;
    EXPECT_EQ(this->add(table, this->key_of(capacity), 1, 2), nullptr);
    for (std::uint32_t i = 0; i < capacity; ++i)
      ASSERT_NE(this->look(table, this->key_of(i), 0, 1), nullptr) << i << " of " << capacity;
    table.erase(this->look(table, this->key_of(capacity / 2), 0, 1));
    EXPECT_NE(this->add(table, this->key_of(capacity), 1, 2), nullptr);
  }
}

/// A deployment without a family pays nothing for its table: lookups and ageing alone take no page.
TYPED_TEST(FlowTableOf, TakesNoMemoryBeforeItsFirstFlow) {
  const auto resident_pages = [] {
    std::ifstream statm("/proc/self/statm");
    long size = 0, resident = 0;
    statm >> size >> resident;
    return resident;
  };
  // First what the look-ups themselves need, such as a sanitizer's shadow of their stack and heap.
  typename TestFixture::Table small(64), table(1U << 18);
  for (std::uint32_t i = 0; i < 10'000; ++i) ASSERT_EQ(this->look(small, this->key_of(i), 0, 3), nullptr);
  const long before = resident_pages();
  for (std::uint32_t i = 0; i < 10'000; ++i) ASSERT_EQ(this->look(table, this->key_of(i), 0, 3), nullptr);
  // Some kernels count the pages of zeros that reading maps, and two of those may be huge ones.
  EXPECT_LE(resident_pages() - before, 256 + 2 * 512) << "pages of 4 KiB; the table's address space is " << table.bytes();
}

TYPED_TEST(FlowTableOf, TakesAtMostSoManyBytesAFlow) {
  for (const std::uint32_t capacity : {64U, 1'000U, 1'025U, 4'097U, 100'000U, 1U << 20, (1U << 20) + 1})
    EXPECT_LE(typename TestFixture::Table(capacity).bytes(), std::size_t{TypeParam::kBytesAFlow} * capacity) << capacity;
}

/// Keys whose hashes are equal in every bit that the table looks at go to the same two buckets: sixteen fit, the next
/// is refused, and nothing else suffers.
TYPED_TEST(FlowTableOf, SurvivesKeysThatCollide) {
  typename TestFixture::Table table(4'096);
  std::map<std::uint32_t, std::vector<typename TestFixture::Key>> by_hash;
  std::vector<typename TestFixture::Key> colliding;
  for (std::uint32_t i = 0; colliding.empty(); ++i) {
    const typename TestFixture::Key key = this->normal(1, i, 0xffffffff, 17, 1, 2).key;
    // The home bucket is the upper ten bits of this product, the tag is bits 8 to 23 of the hash.
    const std::uint32_t h = hash(key);
    auto& same = by_hash[(h * 0x9e3779b1U) >> 22 << 16 | (h >> 8 & 0xffff)];
    same.push_back(key);
    if (i > 6'000'000) break;
    if (same.size() == 3) colliding = same;
  }
  ASSERT_EQ(colliding.size(), 3U) << "three keys with the same bucket and tag";
  // The same key at other ENIs is another flow with the same hash: fill both buckets.
  std::vector<std::pair<typename TestFixture::Key, std::uint16_t>> kept;
  for (std::uint16_t eni = 0; eni < 6; ++eni)
    for (const typename TestFixture::Key& key : colliding)
      if (this->add(table, key, eni, 100) != nullptr) kept.emplace_back(key, eni);
  EXPECT_EQ(kept.size(), 16U);
  EXPECT_EQ(table.size(), 16U);
  for (const auto& [key, eni] : kept) EXPECT_NE(this->look(table, key, 0, eni), nullptr);
  EXPECT_NE(this->add(table, this->key_of(12345), 1, 2), nullptr) << "others have room";
  for (const auto& [key, eni] : kept) table.erase(this->look(table, key, 0, eni));
  EXPECT_EQ(table.size(), 1U);
  EXPECT_TRUE(table.consistent());
  EXPECT_EQ(this->look(table, kept[0].first, 0, kept[0].second), nullptr);
}

/// Keys that all belong to three of sixteen buckets: full pairs of buckets are the rule, so entries sit in their other
/// bucket, move back, and are refused, and everything that was taken is found.
TYPED_TEST(FlowTableOf, KeepsItsPromisesWhenItsBucketsAreCrowded) {
  std::vector<typename TestFixture::Key> keys;
  for (std::uint32_t i = 0; keys.size() < 100; ++i) {
    const typename TestFixture::Key key = this->normal(1, i, 0xffffffff, 17, 1, 2).key;
    if ((hash(key) * 0x9e3779b1U) >> 28 < 3) keys.push_back(key);
  }
  std::mt19937 random(31);
  typename TestFixture::Table table(64);
  ASSERT_EQ(table.buckets(), 16U);
  std::map<std::size_t, typename TestFixture::Entry*> truth;
  int refused = 0;
  for (int step = 0; step < 50'000; ++step) {
    const std::size_t number = random() % keys.size();
    const auto known = truth.find(number);
    if (known != truth.end()) {
      table.erase(known->second);
      truth.erase(known);
    } else if (typename TestFixture::Entry* entry = this->add(table, keys[number], 1, 2); entry != nullptr) {
      truth[number] = entry;
    } else {
      ++refused;
    }
    ASSERT_TRUE(table.consistent()) << step;
    if (step % 64 != 0) continue;
    for (std::size_t i = 0; i < keys.size(); ++i)
      ASSERT_EQ(this->look(table, keys[i], 0, 1), truth.count(i) != 0 ? truth[i] : nullptr) << step;
  }
  EXPECT_GT(refused, 0);
}

template <typename Entry>
struct Reference {
  Entry* entry;
  std::uint64_t stamp;
};

/// Random inserts, erases, finds and ageing, at every load up to full, against a map that keeps the truth.
TYPED_TEST(FlowTableOf, DoesWhatAMapDoes) {
  for (std::uint32_t seed = 1; seed <= 12; ++seed) {
    std::mt19937 random(seed);
    const std::uint32_t capacity = 1 + random() % 3'000;
    typename TestFixture::Table table(capacity);
    std::unordered_map<std::uint32_t, Reference<typename TestFixture::Entry>> truth;
    std::uint32_t now = 0xfffff000;  // ticks wrap in the middle
    std::uint64_t stamp = 0;
    const std::uint32_t universe = capacity * 5 / 4 + 1;
    for (int step = 0; step < 60'000; ++step) {
      const auto number = static_cast<std::uint32_t>(random() % universe);
      const typename TestFixture::Key key = this->key_of(number);
      const auto known = truth.find(number);
      typename TestFixture::Entry* found = this->look(table, key, number & 1, number & 1 ? 2 : 1, now);
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
            typename TestFixture::Entry* added = this->add(table, key, 1, 2, now);
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
          table.age(1 + static_cast<unsigned>(random() % 4), now, [&](typename TestFixture::Entry& entry) {
            ASSERT_TRUE(expired(entry, now));
            const std::uint32_t gone = (TypeParam::number(entry.key.address[0]) - 0x0a000000) << 12 | entry.key.port[0];
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
    table.for_each([&](typename TestFixture::Entry&) { ++seen; });
    EXPECT_EQ(seen, truth.size());
  }
}

}  // namespace
}  // namespace weft

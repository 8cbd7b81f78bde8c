#include "dataplane/observe/capture_ring.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <random>
#include <string>
#include <thread>

namespace weft::test {
namespace {

CaptureRecord* make(CaptureRing& ring, std::uint64_t when, const std::string& bytes) {
  CaptureRecord* const record = ring.make(static_cast<std::uint32_t>(bytes.size()));
  if (record == nullptr) return nullptr;
  record->when_ns = when;
  record->interface = 1;
  std::memcpy(record->bytes(), bytes.data(), bytes.size());
  return record;
}

std::string bytes_of(const CaptureRecord& record) {
  return {reinterpret_cast<const char*>(record.bytes()), record.captured};
}

TEST(CaptureRing, ShowsARecordOnlyWhenItIsPublishedAndUntilThenItMayGetItsReason) {
  CaptureRing ring(4096);
  CaptureRecord* const record = make(ring, 1, "hello");
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(ring.front(), nullptr);
  record->dropped(DropReason::kPortFull);
  ring.publish();
  const CaptureRecord* const seen = ring.front();
  ASSERT_NE(seen, nullptr);
  EXPECT_EQ(bytes_of(*seen), "hello");
  EXPECT_EQ(seen->dropped_for, static_cast<std::uint8_t>(DropReason::kPortFull));
  EXPECT_EQ(ring.front(), seen);
  ring.pop();
  EXPECT_EQ(ring.front(), nullptr);
}

TEST(CaptureRing, CountsWhatDoesNotFitAndHasRoomAgainWhenItIsRead) {
  CaptureRing ring(4096);
  unsigned made = 0;
  for (int i = 0; i < 100; ++i) made += make(ring, 1, std::string(96, 'x')) != nullptr ? 1 : 0;
  EXPECT_EQ(made, 4096U / 128);
  EXPECT_EQ(ring.missed(), 100U - made);
  ring.publish();
  for (; ring.front() != nullptr; ring.pop()) --made;
  EXPECT_EQ(made, 0U);
  EXPECT_NE(make(ring, 2, "again"), nullptr);
  EXPECT_EQ(ring.make(5000), nullptr) << "a record larger than the ring";
}

TEST(CaptureRing, IsAQueueOfTheSameRecordsOnRandomSizesAndTurns) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 50; ++round) {
    CaptureRing ring(std::size_t{4096} << random() % 3);
    std::deque<std::string> twin, unpublished;
    bool taken_back = false;  // a record that nobody sees takes room until the reader has passed it
    for (int i = 0; i < 5000; ++i) {
      switch (random() % 4) {
        case 0:
        case 1: {
          std::string bytes(random() % (random() % 8 == 0 ? 1500 : 90), static_cast<char>('a' + i % 26));
          if (CaptureRecord* const record = make(ring, 0, bytes); record != nullptr && random() % 5 == 0) {
            record->take_back();
            taken_back = true;
          } else if (record != nullptr)
            unpublished.push_back(std::move(bytes));
          else
            ASSERT_FALSE(twin.empty() && unpublished.empty() && !taken_back) << "no room in an empty ring";
          break;
        }
        case 2:
          ring.publish();
          twin.insert(twin.end(), unpublished.begin(), unpublished.end());
          unpublished.clear();
          break;
        default:
          for (auto many = random() % 20; many != 0; --many) {
            const CaptureRecord* const record = ring.front();
            ASSERT_EQ(record == nullptr, twin.empty());
            if (record == nullptr) break;
            ASSERT_EQ(bytes_of(*record), twin.front());
            twin.pop_front();
            ring.pop();
          }
      }
    }
  }
}

TEST(CaptureRing, AReaderInAnotherThreadSeesWholeRecordsInOrder) {
  constexpr std::uint64_t kRecords = 60'000;
  CaptureRing ring(1 << 16);
  std::thread worker([&] {
    std::mt19937 random(1);
    for (std::uint64_t i = 1; i <= kRecords;) {
      const std::string bytes(random() % 200, static_cast<char>(i));
      if (make(ring, i, bytes) != nullptr) ++i;
      ring.publish();
    }
  });
  for (std::uint64_t expected = 1; expected <= kRecords;) {
    const CaptureRecord* const record = ring.front();
    if (record == nullptr) continue;
    ASSERT_EQ(record->when_ns, expected);
    for (std::uint32_t i = 0; i < record->captured; ++i)
      ASSERT_EQ(static_cast<char>(record->bytes()[i]), static_cast<char>(expected));
    ++expected;
    ring.pop();
  }
  worker.join();
}

}  // namespace
}  // namespace weft::test

#include "dataplane/limit/token_bucket.hpp"

#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <vector>

#include "tests/dataplane/limit/slow_bucket.hpp"

namespace weft::test::token_bucket_test {
namespace {

constexpr std::uint64_t kSecond = TokenBucket::kSecond;
constexpr std::uint64_t kYear = 365ULL * 86400 * kSecond;

TEST(TokenBucket, IsFullAtFirstAndFillsAtItsRate) {
  TokenBucket bucket({.rate = 1000, .burst = 10, .lease = 1}, 5);
  EXPECT_EQ(bucket.level(5), 10U);
  EXPECT_EQ(bucket.take(10, 10, 5), 10U);
  EXPECT_EQ(bucket.take(1, 1, 5), 0U);
  EXPECT_EQ(bucket.take(1, 1, 1'000'004), 0U);  // a nanosecond too early
  EXPECT_EQ(bucket.take(1, 1, 1'000'005), 1U);
  EXPECT_EQ(bucket.level(1'000'005 + kSecond), 10U);  // no more than the burst
}

TEST(TokenBucket, GivesAsMuchAsThereIsButNeverLessThanNeeded) {
  TokenBucket bucket({.rate = 1, .burst = 100, .lease = 64}, 0);
  EXPECT_EQ(bucket.take(10, 64, 0), 64U);
  EXPECT_EQ(bucket.take(10, 64, 0), 36U);
  EXPECT_EQ(bucket.take(10, 64, 9 * kSecond), 0U);
  EXPECT_EQ(bucket.take(10, 64, 10 * kSecond), 10U);
}

TEST(TokenBucket, APacketLargerThanTheBucketPassesWhenItIsFullAndTheRateHolds) {
  TokenBucket bucket({.rate = 100, .burst = 50, .lease = 1}, 0);
  EXPECT_EQ(bucket.take(150, 150, 0), 150U);
  EXPECT_EQ(bucket.take(150, 150, kSecond), 0U);                  // it has only paid its debt
  EXPECT_EQ(bucket.take(150, 150, kSecond + kSecond / 2), 150U);  // full again
}

TEST(TokenBucket, HasNotDriftedAfterYearsOfOddQuestions) {
  TokenBucket bucket({.rate = 1'000'003, .burst = 1, .lease = 1}, 0);
  std::mt19937_64 random(7);
  std::uint64_t now = 0, taken = 0;
  for (int i = 0; i < 200'000; ++i) {
    now += random() % (kSecond / 2);
    taken += bucket.take(1, UINT64_MAX, now);
    ASSERT_LE(bucket.level(now), 1U);
  }
  // And a bucket that nobody asks earns in ten years what it should, to the token.
  TokenBucket large({.rate = 25'000'000'000, .burst = UINT64_MAX / 4, .lease = 1}, 0, 0);
  EXPECT_EQ(large.level(5 * kYear), 25ULL * 5 * kYear);
  EXPECT_GT(taken, 0U);
}

TEST(TokenBucket, TakesTheSameAsItsSlowTwinOnRandomSequences) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    const std::uint64_t rate = std::uint64_t{1} << random() % 36 | random() % 1000;
    const std::uint64_t burst = 1 + random() % (std::uint64_t{1} << random() % 30);
    std::uint64_t now = random() % kYear;
    TokenBucket bucket({.rate = rate, .burst = burst, .lease = 1}, now);
    SlowBucket twin(rate, burst, now);
    for (int i = 0; i < 500; ++i) {
      now += random() % (std::uint64_t{1} << random() % 34);
      const std::uint64_t need = 1 + random() % (burst + 3);
      const std::uint64_t most = random() % (2 * burst);
      ASSERT_EQ(bucket.take(need, most, now), twin.take(need, most, now)) << "round " << round << " step " << i;
    }
  }
}

TEST(TokenBucket, AClockThatIsBehindAnotherWorkersFindsLessAndBreaksNothing) {
  TokenBucket bucket({.rate = 1000, .burst = 10, .lease = 1}, kSecond);
  EXPECT_EQ(bucket.take(10, 10, 2 * kSecond), 10U);
  EXPECT_EQ(bucket.take(1, 1, kSecond), 0U);
  EXPECT_EQ(bucket.take(1, 1, 0), 0U);
  EXPECT_EQ(bucket.level(2 * kSecond), 0U);
  EXPECT_EQ(bucket.take(10, 10, 3 * kSecond), 10U);
}

TEST(TokenBucket, ManyThreadsTakeExactlyWhatThereIs) {
  constexpr unsigned kThreads = 4;
  TokenBucket bucket({.rate = 1'000'000, .burst = 500, .lease = 7}, 0);
  std::vector<std::uint64_t> taken(kThreads);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (std::uint64_t now = 0; now <= kSecond; now += 10'000) taken[t] += bucket.take(1 + now % 3, 7, now);
      while (const std::uint64_t last = bucket.take(1, 7, kSecond)) taken[t] += last;
    });
  for (std::thread& thread : threads) thread.join();
  std::uint64_t sum = 0;
  for (const std::uint64_t one : taken) sum += one;
  EXPECT_LE(sum, 1'000'500U);
  EXPECT_GE(sum, 500U);
  EXPECT_EQ(bucket.level(kSecond), 0U);
}

TEST(TokenLease, ARefusedPacketCostsNothing) {
  TokenBucket bucket({.rate = 1, .burst = 100, .lease = 60}, 0);
  TokenLease lease;
  EXPECT_TRUE(lease.reserve(bucket, 60, 0));
  EXPECT_EQ(lease.left() + bucket.level(0), 100U);
  EXPECT_TRUE(lease.reserve(bucket, 60, 0));  // not spent, so nothing new is taken
  EXPECT_EQ(bucket.level(0), 40U);
  lease.spend(50);
  EXPECT_FALSE(lease.reserve(bucket, 60, 0));
  EXPECT_EQ(lease.left() + bucket.level(0), 50U);
  EXPECT_TRUE(lease.reserve(bucket, 50, 0));
}

TEST(TokenLease, SpendsTheSameAsTheTwinWithALease) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    const std::uint64_t rate = 1 + random() % 3'000'000'000;
    const std::uint64_t burst = 2000 + random() % 200'000;
    const std::uint64_t lease_size = 1 + random() % 65536;
    TokenBucket bucket({.rate = rate, .burst = burst, .lease = lease_size}, 0);
    TokenLease lease;
    SlowBucket twin(rate, burst, 0);
    std::uint64_t now = 0, left = 0;
    for (int i = 0; i < 1000; ++i) {
      now += random() % 100'000;
      const std::uint64_t packet = 60 + random() % 9000;
      if (left < packet) left += twin.take(packet - left, lease_size, now);
      const bool expected = left >= packet;
      if (expected) left -= packet;
      const bool passed = lease.reserve(bucket, packet, now);
      if (passed) lease.spend(packet);
      ASSERT_EQ(passed, expected) << "round " << round << " step " << i;
    }
  }
}

}  // namespace
}  // namespace weft::test::token_bucket_test

#include "dataplane/limit/vf_rate.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/dataplane/limit/slow_bucket.hpp"

namespace weft::test::vf_rate_test {
namespace {

constexpr std::uint64_t kSecond = TokenBucket::kSecond;

/// The slow twin: a bucket filled step by step, and for each worker what it has taken and not spent.
TEST(VfRate, IsItsSlowTwinWhateverComesWhenAndAtWhichWorker) {
  for (const unsigned workers : {1U, 2U, 5U})
    for (const std::uint32_t mbps : {1U, 10U, 977U, 100'000U}) {
      std::mt19937_64 random(workers * 1000 + mbps);
      const std::uint64_t start = random() % kSecond;
      VfRate rate(mbps, workers, start);
      const TokenBucket::Size size = VfRate::size_of(mbps, workers);
      SlowBucket slow(size.rate, size.burst, start);
      std::vector<std::uint64_t> leased(workers, size.lease);
      std::uint64_t now = start;
      for (int i = 0; i < 20'000; ++i) {
        now += random() % 3 == 0 ? random() % (20'000'000'000U / (mbps + 1)) : 0;
        const auto worker = static_cast<unsigned>(random() % workers);
        const std::uint64_t bytes = random() % 50 == 0 ? 60 + random() % 65'000 : 60 + random() % 1'500;
        bool passes = leased[worker] >= bytes;
        if (!passes) {
          const std::uint64_t taken = slow.take(bytes - leased[worker], size.lease, now);
          leased[worker] += taken;
          passes = taken != 0;
        }
        if (passes) leased[worker] -= bytes;
        ASSERT_EQ(rate.pass(worker, bytes, now), passes) << i << " at " << mbps << " Mbps, " << workers << " workers";
      }
    }
}

TEST(VfRate, OverASecondIsTheRateAndOneBurst) {
  for (const std::uint32_t mbps : {1U, 100U, 10'000U}) {
    VfRate rate(mbps, 2, 0);
    std::uint64_t passed = 0;
    for (std::uint64_t now = 0; now < kSecond; now += 10'000)
      for (unsigned k = 0; k < 20; ++k) passed += rate.pass(k % 2, 1'000, now) ? 1'000U : 0U;
    const double a_second = mbps * 1e6 / 8, burst = std::max(a_second / 100, 65'536.0);
    EXPECT_LE(static_cast<double>(passed), a_second + burst + 1'000);
    EXPECT_GE(static_cast<double>(passed), std::min(a_second, 2e9) - 1'000);
  }
}

}  // namespace
}  // namespace weft::test::vf_rate_test

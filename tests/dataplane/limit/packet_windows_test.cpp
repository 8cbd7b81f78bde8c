#include "dataplane/limit/packet_windows.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/dataplane/limit/slow_bucket.hpp"

namespace weft::test::packet_windows_test {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

// Statements 15 and 35, as far as the window goes: 2,000 packets within a second.
TEST(PacketWindows, Statement15And35TwoThousandInASecondLeave1024) {
  PacketWindows windows;
  unsigned passed = 0;
  for (std::uint64_t i = 0; i < 2000; ++i) passed += windows.pass(7, 12345 + i * kSecond / 2000) ? 1 : 0;
  EXPECT_EQ(passed, 1024U);
}

TEST(PacketWindows, ASteadySenderBelowTheLimitLosesNothing) {
  PacketWindows windows;
  for (std::uint64_t i = 0; i < 10 * 1024; ++i) ASSERT_TRUE(windows.pass(1, i * kSecond / 1024 + 1)) << i;
}

TEST(PacketWindows, NoSecondHasMoreWhereverItBegins) {
  PacketWindows windows;
  std::vector<std::uint64_t> passed;
  for (std::uint64_t now = kSecond / 2; now < 5 * kSecond; now += kSecond / 3000)
    if (windows.pass(0, now)) passed.push_back(now);
  for (std::size_t i = 1024; i < passed.size(); ++i) ASSERT_GE(passed[i], passed[i - 1024] + kSecond);
  EXPECT_GE(passed.size(), 4 * 1024U);
}

TEST(PacketWindows, EachEniHasItsOwn) {
  PacketWindows windows;
  for (int i = 0; i < 1024; ++i) ASSERT_TRUE(windows.pass(65535, 1));
  EXPECT_FALSE(windows.pass(65535, 1));
  EXPECT_TRUE(windows.pass(65534, 1));
  EXPECT_TRUE(windows.pass(0, 1));
}

TEST(PacketWindows, PassesTheSameAsItsSlowTwinOnRandomBursts) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  PacketWindows windows(1);
  SlowWindow twin{PacketWindows::kPackets};
  std::uint64_t now = 0;
  for (int i = 0; i < 20'000; ++i) {
    now += random() % 8 == 0 ? random() % (kSecond / 50) : random() % 1000;
    ASSERT_EQ(windows.pass(0, now), twin.pass(now)) << "step " << i;
  }
}

}  // namespace
}  // namespace weft::test::packet_windows_test

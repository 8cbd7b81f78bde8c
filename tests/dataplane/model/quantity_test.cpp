// Quantities as people write them. What is written can be read again: compared on random values.
#include "dataplane/model/quantity.hpp"

#include <gtest/gtest.h>

#include <random>

namespace weft {
namespace {

TEST(Quantity, IsANumberWithItsUnit) {
  EXPECT_EQ(parse_duration("50us"), 50'000u);
  EXPECT_EQ(parse_duration("1.5 ms"), 1'500'000u);
  EXPECT_EQ(parse_duration("7ns"), 7u);
  EXPECT_EQ(parse_duration("2s"), 2'000'000'000u);
  EXPECT_EQ(parse_duration("1min"), 60'000'000'000u);
  EXPECT_EQ(parse_size("256KiB"), 262'144u);
  EXPECT_EQ(parse_size("9001B"), 9'001u);
  EXPECT_EQ(parse_size("1MB"), 1'000'000u);
  EXPECT_EQ(parse_rate("10Gbps"), 10'000'000'000u);
  EXPECT_EQ(parse_rate("2.5Gbps"), 2'500'000'000u);
  EXPECT_DOUBLE_EQ(parse_share("0.1%").value(), 0.001);
  EXPECT_DOUBLE_EQ(parse_share("100%").value(), 1.0);
}

TEST(Quantity, OfNothingNeedsNoUnit) {
  EXPECT_EQ(parse_duration("0"), 0u);
  EXPECT_EQ(parse_size("0"), 0u);
  EXPECT_EQ(parse_share("0"), 0.0);
}

TEST(Quantity, OfAnotherKindOrNoneIsNothing) {
  for (const char* text : {"", "5", "us", "-5us", "+5us", "5 usec", "5us ", " 5us", "5  us", "0.5ns", "1e3us", "5Us", "inf",
                           "nan", "0x5us", "5us5", "99999999999999s", "10Gbps"})
    EXPECT_FALSE(parse_duration(text)) << text;
  for (const char* text : {"10", "10G", "10Gb", "10gbps", "10 Gbit/s", "0.5bps"}) EXPECT_FALSE(parse_rate(text)) << text;
  for (const char* text : {"64k", "64K", "64", "64Kib", "0.5B"}) EXPECT_FALSE(parse_size(text)) << text;
  for (const char* text : {"1", "0.01", "101%", "-1%", "1 percent", "%", "1%%", ""}) EXPECT_FALSE(parse_share(text)) << text;
}

TEST(Quantity, AsTextHasItsLargestWholeUnit) {
  EXPECT_EQ(duration_text(50'000), "50us");
  EXPECT_EQ(duration_text(1'500'000), "1500us");
  EXPECT_EQ(duration_text(0), "0ns");
  EXPECT_EQ(size_text(262'144), "256KiB");
  EXPECT_EQ(rate_text(10'000'000'000), "10Gbps");
  EXPECT_EQ(share_text(0.01), "1%");
  EXPECT_EQ(share_text(0.001), "0.1%");
  EXPECT_EQ(share_text(1), "100%");
  EXPECT_EQ(share_text(0), "0%");
}

TEST(Quantity, AsTextIsReadAsWhatItWas) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t value = (random() >> (11 + random() % 53)) * (random() % 2 == 0 ? 1 : 1'000) % (1ull << 53);
    EXPECT_EQ(parse_duration(duration_text(value)), value) << duration_text(value);
    EXPECT_EQ(parse_size(size_text(value)), value) << size_text(value);
    EXPECT_EQ(parse_rate(rate_text(value)), value) << rate_text(value);
    const double share = static_cast<double>(random() % 1'000'001) / 1e6;
    EXPECT_NEAR(parse_share(share_text(share)).value(), share, 1e-12) << share_text(share);
  }
}

}  // namespace
}  // namespace weft

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tools/weft-gen/traffic/flows.hpp"
#include "tools/weft-gen/traffic/rate.hpp"
#include "tools/weft-gen/traffic/sizes.hpp"

namespace weft::gen {
namespace {

TEST(Sizes, ImixIsSevenToFourToOne) {
  const SizeMix mix = *SizeMix::parse("imix");
  std::map<std::size_t, int> counts;
  for (const std::uint8_t i : mix.round()) ++counts[mix.shares()[i].frame_bytes];
  EXPECT_EQ(counts, (std::map<std::size_t, int>{{64, 7}, {570, 4}, {1518, 1}}));
  EXPECT_NEAR(mix.average(), (7 * 64 + 4 * 570 + 1518) / 12.0, 1e-9);
}

TEST(Sizes, AreSpreadOverARound) {
  const SizeMix mix = *SizeMix::parse("64:50,1518:50");
  const auto round = mix.round();
  ASSERT_EQ(round.size(), 100U);
  for (std::size_t i = 2; i < round.size(); ++i) EXPECT_EQ(round[i], round[i - 2]) << "they alternate";
}

TEST(Sizes, SayWhatIsWrong) {
  for (const char* bad : {"", "63", "9019", "64:0", "64:1001", "x", "64:", "64,,128", "-64", "64 "}) {
    const auto mix = SizeMix::parse(bad);
    ASSERT_FALSE(mix) << bad;
    EXPECT_NE(mix.error().message.find("right is"), std::string::npos);
  }
}

TEST(Rate, IsWrittenInThreeWays) {
  EXPECT_DOUBLE_EQ(Rate::parse("2.5mpps")->pps(0, 64), 2.5e6);
  EXPECT_DOUBLE_EQ(Rate::parse("1000PPS")->pps(0, 64), 1000);
  EXPECT_NEAR(Rate::parse("10Gbps")->pps(0, 64), 14'880'952.4, 0.1) << "ten gigabit Ethernet's known figure";
  EXPECT_NEAR(Rate::parse("50%")->pps(10e9, 1518), 812'743.8 / 2, 0.1);
  EXPECT_DOUBLE_EQ(*parse_line("2.5g"), 2.5e9);
  EXPECT_DOUBLE_EQ(*parse_line("100mbps"), 100e6);
  EXPECT_DOUBLE_EQ(*parse_share("0.5%"), 0.005);
  EXPECT_DOUBLE_EQ(*parse_share("0"), 0);
  for (const char* bad : {"", "10", "0pps", "-1pps", "101%", "1tpps", "nanpps", "infbps", "1e999pps", "pps"})
    EXPECT_FALSE(Rate::parse(bad)) << bad;
  for (const char* bad : {"", "1", "100%", "-0.1", "x"}) EXPECT_FALSE(parse_share(bad)) << bad;
}

std::tuple<std::uint32_t, std::uint32_t, std::uint16_t, std::uint16_t> tuple(const FlowFields& f) {
  return {f.source.host(), f.destination.host(), f.source_port.host(), f.destination_port.host()};
}

TEST(Flows, AreAllDifferentAndInsideTheirRanges) {
  const FlowRanges ranges{*AddressRange::parse("10.0.0.1-10.0.0.10"), *AddressRange::parse("10.1.0.1-10.1.0.3"),
                          *PortRange::parse("100-109"), *PortRange::parse("7-8")};
  ASSERT_EQ(ranges.size(), 600U);
  std::set<decltype(tuple({}))> seen;
  const auto flows = *make_flows(ranges, 600, 1, false);
  for (const FlowFields& f : flows) {
    EXPECT_TRUE(f.source.host() >= 0x0a000001 && f.source.host() <= 0x0a00000a);
    EXPECT_TRUE(f.destination_port.host() == 7 || f.destination_port.host() == 8);
    seen.insert(tuple(f));
  }
  EXPECT_EQ(seen.size(), 600U);
  const auto more = make_flows(ranges, 601, 1, false);
  ASSERT_FALSE(more);
  EXPECT_NE(more.error().message.find("only 600"), std::string::npos);
}

TEST(Flows, OfASeedAreTheSameAndTheirAnswersAreTheirMirrorImages) {
  const FlowRanges ranges{*AddressRange::parse("10.0.0.1"), *AddressRange::parse("10.1.0.1"), *PortRange::parse("1024-65535"),
                          *PortRange::parse("7")};
  const auto a = *make_flows(ranges, 1000, 5, false), again = *make_flows(ranges, 1000, 5, false),
             other = *make_flows(ranges, 1000, 6, false), back = *make_flows(ranges, 1000, 5, true);
  unsigned same = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(tuple(a[i]), tuple(again[i]));
    const auto [source, destination, source_port, destination_port] = tuple(back[i]);
    EXPECT_EQ(tuple(a[i]), std::tuple(destination, source, destination_port, source_port));
    same += tuple(a[i]) == tuple(other[i]);
  }
  EXPECT_LT(same, 100U);
}

TEST(Ranges, SayWhatIsWrong) {
  for (const char* bad : {"", "10.0.0", "10.0.0.2-10.0.0.1", "10.0.0.1-2001:db8::1", "2001:db8::1-2001:db9::1"})
    EXPECT_FALSE(AddressRange::parse(bad)) << bad;
  for (const char* bad : {"", "65536", "2-1", "x", "1-"}) EXPECT_FALSE(PortRange::parse(bad)) << bad;
  EXPECT_EQ(AddressRange::parse("0.0.0.0-255.255.255.255")->size(), std::uint64_t{1} << 32);
}

}  // namespace
}  // namespace weft::gen

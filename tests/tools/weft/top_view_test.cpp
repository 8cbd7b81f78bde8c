#include "tools/weft/top_view.hpp"

#include <gtest/gtest.h>

namespace weft::cli {
namespace {

using nlohmann::json;

json nic(const char* eni, std::uint64_t rx_bytes, std::uint64_t tx_packets, json drops = json::object()) {
  return {{"eni", eni},           {"instance", "i-" + std::string(eni)}, {"rx_packets", rx_bytes / 100}, {"rx_bytes", rx_bytes},
          {"tx_packets", tx_packets}, {"tx_bytes", tx_packets * 50},     {"drops", std::move(drops)}};
}
json looked(std::vector<json> interfaces, std::uint64_t awake_ns = 0, std::uint64_t asleep_ns = 0) {
  return {{"interfaces", interfaces}, {"workers", {{{"awake_ns", awake_ns}, {"asleep_ns", asleep_ns}}}}};
}

TEST(TopRates, AreDifferencesOverTheInterval) {
  json now = looked({nic("a", 3000, 60, {{"no-route", 5}, {"group-ingress", 30}})}, 1750, 2250);
  now["flows"] = {{"a", 4}};
  const json before = looked({nic("a", 1000, 20, {{"no-route", 4}, {"group-ingress", 10}})}, 1000, 1000);
  const json rates = top_rates(before, now, 2, TopSort::kRx);
  const json& a = rates["interfaces"][0];
  EXPECT_EQ(a["rx_packets_per_second"], 10.0);
  EXPECT_EQ(a["rx_bits_per_second"], 8000.0);
  EXPECT_EQ(a["tx_packets_per_second"], 20.0);
  EXPECT_EQ(a["tx_bits_per_second"], 8000.0);
  EXPECT_EQ(a["drops_per_second"], 10.5);
  EXPECT_EQ(a["top_drop_reason"], "group-ingress");
  EXPECT_EQ(a["flows"], 4);
  EXPECT_EQ(a["instance"], "i-a");
  EXPECT_DOUBLE_EQ(rates["workers"][0]["awake_ratio"], 0.375);
}

TEST(TopRates, WhatIsNewOrBeganAgainCountsFromZero) {
  const json rates = top_rates(looked({nic("a", 1000, 20)}), looked({nic("a", 500, 10), nic("b", 100, 1)}), 1, TopSort::kRx);
  EXPECT_EQ(rates["interfaces"][0]["rx_packets_per_second"], 5.0);
  EXPECT_EQ(rates["interfaces"][1]["eni"], "b");
  EXPECT_EQ(rates["interfaces"][1]["rx_packets_per_second"], 1.0);
  EXPECT_TRUE(rates["interfaces"][1]["top_drop_reason"].is_null());
}

TEST(TopRates, AreSortedAsAsked) {
  json now = looked({nic("a", 100, 90), nic("b", 300, 1, {{"no-route", 1}}), nic("c", 200, 2)});
  now["flows"] = {{"c", 1}};
  const auto first = [&](TopSort sort) { return top_rates(looked({}), now, 1, sort)["interfaces"][0]["eni"]; };
  EXPECT_EQ(first(TopSort::kRx), "b");
  EXPECT_EQ(first(TopSort::kTx), "a");
  EXPECT_EQ(first(TopSort::kTraffic), "a");
  EXPECT_EQ(first(TopSort::kDrops), "b");
  EXPECT_EQ(first(TopSort::kFlows), "c");
}

TEST(TopLines, FitTheTerminal) {
  std::vector<json> many;
  for (int i = 0; i < 50; ++i) many.push_back(nic(std::to_string(i).c_str(), 1000, 1, {{"no-route", 1}}));
  const json rates = top_rates(looked({}), looked(many, 9, 1), 1, TopSort::kRx);
  for (const std::size_t width : {0U, 1U, 20U, 80U, 300U})
    for (const std::size_t height : {0U, 1U, 2U, 24U}) {
      const std::vector<TopLine> lines = top_lines(rates, width, height);
      EXPECT_EQ(lines.size(), height);
      for (const TopLine& line : lines) EXPECT_LE(line.text.size(), width);
    }
  EXPECT_EQ(top_lines(rates, 80, 24).back().text, "... and 30 more lines");
  EXPECT_EQ(top_lines(rates, 80, 1000).size(), 53U);
}

TEST(TopLines, SayWhatIsBusyAndWhatIsDropped) {
  const json now = looked({nic("a", 2'500'000, 0, {{"no-route", 12}}), nic("b", 0, 0)}, 9, 1);
  const json rates = top_rates(looked({}), now, 1, TopSort::kRx);
  const std::vector<TopLine> lines = top_lines(rates, 120, 50);
  EXPECT_EQ(lines[0].text, "worker 0  [||||||||||||||||||||||||||||||||||||    ] 90.0 %");
  EXPECT_EQ(lines[0].style, TopStyle::kHigh);
  EXPECT_EQ(lines[1].text, "2 interfaces   rx 25.0k pps 20.0Mbit/s   tx 0 pps 0bit/s   12 drops/s");
  EXPECT_EQ(lines[2].style, TopStyle::kHeading);
  EXPECT_EQ(lines[3].text, "i-a       a                        25.0k    20.0M        0        0       12        0  no-route");
  EXPECT_EQ(lines[3].style, TopStyle::kHigh);
  EXPECT_EQ(lines[4].style, TopStyle::kPlain);
}

TEST(TopLines, WhatAnotherProcessSaysDoesNotDriveTheTerminal) {
  json bad = nic("a", 1, 1);
  bad["instance"] = "\x1b[2Jx";
  EXPECT_EQ(top_lines(top_rates(looked({}), looked({bad}), 1, TopSort::kRx), 100, 10)[3].text.find('\x1b'), std::string::npos);
}

TEST(HumanRates, AreShort) {
  EXPECT_EQ(human_rate(0), "0");
  EXPECT_EQ(human_rate(0.3), "0.3");
  EXPECT_EQ(human_rate(12), "12");
  EXPECT_EQ(human_rate(999.4), "999");
  EXPECT_EQ(human_rate(999.6), "1.00k");
  EXPECT_EQ(human_rate(1'234'567), "1.23M");
  EXPECT_EQ(human_rate(12.34e9), "12.3G");
  EXPECT_EQ(human_rate(123.4e9), "123G");
  for (double rate = 0.01; rate < 1e20; rate *= 1.37) EXPECT_LE(human_rate(rate).size(), 5U) << rate;
}

}  // namespace
}  // namespace weft::cli

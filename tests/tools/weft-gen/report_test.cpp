#include "tools/weft-gen/report/report.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <regex>
#include <sstream>

#include "tools/weft-gen/report/chart.hpp"

namespace weft::gen {
namespace {

Trial a_trial(double pps, std::uint64_t lost, bool limited = false) {
  Trial t;
  t.load = {pps, 2, 0};
  t.seconds = 2;
  DirectionResult d;
  d.sent = static_cast<std::uint64_t>(pps * 2);
  d.sent_bytes = d.sent * 64;
  d.received = d.sent - lost;
  d.skipped = limited ? d.sent : 0;
  d.latency = {.frames = d.received,
               .smallest_us = 1,
               .mean_us = 3,
               .p50_us = 2.5,
               .p90_us = 4,
               .p99_us = 8,
               .p999_us = 20,
               .p9999_us = 40,
               .largest_us = 100,
               .curve = {{0, 1}, {0.5, 2.5}, {0.9, 4}, {0.99, 8}, {1, 100}}};
  t.directions = {d};
  return t;
}

Report a_report() {
  Report report;
  report.method = "rfc2544";
  report.facts = {
      {"Date", "2026-11-27"}, {"Command", "weft-gen rfc2544 --port 'net_null0' <&>\"\x01"}, {"CPU", "\xff not UTF-8"}};
  report.notes = {"a <script>alert(1)</script> note"};
  for (const char* name : {"64", "1518"}) {
    SizeReport size;
    size.size = name;
    size.frame_bytes = std::stod(name);
    size.line_pps = 1e6;
    size.highest_pps = 1e6;
    SearchOutcome found;
    found.lower_pps = 8e5, found.upper_pps = 8.03e5, found.trials = 9;
    found.at_lower = a_trial(8e5, 0);
    found.history = {a_trial(1e6, 4711), a_trial(8e5, 0)};
    size.searches = {{{found}}};
    size.latencies = {{1, a_trial(8e5, 0)}, {0.5, a_trial(4e5, 1)}};
    size.losses = {a_trial(1e6, 400'000), a_trial(9e5, 100), a_trial(8e5, 0), a_trial(7e5, 0, true)};
    size.back_to_back = BackToBack{{100, 110, 120}, false, false, 1e6, 8e5, 30};
    size.run = a_trial(1000, 1);
    report.sizes.push_back(size);
  }
  return report;
}

/// Every tag is closed in order; attributes are quoted; nothing but text is between.
void expect_well_formed(const std::string& html) {
  static const std::regex tag(R"(<(/?)([a-z0-9]+)((?:\s+[a-zA-Z0-9-]+='[^'<>]*')*)\s*(/?)>)");
  const std::size_t begin = html.find("<html"), style = html.find("<style>"), after = html.find("</style>");
  ASSERT_TRUE(html.starts_with("<!DOCTYPE html>"));
  const std::string text = html.substr(begin, style - begin) + html.substr(after + 8);
  std::vector<std::string> open;
  std::size_t at = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), tag), end; it != end; ++it) {
    const auto& m = *it;
    const std::string between = text.substr(at, static_cast<std::size_t>(m.position()) - at);
    EXPECT_EQ(between.find_first_of("<>"), std::string::npos) << between;
    at = static_cast<std::size_t>(m.position() + m.length());
    if (m[2] == "meta" || m[4].length() != 0) continue;
    if (m[1].length() == 0)
      open.push_back(m[2]);
    else {
      ASSERT_FALSE(open.empty()) << m.str();
      EXPECT_EQ(open.back(), m[2]);
      open.pop_back();
    }
  }
  EXPECT_TRUE(open.empty()) << open.back();
}

TEST(Report, IsAWellFormedPageThatNeedsNothingElse) {
  const std::string html = to_html(a_report());
  expect_well_formed(html);
  for (const char* outside : {"http:", "https:", "src=", "href=", "url(", "@import", "<script", "nan", "inf'"})
    EXPECT_EQ(html.find(outside), std::string::npos) << outside;
  for (const char* there : {"Throughput", "Latency", "Loss over the rate", "Back to back", "The machine", "800.0 kpps",
                            "&lt;script&gt;", "<polyline", "<circle"})
    EXPECT_NE(html.find(there), std::string::npos) << there;
}

TEST(Report, WithoutAnythingIsWellFormedToo) {
  expect_well_formed(to_html(Report{}));
  Report report;
  report.sizes.resize(1);
  report.sizes[0].run = Trial{};
  expect_well_formed(to_html(report));
  EXPECT_TRUE(nlohmann::json::accept(to_json(report)));
}

TEST(Report, AsJsonHasEveryFigure) {
  const auto json = nlohmann::json::parse(to_json(a_report()));
  ASSERT_EQ(json["sizes"].size(), 2U);
  const auto& size = json["sizes"][0];
  EXPECT_EQ(size["searches"][0]["lower_pps"], 8e5);
  EXPECT_EQ(size["searches"][0]["searches"][0]["trials"][0]["lost"], 4711);
  EXPECT_EQ(size["latency"][1]["directions"][0]["latency"]["p99_us"], 8);
  EXPECT_EQ(size["loss"].size(), 4U);
  EXPECT_TRUE(size["loss"][3]["sender_limited"]);
  EXPECT_EQ(size["back_to_back"]["average_frames"], 110);
  EXPECT_EQ(size["run"]["lost"], 1);
}

TEST(Report, AsCsvHasAsManyFieldsInEveryLine) {
  std::istringstream lines(to_csv(a_report()));
  std::string line;
  std::getline(lines, line);
  const auto fields = std::ranges::count(line, ',');
  unsigned count = 0;
  for (; std::getline(lines, line); ++count) EXPECT_EQ(std::ranges::count(line, ','), fields) << line;
  EXPECT_EQ(count, 2 * (1 + 2 + 4 + 1 + 1U));
}

TEST(Report, AsTextSaysWhoWasLimited) {
  SizeReport size = a_report().sizes[0];
  size.searches[0].searches[0].sender_limited = true;
  const std::string text = to_table(size, 1);
  EXPECT_NE(text.find("the device may do more"), std::string::npos);
  EXPECT_NE(text.find("[800.0 kpps, 803.0 kpps]  9 trials"), std::string::npos);
  EXPECT_NE(text.find("110 frames on average, 100 to 120"), std::string::npos);
}

TEST(Chart, LeavesOutWhatALogarithmCannotShow) {
  const Axis logarithmic{"y", Axis::Scale::kLogarithmic, {}};
  EXPECT_EQ(to_svg({"t", {"x", {}, {}}, logarithmic, {{"nothing", {{1, 0}, {2, -1}}, {}}}}), "");
  const std::string svg = to_svg({"t", {"x", {}, {}}, logarithmic, {{"a", {{1, 0}, {2, 10}, {3, 1000}}, {}}}});
  EXPECT_NE(svg.find("<polyline"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

}  // namespace
}  // namespace weft::gen

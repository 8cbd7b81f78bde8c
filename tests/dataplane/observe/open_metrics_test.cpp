#include "dataplane/observe/open_metrics.hpp"

#include <gtest/gtest.h>

namespace weft {
namespace {

TEST(OpenMetrics, AFamilyHasTypeUnitAndHelp) {
  OpenMetricsText text;
  text.family(OpenMetricsText::Type::kCounter, "weft_sent_bytes", "What was sent");
  text.sample({{"a", "1"}, {"b", "x"}}, std::uint64_t{18446744073709551615U});
  text.family(OpenMetricsText::Type::kGauge, "weft_load", "How busy");
  text.sample({}, 0.25);
  text.family(OpenMetricsText::Type::kInfo, "weft_build", "Which");
  text.sample({{"version", "1"}});
  EXPECT_EQ(std::move(text).finish(),
            "# TYPE weft_sent_bytes counter\n# UNIT weft_sent_bytes bytes\n# HELP weft_sent_bytes What was sent\n"
            "weft_sent_bytes_total{a=\"1\",b=\"x\"} 18446744073709551615\n"
            "# TYPE weft_load gauge\n# HELP weft_load How busy\nweft_load 0.25\n"
            "# TYPE weft_build info\n# HELP weft_build Which\nweft_build_info{version=\"1\"} 1\n# EOF\n");
}

TEST(OpenMetrics, LabelsMayHoldAnything) {
  OpenMetricsText text;
  text.family(OpenMetricsText::Type::kGauge, "g", "a \"word\"\nand \\");
  text.sample({{"l", "\"\\\n} 1"}}, std::uint64_t{1});
  EXPECT_EQ(std::move(text).finish(),
            "# TYPE g gauge\n# HELP g a \\\"word\\\"\\nand \\\\\ng{l=\"\\\"\\\\\\n} 1\"} 1\n# EOF\n");
}

}  // namespace
}  // namespace weft

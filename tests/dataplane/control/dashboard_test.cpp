// docs/grafana/weft.json is drawn from metrics that exist, under labels that they have.
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "dataplane/control/json.hpp"
#include "dataplane/control/metrics.hpp"

namespace weft::testing {
namespace {

/// Names of what /v1/metrics exposes: of families that have a sample here or not.
std::set<std::string> exposed() {
  std::set<std::string> names;
  std::istringstream text(metrics_text({.version = "1"}));
  for (std::string mark, word, name, type; text >> mark;) {
    if (mark == "#" && text >> word && word == "TYPE" && text >> name >> type)
      names.insert(name + (type == "counter" ? "_total" : type == "info" ? "_info" : ""));
    std::getline(text, word);
  }
  return names;
}

void find_expressions(const Json& value, std::vector<std::string>& expressions) {
  for (const auto& [key, inner] : value.items()) {
    if ((key == "expr" || key == "query") && inner.is_string()) expressions.push_back(inner.get<std::string>());
    if (inner.is_structured()) find_expressions(inner, expressions);
  }
}

TEST(Dashboard, NamesMetricsThatExist) {
  const Json dashboard = Json::parse(std::ifstream(WEFT_DASHBOARD));
  std::vector<std::string> expressions;
  find_expressions(dashboard, expressions);
  ASSERT_GT(expressions.size(), 20u);
  const std::set<std::string> names = exposed();
  ASSERT_TRUE(names.contains("weft_eni_received_bytes_total")) << "the text is read";
  const std::regex metric("\\bweft_\\w+");
  std::set<std::string> used;
  for (const std::string& expression : expressions)
    for (std::sregex_iterator found(expression.begin(), expression.end(), metric), end; found != end; ++found) {
      EXPECT_TRUE(names.contains(found->str())) << found->str() << " in " << expression;
      used.insert(found->str());
    }
  for (const char* shown : {"weft_eni_dropped_packets_total", "weft_worker_awake_seconds_total", "weft_efa_rx_bytes_total",
                            "weft_ena_bw_in_allowance_exceeded_total", "weft_engine_dropped_packets_total"})
    EXPECT_TRUE(used.contains(shown)) << shown;
}

TEST(Dashboard, ItsPanelsHaveIdsAndPlacesOfTheirOwn) {
  const Json dashboard = Json::parse(std::ifstream(WEFT_DASHBOARD));
  std::set<int> ids;
  std::set<std::pair<int, int>> places;
  for (const Json& panel : dashboard["panels"]) {
    EXPECT_TRUE(ids.insert(panel["id"].get<int>()).second) << panel["title"];
    EXPECT_TRUE(places.insert({panel["gridPos"]["x"].get<int>(), panel["gridPos"]["y"].get<int>()}).second) << panel["title"];
    EXPECT_LE(panel["gridPos"]["x"].get<int>() + panel["gridPos"]["w"].get<int>(), 24) << panel["title"];
  }
}

}  // namespace
}  // namespace weft::testing

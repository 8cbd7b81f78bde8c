// Every counter there is, as OpenMetrics text: what GET /v1/metrics and weftd's --metrics-listen answer. Names come from
// the tables that JSON and the CLI come from (worker/statistics_table.hpp, observe/drop_reason.hpp, observe/ena_counter.hpp,
// drivers/efa_counters.hpp); docs/metrics.md explains them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/model/deployment.hpp"
#include "dataplane/worker/engine.hpp"

namespace weft {

struct MetricsInput {
  std::string version;
  std::shared_ptr<const Deployment> deployment;  // null: nothing is deployed
  std::vector<EniStatistics> interfaces;
  Balance balance;
  std::vector<Engine::IdleTime> idle_times;  // by worker
  Engine::FlowCounts flows;
};

std::string metrics_text(const MetricsInput& input);

}  // namespace weft

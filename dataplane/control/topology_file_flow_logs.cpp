// Flow logs, in CreateFlowLogs' words.
#include <fmt/format.h>

#include "dataplane/control/topology_file_parts.hpp"
#include "dataplane/model/flow_logs.hpp"
#include "dataplane/model/suggest.hpp"
#include "dataplane/observe/flow_log_format.hpp"

namespace weft::topology_file {
namespace {

TrafficType read_traffic_type(const Value& value) {
  const std::string word = value.text();
  for (const TrafficType type : {TrafficType::kAccept, TrafficType::kReject, TrafficType::kAll})
    if (lower(word) == lower(std::string(traffic_type_name(type)))) return type;
  value.refuse("InvalidParameterValue",
               fmt::format("{} is no traffic type{}", in_quotes(word), hint(word, {"ACCEPT", "REJECT", "ALL"})));
}

std::string read_log_format(const Value& value) {
  std::string format = value.text();
  if (const Result<FlowLogFormat> parsed = parse_flow_log_format(format); !parsed)
    value.refuse(parsed.error().code, parsed.error().message);
  return format;
}

int read_interval(const Value& value) {
  const int seconds = value.number(0, 1'000'000);
  if (seconds != 60 && seconds != 600)
    value.refuse("InvalidParameter",
                 fmt::format("{} is no maximum aggregation interval; it is 60 or 600 seconds", seconds));
  return seconds;
}

}  // namespace

FlowLogDeclaration read_flow_log(const Value& value) {
  const Section section = value.section("a flow log", {"name", "subnet", "interface", "traffic_type", "log_format",
                                                       "max_aggregation_interval", "destination"});
  FlowLogDeclaration log;
  log.line = section.line();
  log.log_format = std::string(kDefaultFlowLogFormat);
  section.read_name("name: everything", log.name);
  section.read_text("subnet", log.subnet);
  section.read_text("interface", log.interface);
  section.read("traffic_type", [&](const Value& type) { log.traffic_type = read_traffic_type(type); });
  section.read("log_format", [&](const Value& format) { log.log_format = read_log_format(format); });
  section.read("max_aggregation_interval",
               [&](const Value& seconds) { log.max_aggregation_interval = read_interval(seconds); });
  section.read_required("destination", "destination: /tmp/weft-flow-logs",
                        [&](const Value& path) { log.destination = path.text(); });
  if (const Value* interface = section.find("interface"); interface != nullptr && section.has("subnet"))
    interface->note("InvalidParameterCombination",
                    "a flow log is about one resource, but 'subnet' and 'interface' are both given; keep one, or "
                    "neither for the whole VPC");
  return log;
}

}  // namespace weft::topology_file

// Flow logs: what they are about, and that none is there twice.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "dataplane/model/flow_logs.hpp"
#include "dataplane/model/identity.hpp"
#include "dataplane/model/resolver.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

constexpr std::size_t kLongestLogName = 255;
constexpr std::size_t kLongestDestination = 1024;

bool is_printable(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace

void Resolver::resolve_flow_logs() {
  std::set<std::string> names;
  for (std::size_t i = 0; i < topology_.flow_logs.size(); ++i) {
    const FlowLogDeclaration& declared = topology_.flow_logs[i];
    const std::string key = fmt::format("flow_logs[{}]", i);
    check_flow_log(declared, key);
    if (!names.insert(declared.name).second)
      refuse(key + ".name", "InvalidParameterValue",
             fmt::format("a second flow log has the name {}; every one needs its own", in_quotes(declared.name)));
    FlowLog log;
    log.name = declared.name;
    log.resource_id = logged_resource(declared, key);
    log.traffic_type = declared.traffic_type;
    log.max_aggregation_interval = declared.max_aggregation_interval;
    log.log_format = declared.log_format;
    log.destination = declared.destination;
    if (log.resource_id.empty()) continue;  // refused
    for (const FlowLog& other : result_.flow_logs)
      if (other.resource_id == log.resource_id && other.traffic_type == log.traffic_type &&
          other.destination == log.destination)
        refuse(key, "FlowLogAlreadyExists",
               fmt::format("There is an existing Flow Log with the same configuration: {} logs {} of {} to {} already",
                           in_quotes(other.name), traffic_type_name(log.traffic_type), log.resource_id,
                           in_quotes(log.destination)));
    log.id = make_id("fl-", fmt::format("{}/{}/{}/{}/{}/{}", log.name, log.resource_id,
                                        traffic_type_name(log.traffic_type), log.max_aggregation_interval,
                                        log.log_format, log.destination));
    result_.flow_logs.push_back(std::move(log));
  }
}

void Resolver::check_flow_log(const FlowLogDeclaration& declared, const std::string& key) {
  if (declared.name.empty() || declared.name.size() > kLongestLogName || !is_printable(declared.name) ||
      declared.name.find('/') != std::string::npos)
    refuse(key + ".name", "InvalidParameterValue",
           fmt::format("{} is no name for a flow log; use 1 to {} printable characters without a slash",
                       in_quotes(declared.name), kLongestLogName));
  if (declared.max_aggregation_interval != 60 && declared.max_aggregation_interval != 600)
    refuse(key + ".max_aggregation_interval", "InvalidParameter",
           fmt::format("{} is no maximum aggregation interval; it is 60 or 600 seconds",
                       declared.max_aggregation_interval));
  const std::string& path = declared.destination;
  if (!path.starts_with('/') || path.size() > kLongestDestination || !is_printable(path))
    refuse(key + ".destination", "InvalidParameterValue",
           fmt::format("{} is no destination; write the absolute path of a directory, such as /tmp/weft-flow-logs",
                       in_quotes(path)));
}

/// Its id; empty when there is none, which was refused.
std::string Resolver::logged_resource(const FlowLogDeclaration& declared, const std::string& key) {
  if (!declared.interface.empty()) {
    const Eni* eni = named_interface(declared.interface, key + ".interface");
    return eni == nullptr ? "" : eni->id;
  }
  if (declared.subnet.empty()) return result_.vpc_id;
  if (const Subnet* subnet = result_.find_subnet(declared.subnet)) return subnet->id;
  if (!wrong_subnets_.contains(declared.subnet))
    refuse(key + ".subnet", "InvalidSubnetID.NotFound",
           fmt::format("The subnet ID {} does not exist{}", in_quotes(declared.subnet),
                       hint(declared.subnet, names_of(topology_.subnets))));
  return "";
}

}  // namespace weft

// Which ENIs a flow log is about, and what its words are.
#pragma once

#include <string>
#include <string_view>

#include "dataplane/model/deployment.hpp"

namespace weft {

/// The ENI is the flow log's, of its subnet or of its VPC; attached to a running instance, and with addresses.
bool is_logged(const FlowLog& log, const Eni& eni, const Deployment& deployment);

/// CreateFlowLogs' words: "ACCEPT", "REJECT", "ALL"; "VPC", "Subnet", "NetworkInterface".
std::string_view traffic_type_name(TrafficType type);
std::string_view resource_type_name(const FlowLog& log);

/// "subnet main", "web/eth0", "the VPC": the resource, for people.
std::string resource_label(const FlowLog& log, const Deployment& deployment);

/// On a Nitro-based instance EC2 aggregates over a minute at most, whatever the flow log says ("Flow log limitations" of
/// the VPC guide), and an ENI of weft is what a Nitro-based instance has.
inline constexpr int kNitroAggregationSeconds = 60;

}  // namespace weft

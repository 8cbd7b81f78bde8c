// The model and the engine's views as JSON: what the API answers (docs/api.md has every field), and the state that a
// later daemon gets back. One encoding of the model serves both.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "dataplane/control/controller.hpp"
#include "dataplane/model/deployment.hpp"
#include "dataplane/model/result.hpp"
#include "dataplane/policy/explain.hpp"
#include "dataplane/worker/engine.hpp"

namespace weft {

using Json = nlohmann::ordered_json;  // fields in the order they are written, for people who read it with curl

// json_model.cpp
Json to_json(const PortBackend& port);
Json to_json(const Eni& eni, const Deployment& deployment);
Json to_json(const Instance& instance, const Deployment& deployment);
Json to_json(const Deployment& deployment);
Json to_json(const Error& error);
Json to_json(const Change& change);

// json_network.cpp
Json vpc_json(const Deployment& deployment);
Json to_json(const Subnet& subnet);
Json to_json(const PlacementGroup& group);
Json to_json(const RouteTable& table, const Deployment& deployment);
Json to_json(const InternetGateway& gateway);
Json to_json(const ElasticIp& elastic, const Deployment& deployment);
Json to_json(const FlowLog& log, const Deployment& deployment);
Json address_or_null(const IpAddress& address);  // null: the unspecified one, which no interface has

// json_rules.cpp
Json to_json(const SecurityGroup& group, const Deployment& deployment);
Json to_json(const NetworkAcl& acl, const Deployment& deployment);
Json to_json(const PrefixList& list);

// json_faults.cpp. Probabilities from 0 to 1; a name ends with its unit.
Json to_json(const underlay::Impairment& impairment);
Json to_json(const underlay::Layout& layout);
Json faults_json(const Deployment& deployment);  // "origin": "file" or "api"

// json_parse.cpp: the other direction. Derived fields (az, router, members, ids of what a rule names) are not read; what
// is read is all there, of the right kind and in range, and names only what is there too.
Result<Deployment> deployment_from_json(const std::string& text);

// json_views.cpp. `deployment` may be null; it gives the names of instances.
Json to_json(const PacketTuple& tuple);
Json to_json(const FlowView& flow, const Deployment* deployment);
Json to_json(const DropView& drop, const Deployment* deployment, std::uint64_t now_ns);
Json to_json(const EniStatistics& statistics, const Deployment* deployment);
Json to_json(const Balance& balance);
Json to_json(const Engine::IdleTime& idle);
Json to_json(const Explanation& explanation);

/// "tcp", "udp", "icmp", "icmpv6", "all", or the number as text.
std::string protocol_text(IpProtocol protocol);
/// The reverse; nothing when it is neither a name nor 0..255.
std::optional<IpProtocol> protocol_from_text(const std::string& text);

}  // namespace weft

// Reading the saved state back: one field each, strict about kind and range. A wrong state is reported by exception up
// to deployment_from_json(), as nlohmann's own accessors do. Inside json_parse*.cpp only.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "dataplane/control/json.hpp"

namespace weft::json_parse {

[[noreturn]] inline void damaged(const std::string& what) { throw std::runtime_error(what); }

inline const Json& list_of(const Json& json, const char* field) {
  const Json& list = json.at(field);
  if (!list.is_array()) damaged(fmt::format("'{}' is no list", field));
  return list;
}

inline std::string text_of(const Json& json, const char* field) { return json.at(field).get<std::string>(); }
inline bool truth_of(const Json& json, const char* field) { return json.at(field).get<bool>(); }

/// nlohmann would take 1.5 for 1 and -1 for four thousand million.
template <typename Number>
Number number_of(const Json& json, const char* field, std::int64_t least = 0,
                 std::int64_t most = std::numeric_limits<std::int32_t>::max()) {
  const Json& value = json.at(field);
  // Above INT64_MAX only an unsigned one can be, and that would wrap.
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() || value.get<std::uint64_t>() <= std::uint64_t{INT64_MAX}) &&
                    value.get<std::int64_t>() >= least && value.get<std::int64_t>() <= most;
  if (!fits) damaged(fmt::format("'{}' is no number from {} to {}", field, least, most));
  return static_cast<Number>(value.get<std::int64_t>());
}

inline double rate_of(const Json& json, const char* field) {
  const double rate = json.at(field).get<double>();
  if (!(rate >= 0)) damaged(fmt::format("'{}' is below 0", field));
  return rate;
}

/// An IpPrefix, IpAddress, Ipv4Address or MacAddress.
template <typename T>
T parsed(const Json& json) {
  const std::string text = json.get<std::string>();
  const std::optional<T> value = T::parse(text);
  if (!value) damaged(fmt::format("'{}' is no address, or no block of addresses", text));
  return *value;
}
template <typename T>
std::optional<T> parsed_or_null(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return parsed<T>(json);
}
template <typename T>
std::vector<T> parsed_list(const Json& json, const char* field) {
  std::vector<T> values;
  for (const Json& one : list_of(json, field)) values.push_back(parsed<T>(one));
  return values;
}

/// One of the words that stand for an enumeration's values.
template <typename T>
T word_of(const Json& json, const char* field, std::initializer_list<std::pair<const char*, T>> words) {
  const std::string text = text_of(json, field);
  for (const auto& [word, value] : words)
    if (text == word) return value;
  damaged(fmt::format("'{}' is no {}", text, field));
}

// json_parse_rules.cpp
SecurityGroup group_of(const Json& json);
NetworkAcl acl_of(const Json& json);
PrefixList prefix_list_of(const Json& json);

// json_parse_network.cpp
void read_vpc(const Json& json, Deployment& deployment);
Subnet subnet_of(const Json& json);
PlacementGroup placement_group_of(const Json& json);
RouteTable route_table_of(const Json& json);
PortBackend port_of(const Json& json);
InternetGateway internet_gateway_of(const Json& json);
ElasticIp elastic_ip_of(const Json& json);
FlowLog flow_log_of(const Json& json);

// json_parse_faults.cpp
underlay::Layout layout_of(const Json& json);
void read_faults(const Json& json, Deployment& deployment);  // once it has its layout

// json_parse_check.cpp
/// What is named exists: the engine and the guests take it for granted.
void check_names(const Deployment& deployment);

}  // namespace weft::json_parse

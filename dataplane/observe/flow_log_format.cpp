#include "dataplane/observe/flow_log_format.hpp"

#include <algorithm>

#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

struct FieldName {
  std::string_view name;
  int version;  // of flow logs, in which AWS added it
};

constexpr FieldName kFieldNames[] = {
    {"version", 2},
    {"account-id", 2},
    {"interface-id", 2},
    {"srcaddr", 2},
    {"dstaddr", 2},
    {"srcport", 2},
    {"dstport", 2},
    {"protocol", 2},
    {"packets", 2},
    {"bytes", 2},
    {"start", 2},
    {"end", 2},
    {"action", 2},
    {"log-status", 2},
    {"vpc-id", 3},
    {"subnet-id", 3},
    {"instance-id", 3},
    {"tcp-flags", 3},
    {"type", 3},
    {"pkt-srcaddr", 3},
    {"pkt-dstaddr", 3},
    {"region", 4},
    {"az-id", 4},
    {"sublocation-type", 4},
    {"sublocation-id", 4},
    {"pkt-src-aws-service", 5},
    {"pkt-dst-aws-service", 5},
    {"flow-direction", 5},
    {"traffic-path", 5},
};

Error bad_format(std::string message) {
  return {.code = "InvalidParameter", .message = std::move(message), .where = {}};
}

std::vector<std::string> all_names() {
  std::vector<std::string> names;
  for (const FieldName& field : kFieldNames) names.emplace_back(field.name);
  return names;
}

}  // namespace

std::string_view name(FlowLogField field) { return kFieldNames[static_cast<std::size_t>(field)].name; }

Result<FlowLogFormat> parse_flow_log_format(std::string_view text) {
  FlowLogFormat format;
  while (!text.empty()) {
    if (text.front() == ' ') {
      text.remove_prefix(1);
      continue;
    }
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    if (!word.starts_with("${") || !word.ends_with("}"))
      return bad_format("a flow log format is fields with spaces between, such as ${srcaddr} ${dstaddr}; " +
                        in_quotes(word) + " is none");
    const std::string_view inner = word.substr(2, word.size() - 3);
    const auto* const found = std::ranges::find(kFieldNames, inner, &FieldName::name);
    if (found == std::end(kFieldNames))
      return bad_format("there is no flow log field " + in_quotes(inner) + hint(inner, all_names()));
    const auto field = static_cast<FlowLogField>(found - kFieldNames);
    if (std::ranges::find(format.fields, field) != format.fields.end())
      return bad_format("the flow log field " + in_quotes(inner) + " is there twice; once is enough");
    format.fields.push_back(field);
    format.version = std::max(format.version, found->version);
  }
  if (format.fields.empty())
    return bad_format("a flow log format has at least one field; the default is " + std::string(kDefaultFlowLogFormat));
  return format;
}

}  // namespace weft

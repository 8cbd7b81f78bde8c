#include "tools/weft/fault_arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace weft::cli {
namespace {

using nlohmann::json;

Error refusal(std::string message) { return {"InvalidParameterCombination", std::move(message), {}}; }

/// "1%", or "every:100" and "to_bad:1%,..." as the mapping of the topology file.
json loss_body(std::string_view text) {
  if (text.find(':') == std::string_view::npos) return std::string(text);
  json mapping = json::object();
  for (bool more = true; more;) {
    const std::string_view part = text.substr(0, text.find(','));
    const std::size_t colon = part.find(':');
    mapping[std::string(part.substr(0, colon))] =
        colon == std::string_view::npos ? std::string() : std::string(part.substr(colon + 1));
    more = part.size() < text.size();
    text.remove_prefix(std::min(text.size(), part.size() + 1));
  }
  return mapping;
}

}  // namespace

Result<json> fault_body(const FaultArguments& o) {
  if (o.reorder.empty() != o.reorder_by.empty())
    return refusal("--reorder and --reorder-by belong together, such as --reorder 1% --reorder-by 100us");
  if (o.flap_period.empty() != o.flap_down.empty())
    return refusal("--flap-period and --flap-down belong together, such as --flap-period 1s --flap-down 100ms");
  json body = json::object();
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) body[key] = value;
  };
  add("rate", o.rate);
  add("latency", o.latency);
  add("jitter", o.jitter);
  add("queue", o.queue);
  add("ecn", o.ecn);
  add("duplicate", o.duplicate);
  add("corrupt", o.corrupt);
  if (!o.loss.empty()) body["loss"] = loss_body(o.loss);
  if (!o.reorder.empty()) body["reorder"] = {{"share", o.reorder}, {"by", o.reorder_by}};
  if (!o.flap_period.empty()) body["flap"] = {{"period", o.flap_period}, {"down", o.flap_down}};
  if (o.down) body["down"] = true;
  if (body.empty()) return refusal("say what is wrong, such as --latency 50us, --loss 1% or --down");
  add("name", o.name);
  add("path", o.path);
  add("from", o.from);
  add("to", o.to);
  add("host", o.host);
  return body;
}

}  // namespace weft::cli

#include "dataplane/control/json_parse.hpp"
#include "dataplane/model/faults.hpp"

namespace weft::json_parse {
namespace {

using underlay::Impairment;
using underlay::Loss;

constexpr std::uint32_t kMostSpines = 256;  // as a topology may say

double probability_of(const Json& json, const char* field) {
  const Json& value = json.at(field);
  if (!value.is_number() || !(value.get<double>() >= 0 && value.get<double>() <= 1))
    damaged(fmt::format("'{}' is no probability", field));
  return value.get<double>();
}

Loss loss_of(const Json& json) {
  Loss loss;
  loss.kind = word_of<Loss::Kind>(json, "kind",
                                  {{"none", Loss::Kind::kNone},
                                   {"bernoulli", Loss::Kind::kBernoulli},
                                   {"gilbert-elliott", Loss::Kind::kGilbertElliott},
                                   {"every", Loss::Kind::kNth}});
  loss.loss = probability_of(json, "loss");
  loss.to_bad = probability_of(json, "to_bad");
  loss.to_good = probability_of(json, "to_good");
  loss.nth = number_of<std::uint32_t>(json, "every", loss.kind == Loss::Kind::kNth ? 1 : 0, UINT32_MAX);
  return loss;
}

Impairment impairment_of(const Json& json) {
  Impairment impairment;
  impairment.rate_bps = number_of<std::uint64_t>(json, "rate_bps", 0, INT64_MAX);
  impairment.latency_ns = number_of<std::uint64_t>(json, "latency_ns", 0, INT64_MAX);
  impairment.jitter_ns = number_of<std::uint64_t>(json, "jitter_ns", 0, INT64_MAX);
  impairment.queue_bytes = number_of<std::uint32_t>(json, "queue_bytes", 0, UINT32_MAX);
  impairment.ecn_bytes = number_of<std::uint32_t>(json, "ecn_bytes", 0, UINT32_MAX);
  impairment.loss = loss_of(json.at("loss"));
  impairment.duplicate = probability_of(json, "duplicate");
  impairment.reorder = probability_of(json, "reorder");
  impairment.reorder_ns = number_of<std::uint64_t>(json, "reorder_ns", 0, INT64_MAX);
  impairment.corrupt = probability_of(json, "corrupt");
  impairment.down = truth_of(json, "down");
  const Json& flap = json.at("flap");
  impairment.flap.period_ns = number_of<std::uint64_t>(flap, "period_ns", 0, INT64_MAX);
  impairment.flap.down_ns = number_of<std::uint64_t>(
      flap, "down_ns", 0, static_cast<std::int64_t>(impairment.flap.period_ns));
  return impairment;
}

}  // namespace

underlay::Layout layout_of(const Json& json) {
  underlay::Layout layout;
  layout.spines = number_of<std::uint32_t>(json, "spines", 1, kMostSpines);
  layout.seed = number_of<std::uint64_t>(json, "seed", 0, INT64_MAX);
  layout.rack = impairment_of(json.at("rack"));
  layout.spine = impairment_of(json.at("spine"));
  layout.host = impairment_of(json.at("host"));
  return layout;
}

void read_faults(const Json& json, Deployment& deployment) {
  for (const Json& one : list_of(json, "faults")) {
    underlay::Fault fault;
    fault.name = text_of(one, "name");
    if (!is_fault_name(fault.name)) damaged(fmt::format("'{}' is no name for a fault", fault.name));
    if (!one.at("path").is_null())
      fault.path = number_of<std::uint32_t>(one, "path", 0, deployment.layout.spines - 1);
    fault.from = text_of(one, "from");
    fault.to = text_of(one, "to");
    fault.host = text_of(one, "host");
    fault.impairment = impairment_of(one.at("impairment"));
    for (const underlay::Fault& other : all_faults(deployment))
      if (other.name == fault.name) damaged(fmt::format("two faults have the name '{}'", fault.name));
    const bool declared = word_of<bool>(one, "origin", {{"file", true}, {"api", false}});
    (declared ? deployment.declared_faults : deployment.set_faults).push_back(std::move(fault));
  }
}

}  // namespace weft::json_parse

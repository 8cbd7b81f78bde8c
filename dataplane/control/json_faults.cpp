// The fabric's layout and its faults as JSON.
#include "dataplane/control/json.hpp"
#include "dataplane/model/faults.hpp"

namespace weft {
namespace {

const char* loss_word(underlay::Loss::Kind kind) {
  switch (kind) {
    case underlay::Loss::Kind::kNone: return "none";
    case underlay::Loss::Kind::kBernoulli: return "bernoulli";
    case underlay::Loss::Kind::kGilbertElliott: return "gilbert-elliott";
    case underlay::Loss::Kind::kNth: return "every";
  }
  return "";
}

Json fault_json(const underlay::Fault& fault, const char* origin) {
  return {{"name", fault.name},
          {"origin", origin},
          {"path", fault.path ? Json(*fault.path) : Json(nullptr)},
          {"from", fault.from},
          {"to", fault.to},
          {"host", fault.host},
          {"summary", describe(fault.impairment)},
          {"impairment", to_json(fault.impairment)}};
}

}  // namespace

Json to_json(const underlay::Impairment& impairment) {
  const underlay::Loss& loss = impairment.loss;
  return {{"rate_bps", impairment.rate_bps},
          {"latency_ns", impairment.latency_ns},
          {"jitter_ns", impairment.jitter_ns},
          {"queue_bytes", impairment.queue_bytes},
          {"ecn_bytes", impairment.ecn_bytes},
          {"loss",
           {{"kind", loss_word(loss.kind)},
            {"loss", loss.loss},
            {"to_bad", loss.to_bad},
            {"to_good", loss.to_good},
            {"every", loss.nth}}},
          {"duplicate", impairment.duplicate},
          {"reorder", impairment.reorder},
          {"reorder_ns", impairment.reorder_ns},
          {"corrupt", impairment.corrupt},
          {"down", impairment.down},
          {"flap", {{"period_ns", impairment.flap.period_ns}, {"down_ns", impairment.flap.down_ns}}}};
}

Json to_json(const underlay::Layout& layout) {
  return {{"spines", layout.spines},
          {"seed", layout.seed},
          {"rack", to_json(layout.rack)},
          {"spine", to_json(layout.spine)},
          {"host", to_json(layout.host)}};
}

Json faults_json(const Deployment& deployment) {
  Json list = Json::array();
  for (const underlay::Fault& fault : deployment.declared_faults) list.push_back(fault_json(fault, "file"));
  for (const underlay::Fault& fault : deployment.set_faults) list.push_back(fault_json(fault, "api"));
  return list;
}

}  // namespace weft

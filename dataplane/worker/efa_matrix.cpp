#include "dataplane/worker/efa_matrix.hpp"

#include "dataplane/worker/snapshot.hpp"

namespace weft {

EfaMatrix EfaMatrix::compile(const Deployment& deployment, const GroupPolicy& policy,
                             const std::vector<SlotAssignment>& assignments, std::size_t slots) {
  struct Function {
    PolicyEni policy;
    const std::string* zone;
  };
  std::vector<Function> functions;
  EfaMatrix matrix;
  matrix.indices_.assign(slots, kNone);
  const std::vector<const Eni*> enis = flatten_enis(deployment);
  for (std::size_t i = 0; i < enis.size(); ++i) {
    if (enis[i]->type != InterfaceType::kEfa && enis[i]->type != InterfaceType::kEfaOnly) continue;
    matrix.indices_[assignments[i].slot] = static_cast<std::uint16_t>(functions.size());
    functions.push_back({static_cast<PolicyEni>(i), &deployment.find_subnet(enis[i]->subnet)->az});
  }

  matrix.width_ = functions.size();
  matrix.verdicts_.reserve(functions.size() * functions.size());
  for (const Function& from : functions) {
    for (const Function& to : functions) {
      EfaVerdict verdict = EfaVerdict::kAllow;
      if (*from.zone != *to.zone) verdict = EfaVerdict::kUnreachable;
      else if (!policy.efa_allowed(from.policy, Direction::kEgress, to.policy)) verdict = EfaVerdict::kGroupEgress;
      else if (!policy.efa_allowed(to.policy, Direction::kIngress, from.policy)) verdict = EfaVerdict::kGroupIngress;
      matrix.verdicts_.push_back(verdict);
    }
  }
  return matrix;
}

}  // namespace weft

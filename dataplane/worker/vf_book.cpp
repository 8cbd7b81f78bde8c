#include "dataplane/worker/vf_book.hpp"

#include <algorithm>

#include "dataplane/worker/snapshot.hpp"

namespace weft {

void VfBook::update(const Deployment& deployment, const std::vector<SlotAssignment>& assignments, std::uint32_t epoch,
                    unsigned workers, std::uint64_t now_ns) {
  std::map<std::string, std::shared_ptr<VfRate>> rates;
  const std::vector<const Eni*> enis = flatten_enis(deployment);
  const bool trusted = std::any_of(enis.begin(), enis.end(), [](const Eni* eni) { return eni->vf.trust; });
  if (trusted && !claimed_) claimed_ = std::make_shared<ClaimedMacs>();
  for (std::size_t i = 0; i < enis.size(); ++i) {
    const VirtualFunction& vf = enis[i]->vf;
    if (claimed_ && assignments[i].born == epoch) claimed_->forget(assignments[i].slot);  // another ENI's before
    if (vf.max_tx_rate_mbps == 0) continue;
    const auto before = rates_.find(enis[i]->id);
    rates[enis[i]->id] = before != rates_.end() && before->second->mbps() == vf.max_tx_rate_mbps
                             ? before->second
                             : std::make_shared<VfRate>(vf.max_tx_rate_mbps, std::max(workers, 1U), now_ns);
  }
  rates_ = std::move(rates);
}

void VfBook::published(const Deployment& deployment, const std::vector<SlotAssignment>& assignments) {
  const std::vector<const Eni*> enis = flatten_enis(deployment);
  std::set<const Port*> without;
  for (std::size_t i = 0; i < enis.size(); ++i) {
    if (claimed_ && !enis[i]->vf.trust) claimed_->forget(assignments[i].slot);
    Port* const port = assignments[i].port;
    if (port == nullptr) continue;
    const bool up = enis[i]->vf.link_up();
    if (!up) without.insert(port);
    if (up == without_carrier_.contains(port)) port->set_carrier(up);  // a new port has one
  }
  without_carrier_ = std::move(without);
}

std::vector<std::shared_ptr<VfRate>> VfBook::by_slot(const std::vector<const Eni*>& enis,
                                                     const std::vector<SlotAssignment>& assignments, std::size_t slots) const {
  std::vector<std::shared_ptr<VfRate>> rates;
  if (rates_.empty()) return rates;
  rates.resize(slots);
  for (std::size_t i = 0; i < enis.size(); ++i)
    if (const auto found = rates_.find(enis[i]->id); found != rates_.end()) rates[assignments[i].slot] = found->second;
  return rates;
}

}  // namespace weft

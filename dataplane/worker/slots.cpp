#include "dataplane/worker/slots.hpp"

#include <algorithm>

namespace weft {

std::optional<EniSlot> SlotTable::find(const std::string& eni_id) const {
  const auto found = slots_.find(eni_id);
  if (found == slots_.end()) return std::nullopt;
  return found->second;
}

std::string SlotTable::eni_at(EniSlot slot, std::uint32_t epoch) const {
  if (slot >= owners_.size()) return {};
  if (!owners_[slot].eni_id.empty() && owners_[slot].born <= epoch) return owners_[slot].eni_id;
  for (auto past = past_.rbegin(); past != past_.rend(); ++past)
    if (past->slot == slot && past->born <= epoch) return past->eni_id;
  return {};
}

std::optional<EniSlot> SlotTable::take(const std::string& id, const IpAddress& address, std::uint32_t epoch,
                                       std::uint16_t home) {
  if (const std::optional<EniSlot> known = find(id)) {
    Owner& owner = owners_[*known];
    taken_.push_back({*known, true, owner.address, owner.born});
    // With another address it is another end: the flows of the old one are over.
    if (owner.address != address) owner.born = epoch;
    owner.address = address;
    return known;
  }
  EniSlot slot;
  if (!free_.empty()) {
    slot = free_.front();
    free_.erase(free_.begin());
  } else if (owners_.size() < kNoEni - 1U) {
    slot = static_cast<EniSlot>(owners_.size());
    owners_.emplace_back();
  } else {
    return std::nullopt;
  }
  owners_[slot] = {.eni_id = id, .address = address, .born = epoch, .home = home, .queues = {}};
  slots_[id] = slot;
  taken_.push_back({slot, false, {}, 0});
  return slot;
}

void SlotTable::roll_back() {
  for (auto taken = taken_.rbegin(); taken != taken_.rend(); ++taken) {
    Owner& owner = owners_[taken->slot];
    if (taken->known) {
      owner.address = taken->address;
      owner.born = taken->born;
      continue;
    }
    slots_.erase(owner.eni_id);
    owner = {};
    free_.insert(free_.begin(), taken->slot);
  }
  taken_.clear();
}

PortQueues SlotTable::free(EniSlot slot) {
  Owner& owner = owners_[slot];
  slots_.erase(owner.eni_id);
  if (past_.size() == kRemembered) past_.erase(past_.begin());
  past_.push_back({slot, owner.born, std::move(owner.eni_id)});
  PortQueues queues = std::move(owner.queues);
  owner = {};
  free_.push_back(slot);
  return queues;
}

}  // namespace weft

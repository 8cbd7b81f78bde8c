// Which ENI has which slot, over publications (DESIGN D11: an id lasts as long as its ENI, and a slot that is used again
// starts at zero). Thread: control.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "dataplane/model/deployment.hpp"
#include "dataplane/worker/snapshot.hpp"

namespace weft {

/// Of one port, queue 0 first. None: nothing is attached.
using PortQueues = std::vector<std::unique_ptr<Port>>;

class SlotTable {
 public:
  struct Owner {
    std::string eni_id;        // empty: free
    IpAddress address;         // the primary one
    std::uint32_t born = 0;
    std::uint16_t home = 0;
    PortQueues queues;
  };

  std::optional<EniSlot> find(const std::string& eni_id) const;
  /// The ENI that had the slot at `epoch`; empty when none had or it is too long ago.
  std::string eni_at(EniSlot slot, std::uint32_t epoch) const;

  /// The slot of an ENI or of the internet gateway, which has no address; a free one if it is new. Nothing when all 65534
  /// are taken.
  std::optional<EniSlot> take(const std::string& id, const IpAddress& address, std::uint32_t epoch, std::uint16_t home);
  /// What take() did since the last commit() stands, or is as if it had not been.
  void commit() { taken_.clear(); }
  void roll_back();
  /// After no worker sees the ENI any more. Returns its port, for the caller to close.
  PortQueues free(EniSlot slot);

  Owner& operator[](EniSlot slot) { return owners_[slot]; }
  const Owner& operator[](EniSlot slot) const { return owners_[slot]; }
  std::size_t size() const { return owners_.size(); }

 private:
  struct Past {
    EniSlot slot;
    std::uint32_t born;
    std::string eni_id;
  };
  struct Taken {
    EniSlot slot;
    bool known;  // it was this ENI's already, and had:
    IpAddress address;
    std::uint32_t born;
  };
  static constexpr std::size_t kRemembered = 4096;  // ENIs that have gone, for names in the drop log

  std::vector<Owner> owners_;
  std::vector<EniSlot> free_;  // the last freed is used last
  std::unordered_map<std::string, EniSlot> slots_;
  std::vector<Past> past_;     // oldest first
  std::vector<Taken> taken_;
};

}  // namespace weft

// All lanes that packets have met: made when a packet comes, at most kMostLanes of them; past that, of four that share a
// place the one that was used longest ago is forgotten, with what its queue held and its counters.
//
// A plan that is another one reaches a lane with the lane's next packet: its impairment changes (Lane::change()), and where
// the layout's seed is another one it restarts as well (Lane::restart()). Runs that are to be the same therefore begin with
// another seed, or with a worker that is new; setting the seed that is set already changes nothing.
//
// Each worker has one of its own. A lane's rate and queue are therefore each worker's: as many workers carry flows of one
// pair of hosts, as often is its rate there. Thread: the worker. Nothing is allocated after the constructor.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/underlay/lane.hpp"
#include "dataplane/underlay/plan.hpp"

namespace weft::underlay {

class Underlay {
 public:
  static constexpr unsigned kSets = 512, kWays = 4, kMostLanes = kSets * kWays;

  struct Way {
    Host from, to;
    std::uint32_t path = 0;
    bool operator==(const Way&) const = default;
  };

  Underlay() : places_(kMostLanes) {}

  /// What becomes of a packet from one host to another; nothing: nothing is wrong there, it arrives now. The path is that
  /// of `hash`, the flow's.
  std::optional<Outcome> offer(const Plan& plan, const Host& from, const Host& to, std::uint32_t hash,
                               std::uint64_t now_ns, std::uint32_t bytes, bool ect) noexcept;

  /// The same for who chooses a path itself: `path` modulo how many there are. The plan concerns the two.
  Outcome offer_on(std::uint32_t path, const Plan& plan, const Host& from, const Host& to, std::uint64_t now_ns,
                   std::uint32_t bytes, bool ect) noexcept;

  /// Null: no packet has been there, or it is forgotten.
  const Lane* find(const Way& way) const noexcept;

 private:
  struct Place {
    Way way;
    std::optional<Lane> lane;
    std::uint64_t version = 0, seed = 0, used_ns = 0;  // the plan's, as the lane knows it; when its last packet came
  };
  static std::size_t set_of(const Way& way) noexcept;
  Lane& lane_of(const Plan& plan, const Way& way, std::uint64_t now_ns) noexcept;

  std::vector<Place> places_;
};

}  // namespace weft::underlay

// Lanes by where they are: made when a packet comes, at most as many as there are places; past that, of the kWays that share
// a set the one that was used longest ago is forgotten, with what its queue held and its counters.
//
// A plan that is another one reaches a lane with the lane's next packet: its impairment changes (Lane::change()), and where
// the layout's seed is another one it restarts as well (Lane::restart()). Runs that are to be the same therefore begin with
// another seed, or with a worker that is new; setting the seed that is set already changes nothing.
//
// Thread: its owner's. Nothing is allocated after the constructor.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/underlay/lane.hpp"
#include "dataplane/underlay/plan.hpp"

namespace weft::underlay {

/// A path from one host to another; of a link, both are its host.
struct Way {
  Host from, to;
  std::uint32_t path = 0;
  Hop hop = Hop::kPath;
  bool operator==(const Way&) const = default;

  static Way uplink(const Host& host) noexcept { return {host, host, 0, Hop::kUplink}; }
  static Way downlink(const Host& host) noexcept { return {host, host, 0, Hop::kDownlink}; }
};

class LaneTable {
 public:
  static constexpr unsigned kWays = 4;

  explicit LaneTable(unsigned sets) : places_(std::size_t{sets} * kWays) {}

  /// The lane as the plan has it, made if there is none.
  Lane& at(const Plan& plan, const Way& way, std::uint64_t now_ns) noexcept;
  /// Null: no packet has been there, or it is forgotten.
  const Lane* find(const Way& way) const noexcept;

 private:
  struct Place {
    Way way;
    std::optional<Lane> lane;
    std::uint64_t version = 0, seed = 0, used_ns = 0;  // the plan's, as the lane knows it; when its last packet came
  };
  std::size_t set_of(const Way& way) const noexcept;

  std::vector<Place> places_;
};

}  // namespace weft::underlay

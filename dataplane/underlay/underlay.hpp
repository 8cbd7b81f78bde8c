// All lanes that packets have met: paths, and the links of hosts.
//
// A packet crosses in two steps, for what it meets last is shared by senders whose packets have come different ways, and must
// be met in the order in which they come there:
//
//   offer(), offer_on()  as it is sent: the link of its host, then its path. The outcome says when it is through.
//   land()               then, the caller having kept it meanwhile: the link of the host that it is for. The outcome says
//                        when it arrives.
//
// Each worker has one of its own. A lane's rate and queue are therefore each worker's: as many workers carry flows of one
// pair of hosts, as often is its rate there, and its hosts' links likewise. Thread: the worker. Nothing is allocated after the
// constructor.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/underlay/lane_table.hpp"

namespace weft::underlay {

class Underlay {
 public:
  static constexpr unsigned kPathSets = 512, kLinkSets = 256;
  static constexpr unsigned kMostPaths = kPathSets * LaneTable::kWays;

  /// What becomes of a packet from one host to another; nothing: nothing is wrong there, it arrives now, and does not land.
  /// The path is that of `hash`, the flow's.
  std::optional<Outcome> offer(const Plan& plan, const Host& from, const Host& to, std::uint32_t hash,
                               std::uint64_t now_ns, std::uint32_t bytes, bool ect) noexcept;

  /// The same for who chooses a path itself: `path` modulo how many there are. The plan concerns the two.
  Outcome offer_on(std::uint32_t path, const Plan& plan, const Host& from, const Host& to, std::uint64_t now_ns,
                   std::uint32_t bytes, bool ect) noexcept;

  /// What has come through its path by now, in the order in which it did. With `plan.links(to)` only: else it has arrived.
  Outcome land(const Plan& plan, const Host& to, std::uint64_t now_ns, std::uint32_t bytes, bool ect) noexcept;

  /// Null: no packet has been there, or it is forgotten.
  const Lane* find(const Way& way) const noexcept { return (way.hop == Hop::kPath ? paths_ : links_).find(way); }

 private:
  LaneTable paths_{kPathSets}, links_{kLinkSets};
};

}  // namespace weft::underlay

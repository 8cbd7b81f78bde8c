#include "dataplane/underlay/underlay.hpp"

#include <algorithm>

namespace weft::underlay {

std::optional<Outcome> Underlay::offer(const Plan& plan, const Host& from, const Host& to, std::uint32_t hash,
                                       std::uint64_t now_ns, std::uint32_t bytes, bool ect) noexcept {
  if (!plan.concerns(from, to)) return std::nullopt;
  const std::uint32_t path = path_of(outer_source_port(hash), plan.paths(from, to));
  return offer_on(path, plan, from, to, now_ns, bytes, ect);
}

Outcome Underlay::offer_on(std::uint32_t path, const Plan& plan, const Host& from, const Host& to, std::uint64_t now_ns,
                           std::uint32_t bytes, bool ect) noexcept {
  const Way way{from, to, path % std::max(plan.paths(from, to), 1U)};
  if (!plan.links(from)) return paths_.at(plan, way, now_ns).offer(now_ns, bytes, ect);
  const Outcome sent = links_.at(plan, Way::uplink(from), now_ns).offer(now_ns, bytes, ect);
  if (sent.dropped) return sent;
  // A link keeps order, so they come to the path in the order of the calls, as a lane wants it.
  Outcome outcome = paths_.at(plan, way, now_ns).offer(sent.at_ns, bytes, ect);
  outcome.marked |= sent.marked;
  if (!outcome.flipped_bit) outcome.flipped_bit = sent.flipped_bit;
  return outcome;
}

Outcome Underlay::land(const Plan& plan, const Host& to, std::uint64_t now_ns, std::uint32_t bytes, bool ect) noexcept {
  return links_.at(plan, Way::downlink(to), now_ns).offer(now_ns, bytes, ect);
}

}  // namespace weft::underlay

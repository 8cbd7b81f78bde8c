#include "dataplane/worker/in_flight.hpp"

#include <algorithm>
#include <tuple>

namespace weft {
namespace {

bool arrives_later(const InFlight::Held& one, const InFlight::Held& other) noexcept {
  return std::tie(one.at_ns, one.number) > std::tie(other.at_ns, other.number);
}

}  // namespace

InFlight::~InFlight() {
  for (const Held& held : heap_) rte_pktmbuf_free(held.packet);
}

bool InFlight::hold(Held held) noexcept {
  if (heap_.size() == kMost) return false;
  held.number = number_++;
  heap_.push_back(held);
  std::push_heap(heap_.begin(), heap_.end(), arrives_later);
  return true;
}

InFlight::Held InFlight::take_next() noexcept {
  std::pop_heap(heap_.begin(), heap_.end(), arrives_later);
  const Held next = heap_.back();
  heap_.pop_back();
  return next;
}

}  // namespace weft

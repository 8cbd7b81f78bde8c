#include "fabric/srd/rnr.hpp"

#include <algorithm>

namespace weft::srd {

bool RnrBackoff::refused(std::uint64_t now_ns, const RnrLimits& limits) {
  if (state_ == State::kWaiting || state_ == State::kExpired) return false;
  delay_ns_ = std::min(std::max(delay_ns_ * 2, limits.first_ns), limits.last_ns);
  deadline_ns_ = now_ns + delay_ns_;
  state_ = State::kWaiting;
  return true;
}

}  // namespace weft::srd

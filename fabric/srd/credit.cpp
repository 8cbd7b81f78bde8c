#include "fabric/srd/credit.hpp"

#include <algorithm>

#include "fabric/srd/packet.hpp"

namespace weft::srd {

bool SendCredit::extend(std::uint32_t credit) {
  // A peer that grants more than any window is lying or old; believing it would only flood its own queue with RNRs.
  constexpr std::uint32_t kAbsurd = 1u << 16;
  if (!after(credit, limit_) || credit - sent_ > kAbsurd) return false;
  const bool was_available = available();
  limit_ = credit;
  return !was_available && available();
}

std::uint32_t ReceiveCredit::grant(std::uint32_t window) {
  // A smaller window than last time takes nothing back: what was granted is granted.
  if (after(received_ + window, granted_)) granted_ = received_ + window;
  return granted_;
}

void BufferShare::newly_active(std::uint32_t& peer_round) {
  peer_round = round_;
  ++active_;
  update();
}

void BufferShare::next_round() {
  ++round_;
  packets_ = 0;
  active_before_ = active_;
  active_ = 0;
  update();
}

void BufferShare::update() {
  const std::uint32_t active = std::max({active_, active_before_, 1u});
  window_ = std::clamp(buffers_ / active, kMinWindow, kMaxWindow);
}

}  // namespace weft::srd

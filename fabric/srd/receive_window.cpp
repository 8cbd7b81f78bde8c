#include "fabric/srd/receive_window.hpp"

#include <algorithm>
#include <bit>
#include <limits>

namespace weft::srd {

Taken ReceiveWindow::take(const Arrival& arrival) {
  if (!session_known_ || arrival.session != session_) {
    if (session_known_ && static_cast<std::int8_t>(arrival.session - session_) < 0) return Taken::kStale;
    if (!accept_session(arrival)) return Taken::kUnknownSession;
  }
  const std::uint32_t ahead = arrival.psn - cumulative_;
  if (static_cast<std::int32_t>(ahead) < 0 || (ahead < kMaxOutstanding && has(arrival.psn))) {
    // Its sender has not heard of the first copy.
    if (arrival.over_wire) at_once_ = true;
    return Taken::kDuplicate;
  }
  if (ahead >= kMaxOutstanding) return Taken::kTooFar;

  seen_[arrival.psn % kMaxOutstanding / 64] |= std::uint64_t{1} << (arrival.psn % 64);
  ++beyond_;
  while (has(cumulative_)) {
    seen_[cumulative_ % kMaxOutstanding / 64] &= ~(std::uint64_t{1} << (cumulative_ % 64));
    ++cumulative_;
    --beyond_;
  }
  if (arrival.over_wire) hear(arrival);
  return Taken::kNew;
}

bool ReceiveWindow::accept_session(const Arrival& arrival) {
  // Something of it was delivered before, and not here.
  if (arrival.established) return false;
  seen_ = {};
  cumulative_ = beyond_ = 0;
  pending_ = echoes_ = 0;
  at_once_ = false;
  session_ = arrival.session;
  session_known_ = true;
  return true;
}

void ReceiveWindow::hear(const Arrival& arrival) {
  ++pending_;
  if (arrival.ack_requested) at_once_ = true;
  const Heard heard{arrival.arrived_ns, arrival.psn, arrival.path, arrival.congested};
  for (std::size_t i = 0; i < echoes_; ++i) {
    if (heard_[i].path != arrival.path) continue;
    const bool marked = heard_[i].congested;
    heard_[i] = heard;
    heard_[i].congested |= marked;
    return;
  }
  // Who does not acknowledge when it is owed echoes the first eight paths only.
  if (echoes_ < kMaxEchoes) heard_[echoes_++] = heard;
}

Acknowledgement ReceiveWindow::acknowledge(std::uint64_t now_ns) {
  Acknowledgement result;
  result.session = session_;
  result.incarnation = incarnation_;
  result.cumulative = cumulative_;
  if (beyond_ != 0) {
    const std::uint32_t first = cumulative_ + 1;
    const unsigned shift = first % 64;
    for (std::uint32_t word = 0; word < kBitmapWords; ++word) {
      const std::uint32_t at = first % kMaxOutstanding / 64 + word;
      std::uint64_t bits = seen_[at % kBitmapWords] >> shift;
      if (shift != 0) bits |= seen_[(at + 1) % kBitmapWords] << (64 - shift);
      result.bitmap[word] = bits;
      if (bits != 0) result.words = static_cast<std::uint8_t>(word + 1);
    }
  }
  for (std::size_t i = 0; i < echoes_; ++i) {
    const Heard& heard = heard_[i];
    const std::uint64_t delay = now_ns > heard.arrived_ns ? now_ns - heard.arrived_ns : 0;
    result.echo[i] = {
        heard.psn,
        static_cast<std::uint32_t>(std::min<std::uint64_t>(delay, std::numeric_limits<std::uint32_t>::max())),
        heard.path, heard.congested};
  }
  result.echoes = echoes_;
  pending_ = echoes_ = 0;
  at_once_ = false;
  return result;
}

}  // namespace weft::srd

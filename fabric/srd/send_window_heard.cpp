// The sender's window: what is heard of the peer, and what silence means.
#include <algorithm>
#include <bit>

#include "fabric/srd/send_window.hpp"

namespace weft::srd {

Heard SendWindow::acknowledged(const Acknowledgement& acknowledgement, std::uint64_t now_ns) {
  if (ended_ || acknowledgement.session != session_ || !plausible(acknowledgement)) return Heard::kIgnored;
  if (incarnation_known_ && acknowledgement.incarnation != incarnation_) {
    fail();
    return Heard::kPeerRestarted;
  }
  incarnation_ = acknowledgement.incarnation;
  incarnation_known_ = true;

  const bool limited = 2 * in_flight() >= congestion_.window();
  bool sampled = false;
  const bool marked = hear_echoes(acknowledgement, now_ns, sampled);
  std::uint32_t count = 0;
  for (std::uint32_t psn = base_; after(acknowledgement.cumulative, psn); ++psn) count += arrived(psn);
  for (std::uint32_t word = 0; word < acknowledgement.words; ++word)
    for (std::uint64_t bits = acknowledgement.bitmap[word]; bits != 0; bits &= bits - 1) {
      const std::uint32_t psn =
          acknowledgement.cumulative + 1 + word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
      if (holds(psn)) count += arrived(psn);
    }
  if (count == 0) return Heard::kTaken;

  established_ = true;
  timers_.progressed(now_ns, sampled);
  if (paths_) {
    congestion_.acknowledged(count, paths_->median_ns(), paths_->base_ns(), settings_->queueing_ns, marked, limited,
                             now_ns);
    if (on_wire_ != 0) detect_losses(now_ns);
  }
  wire_changed(true);
  return Heard::kTaken;
}

bool SendWindow::plausible(const Acknowledgement& acknowledgement) const {
  const std::uint32_t cumulative = acknowledgement.cumulative;
  if (after(cumulative, next_) || after(base_, cumulative + kMaxOutstanding)) return false;
  if (acknowledgement.words == 0) return true;
  const std::uint64_t last = acknowledgement.bitmap[acknowledgement.words - 1u];
  const std::uint32_t end =
      cumulative + 1 + acknowledgement.words * 64u - static_cast<std::uint32_t>(std::countl_zero(last));
  return !after(end, next_);
}

bool SendWindow::hear_echoes(const Acknowledgement& acknowledgement, std::uint64_t now_ns, bool& sampled) {
  bool marked = false;
  for (std::size_t i = 0; i < acknowledgement.echoes; ++i) {
    const Echo& echo = acknowledgement.echo[i];
    if (!holds(echo.psn)) continue;
    marked |= echo.congested;
    Slot& heard = slot(echo.psn);
    // One that was thought lost tells the time, too, while it was sent once only.
    const bool certain = heard.state == State::kOnWire || (heard.state == State::kLost && heard.transmissions == 1);
    if (!certain || heard.ambiguous || echo.path != heard.path || now_ns < heard.sent_ns + echo.delay_ns) continue;
    const auto round_trip =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(now_ns - heard.sent_ns - echo.delay_ns, 0xffffffff));
    round_trip_.sample(round_trip);
    paths_->sample(heard.path, round_trip, now_ns);
    sampled = true;
    if (heard.state != State::kOnWire || heard.transmissions == 1) continue;
    // arrived() cannot know which transmission came; the echo does.
    paths_->acknowledged(heard.path, heard.sequence);
    send_order_.acknowledged(heard.sent_ns);
  }
  return marked;
}

bool SendWindow::arrived(std::uint32_t psn) {
  Slot& come = slot(psn);
  const bool certain = come.transmissions == 1 && !come.ambiguous;
  switch (come.state) {
    case State::kOnWire: leave_wire(come); break;
    case State::kLost: --lost_; break;
    case State::kWithDevice:
      // Its bytes are the device's still.
      come.state = State::kWithDeviceAcknowledged;
      return true;
    default: return false;
  }
  if (certain && paths_) {
    paths_->acknowledged(come.path, come.sequence);
    send_order_.acknowledged(come.sent_ns);
  }
  finish(come, psn, State::kArrived);
  return true;
}

void SendWindow::detect_losses(std::uint64_t now_ns) {
  const std::uint64_t slowest = std::max(paths_->slowest_ns(), round_trip_.smoothed_ns());
  const std::uint64_t lost_before = send_order_.lost_before(slowest, round_trip_.reorder_ns());
  std::uint64_t losing = 0;  // a bit per path
  for (std::uint32_t psn = base_; psn != next_; ++psn) {
    Slot& candidate = slot(psn);
    if (candidate.state != State::kOnWire) continue;
    if (candidate.sent_ns >= lost_before && !paths_->overtaken(candidate.path, candidate.sequence)) continue;
    leave_wire(candidate);
    lose(candidate, psn);
    paths_->lost(candidate.path, now_ns);
    losing |= std::uint64_t{1} << candidate.path;
  }
  if (losing == 0) return;
  // One path that loses while the others are fast is that path's trouble: it is left alone, and the rest goes on. Not so where
  // one loses after the other: then it is something that they share, whose queue is too short to be slow.
  const bool fast = paths_->median_ns() <= congestion_.target_ns(paths_->base_ns(), settings_->queueing_ns);
  const bool alone = std::has_single_bit(losing) && paths_->suspects() * 4 <= paths_->count();
  if (paths_->count() > 1 && alone && fast) return;
  congestion_.lost(round_trip_.smoothed_ns(), now_ns);
}

void SendWindow::expire(std::uint64_t now_ns) {
  act(timers_.expire(now_ns, round_trip_, *settings_, *random_), now_ns);
}

void SendWindow::progress(const PeerProgress& peer, std::uint64_t now_ns) {
  act(timers_.progress(peer, now_ns, round_trip_, *settings_, *random_), now_ns);
}

void SendWindow::act(Timers::Due due, std::uint64_t now_ns) {
  switch (due) {
    case Timers::Due::kNothing:
    case Timers::Due::kAsk: return;
    case Timers::Due::kProbe: return probe();
    case Timers::Due::kTimeout: return time_out(now_ns);
    case Timers::Due::kUnresponsive: return fail();
  }
}

void SendWindow::probe() {
  probing_ = true;
  if (lost_ != 0) return;
  for (std::uint32_t psn = next_; psn-- != base_;) {
    Slot& newest = slot(psn);
    if (newest.state != State::kOnWire) continue;
    leave_wire(newest);
    lose(newest, psn);
    break;
  }
  wire_changed(false);
}

void SendWindow::time_out(std::uint64_t now_ns) {
  const std::uint64_t timeout = round_trip_.timeout_ns(settings_->timeout_floor_ns);
  for (std::uint32_t psn = base_; psn != next_; ++psn) {
    Slot& candidate = slot(psn);
    if (candidate.state != State::kOnWire || candidate.sent_ns + timeout > now_ns) continue;
    leave_wire(candidate);
    lose(candidate, psn);
    paths_->lost(candidate.path, now_ns);
  }
  ++timeouts_;
  congestion_.timed_out();
  probing_ = true;
  wire_changed(false);
}

}  // namespace weft::srd

#include "fabric/srd/send_window.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace weft::srd {

Posting SendWindow::post(std::uint64_t cookie, std::uint64_t now_ns) {
  assert(room());
  if (next_ - base_ == capacity_) grow();
  const std::uint32_t psn = next_++;
  const std::uint8_t path = paths_ ? paths_->choose(*random_, now_ns, Paths::kNone) : std::uint8_t{0};
  slot(psn) = {cookie, 0, 0, path, State::kWithDevice, 1, false};
  ++with_device_;
  // The last one that the window lets go must not wait for others to share an acknowledgement with.
  return {cookie, psn, path, paths_ && in_flight() >= congestion_.window(), established_, false};
}

bool SendWindow::post_again(std::uint64_t now_ns, Posting& posting) {
  if (lost_ == 0 || ended_) return false;
  if (paths_ && in_flight() >= congestion_.window() && !probing_) return false;
  while (slot(first_lost_).state != State::kLost) ++first_lost_;
  const std::uint32_t psn = first_lost_++;
  Slot& again = slot(psn);
  --lost_;
  const bool first = again.transmissions == 0;
  const std::uint8_t before = first ? Paths::kNone : again.path;
  again.path = paths_ ? paths_->choose(*random_, now_ns, before) : std::uint8_t{0};
  again.ambiguous |= again.path == before || again.transmissions >= 2;
  again.transmissions = static_cast<std::uint8_t>(std::min(again.transmissions + 1, 255));
  again.state = State::kWithDevice;
  ++with_device_;
  if (!first) ++sent_again_;
  posting = {again.cookie, psn, again.path, probing_ || !first, established_, !first};
  probing_ = false;
  return true;
}

void SendWindow::grow() {
  const std::uint32_t capacity = std::max(std::uint32_t{capacity_} * 2, kFirstSlots);
  auto larger = std::make_unique_for_overwrite<Slot[]>(capacity);
  for (std::uint32_t psn = base_; psn != next_; ++psn) larger[psn & (capacity - 1)] = slot(psn);
  slots_ = std::move(larger);
  capacity_ = static_cast<std::uint16_t>(capacity);
}

SendWindow::Slot* SendWindow::answered(std::uint32_t psn) {
  if (!holds(psn)) return nullptr;
  Slot& answer = slot(psn);
  switch (answer.state) {
    case State::kWithDevice: --with_device_; return &answer;
    case State::kWithDeviceAcknowledged:
      --with_device_;
      finish(answer, psn, State::kArrived);
      return nullptr;
    case State::kWithDeviceFailed:
      --with_device_;
      finish(answer, psn, State::kFailed);
      return nullptr;
    default: return nullptr;
  }
}

void SendWindow::delivered(std::uint32_t psn) {
  Slot* const answer = answered(psn);
  if (answer == nullptr) return;
  established_ = true;
  finish(*answer, psn, State::kArrived);
  wire_changed(true);
}

void SendWindow::on_wire(std::uint32_t psn, std::uint64_t now_ns) {
  Slot* const answer = answered(psn);
  if (answer == nullptr) return;
  if (!paths_) paths_ = std::make_unique<Paths>(settings_->paths);
  answer->sent_ns = now_ns;
  answer->sequence = paths_->sent(answer->path);
  answer->state = State::kOnWire;
  ++on_wire_;
  timers_.started(now_ns);
}

void SendWindow::refused(std::uint32_t psn) {
  Slot* const answer = answered(psn);
  if (answer == nullptr) return;
  // It was not on that path. If it was on another before, nobody remembers which.
  if (--answer->transmissions != 0) answer->ambiguous = true;
  lose(*answer, psn);
  wire_changed(true);
}

void SendWindow::finish(Slot& finished, std::uint32_t psn, State state) {
  finished.state = state;
  if (reports_++ == 0 || after(first_report_, psn)) first_report_ = psn;
}

bool SendWindow::take_report(Report& report) {
  if (reports_ == 0) return false;
  for (;; ++first_report_) {
    Slot& finished = slot(first_report_);
    if (finished.state != State::kArrived && finished.state != State::kFailed) continue;
    report = {finished.cookie, finished.state == State::kArrived};
    finished.state = State::kGone;
    break;
  }
  ++first_report_;
  --reports_;
  while (base_ != next_ && slot(base_).state == State::kGone) ++base_;
  return true;
}

void SendWindow::fail() {
  ended_ = true;
  probing_ = false;
  for (std::uint32_t psn = base_; psn != next_; ++psn) {
    Slot& failed = slot(psn);
    switch (failed.state) {
      case State::kWithDevice: failed.state = State::kWithDeviceFailed; break;
      case State::kOnWire:
        leave_wire(failed);
        finish(failed, psn, State::kFailed);
        break;
      case State::kLost:
        --lost_;
        finish(failed, psn, State::kFailed);
        break;
      default: break;
    }
  }
  timers_.stopped(true);
}

void SendWindow::begin(std::uint8_t session) {
  assert(empty());
  base_ = next_ = first_lost_ = first_report_ = 0;
  session_ = session;
  timers_ = {};
  incarnation_known_ = established_ = ended_ = probing_ = false;
}

void SendWindow::shrink() {
  if (!empty()) return;
  slots_.reset();
  paths_.reset();
  capacity_ = 0;
}

TransportEvents SendWindow::take_events() {
  return {std::exchange(timeouts_, std::uint16_t{0}), paths_ ? paths_->take_impairments() : 0};
}

void SendWindow::leave_wire(Slot& left) {
  paths_->left(left.path);
  --on_wire_;
}

void SendWindow::lose(Slot& lost, std::uint32_t psn) {
  lost.state = State::kLost;
  if (lost_++ == 0 || after(first_lost_, psn)) first_lost_ = psn;
}

void SendWindow::wire_changed(bool heard) {
  if (on_wire_ == 0) timers_.stopped(heard);
}

}  // namespace weft::srd

#include "tests/fabric/srd/simulator.hpp"

#include <algorithm>
#include <cstdio>

namespace weft::srd::test {
namespace {

constexpr std::uint64_t kBoundNs = 600'000'000'000;  // no schedule's troubles add up to that
constexpr std::uint64_t kMostEvents = 3'000'000;

std::uint64_t mix(std::uint64_t value) { return Random(value).next(); }

}  // namespace

Simulation::Simulation(const Schedule& schedule, bool verbose)
    : schedule_(schedule),
      verbose_(verbose),
      random_(mix(schedule.seed)),
      sender_random_(mix(schedule.seed + 1)),
      there_(schedule.there, mix(schedule.seed + 2)),
      back_(schedule.back, mix(schedule.seed + 3)),
      sender_(schedule_.settings, sender_random_),
      fates_(schedule.packets),
      receiver_(1) {}

Outcome Simulation::run() {
  push({.at_ns = now_, .packet = {}});
  if (schedule_.restart_ns != 0) push({.at_ns = schedule_.restart_ns, .kind = Kind::kPeerRestarts, .packet = {}});
  while (!events_.empty() && outcome_.wrong.empty()) {
    Event event = events_.top();
    events_.pop();
    now_ = event.at_ns;
    ++outcome_.events;
    handle(event);
    pump();
    check();
    if (outcome_.arrived + outcome_.failed == schedule_.packets) break;
  }
  outcome_.ended_ns = now_;
  outcome_.sent_again = sender_.sent_again();
  if (outcome_.wrong.empty() && outcome_.arrived + outcome_.failed != schedule_.packets)
    wrong("nothing happens any more, and not every packet is reported");
  if (outcome_.wrong.empty() && !sender_.empty()) wrong("every packet is reported, and the window is not empty");
  if (outcome_.wrong.empty() && outcome_.sent_again != 0 && schedule_.settings.paths == 1 &&
      schedule_.there[0].jitter_ns == 0 && schedule_.back[0].jitter_ns == 0 && there_.perfect() && back_.perfect() &&
      !overflowed_ && schedule_.progress_known && schedule_.blackout_ns == 0 && schedule_.restart_ns == 0 &&
      schedule_.there[0].latency_ns >= schedule_.back[0].latency_ns)
    wrong("a network without fault and a slow receiver made the sender send again");
  return outcome_;
}

void Simulation::push(Event event) {
  event.order = order_++;
  events_.push(std::move(event));
}

void Simulation::wrong(const std::string& what) {
  if (outcome_.wrong.empty()) outcome_.wrong = what + " (at " + std::to_string(now_) + " ns)";
}

void Simulation::say(const std::string& what) const {
  if (verbose_) std::printf("%12lu %s\n", static_cast<unsigned long>(now_), what.c_str());
}

bool Simulation::blackout() const {
  return schedule_.blackout_ns != 0 && now_ >= schedule_.blackout_ns &&
         now_ < schedule_.blackout_ns + schedule_.blackout_for_ns;
}

void Simulation::check() {
  if (sender_.outstanding() > kMaxOutstanding) wrong("more is under way than a window");
  if (receiver_.beyond() >= kMaxOutstanding) wrong("the receiver remembers more than a window");
  if (sender_.on_wire() != 0 && sender_.deadline_ns() == kNever) wrong("something is on the wire and no timer runs");
  if (sender_.paths() == nullptr && sender_.on_wire() != 0) wrong("something is on the wire without a path");
  if (now_ > kBoundNs || outcome_.events > kMostEvents) wrong("no end within the bound");
}

void Simulation::handle(Event& event) {
  switch (event.kind) {
    case Kind::kApplication:
      allowed_ = std::min(allowed_ + schedule_.burst, schedule_.packets);
      if (allowed_ != schedule_.packets) push({.at_ns = now_ + schedule_.burst_gap_ns, .packet = {}});
      return;
    case Kind::kPut: return put(event);
    case Kind::kAnswer:
      if (event.answer == Answer::kDelivered) hold_ns_ = 0;
      say("answer " + std::to_string(int(event.answer)) + " for psn " + std::to_string(event.packet.header.psn));
      switch (event.answer) {
        case Answer::kDelivered: return sender_.delivered(event.packet.header.psn);
        case Answer::kOnWire: return sender_.on_wire(event.packet.header.psn, event.put_ns);
        case Answer::kRefused:
          // Seldom enough for a receiver that is stopped (rnr.hpp).
          if (now_ >= hold_until_ns_) hold_ns_ = std::clamp<std::uint64_t>(2 * hold_ns_, 10'000, 10'000'000);
          hold_until_ns_ = std::max(hold_until_ns_, now_ + hold_ns_);
          push({.at_ns = hold_until_ns_, .kind = Kind::kTimer, .packet = {}});
          return sender_.refused(event.packet.header.psn);
      }
      return;
    case Kind::kData:
      if (!into_ring(event.packet)) overflowed_ = true;
      return;
    case Kind::kTurn: return turn();
    case Kind::kAcknowledgement: return hear(event);
    case Kind::kRestartNotice:
      if (event.packet.header.session == sender_.session() && !sender_.ended()) end_session();
      return;
    case Kind::kTimer: return timer();
    case Kind::kPeerRestarts: return restart_peer();
  }
}

// The card and the network.

void Simulation::put(const Event& event) {
  const Packet& packet = event.packet;
  Event answer{.at_ns = 0, .kind = Kind::kAnswer, .packet = packet, .put_ns = now_};
  if (chance(schedule_.refused)) {
    answer.answer = Answer::kRefused;
  } else if (!packet.header.over_wire) {
    answer.answer = into_ring(packet) ? Answer::kDelivered : Answer::kRefused;
    if (answer.answer == Answer::kDelivered) fates_[packet.content].came = true;
  } else {
    if (!blackout())
      for (const Copy& copy : there_.carry(packet.header.path, now_)) {
        Event data{.at_ns = copy.at_ns, .kind = Kind::kData, .packet = packet};
        data.packet.header.congested = copy.marked;
        if (copy.corrupted) data.packet.content ^= std::uint64_t{1} << random_.below(64);
        push(std::move(data));
      }
  }
  last_answer_ns_ = answer.at_ns = std::max(last_answer_ns_, now_ + random_.next() % schedule_.device_ns);
  push(std::move(answer));
}

bool Simulation::into_ring(const Packet& packet) {
  if (ring_.size() == schedule_.ring) return false;
  ring_.push_back(packet);
  ring_.back().header.arrived_ns = now_;
  ++delivered_;
  if (!turn_pending_) {
    turn_pending_ = true;
    push({.at_ns = now_ + schedule_.turn_ns + (chance(schedule_.stalls) ? schedule_.stall_ns : 0),
          .kind = Kind::kTurn,
          .packet = {}});
  }
  return true;
}

// The receiver.

void Simulation::turn() {
  turn_pending_ = false;
  for (std::uint32_t i = 0; i < schedule_.batch && !ring_.empty(); ++i) {
    const Packet packet = ring_.front();
    ring_.pop_front();
    ++consumed_;
    take(packet);
    if (receiver_.owes()) acknowledge();
  }
  if (receiver_.owes_after_turn()) acknowledge();
  if (ring_.empty()) return;
  turn_pending_ = true;
  push({.at_ns = now_ + schedule_.turn_ns + (chance(schedule_.stalls) ? schedule_.stall_ns : 0),
        .kind = Kind::kTurn,
        .packet = {}});
}

void Simulation::take(const Packet& packet) {
  const Arrival& header = packet.header;
  if (packet.checksum != mix(packet.content ^ mix(header.psn ^ std::uint64_t{header.session} << 32))) return;
  const Taken taken = receiver_.take(header);
  say("psn " + std::to_string(header.psn) + " comes on path " + std::to_string(header.path) + ": " +
      std::to_string(int(taken)));
  if (taken == Taken::kTooFar) wrong("a packet came that no window allows");
  if (taken == Taken::kUnknownSession) {
    push({.at_ns = now_ + 10'000, .kind = Kind::kRestartNotice, .packet = packet});
    return;
  }
  if (taken != Taken::kNew) return;
  if (!taken_.insert(std::uint64_t{header.session} << 32 | header.psn).second) wrong("a packet was taken twice");
  if (packet.content >= fates_.size() || !fates_[packet.content].posted)
    return wrong("a packet's content is not what was sent");
  Fate& fate = fates_[packet.content];
  if (fate.taken_by == incarnation_) wrong("one content was taken under two numbers");
  fate.taken_by = incarnation_;
  fate.came = true;
}

void Simulation::acknowledge() {
  const Acknowledgement said = receiver_.acknowledge(now_);
  std::array<std::byte, kMaxAcknowledgementBytes> bytes;
  const std::size_t size = write_acknowledgement(said, {}, bytes);
  Event event{.at_ns = 0, .kind = Kind::kAcknowledgement, .packet = {}};
  event.bytes.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
  say("acknowledges " + std::to_string(said.cumulative) + " and " + std::to_string(receiver_.beyond()) + " beyond");
  if (blackout()) return;
  for (const Copy& copy : back_.carry(random_.below(schedule_.settings.paths), now_)) {
    if (copy.corrupted) continue;  // the checksum's part
    event.at_ns = copy.at_ns;
    push(event);
  }
}

void Simulation::restart_peer() {
  say("the peer is another process now");
  ++incarnation_;
  receiver_ = ReceiveWindow(incarnation_);
  ring_.clear();
  taken_.clear();
  delivered_ = consumed_ = 0;
}

// The sender.

void Simulation::pump() {
  if (sender_.ended()) ended_for_a_reason_ = true;
  reports();
  if (sender_.ended() && sender_.empty()) {
    sender_.begin(static_cast<std::uint8_t>(sender_.session() + 1));
    began_with_ = incarnation_;
    ++outcome_.sessions;
  }
  Posting posting;
  if (now_ >= hold_until_ns_)
    while (sender_.post_again(now_, posting)) hand_over(posting);
  while (next_cookie_ < allowed_ && now_ >= hold_until_ns_ && sender_.room()) {
    fates_[next_cookie_].posted = true;
    hand_over(sender_.post(next_cookie_++, now_));
    if (next_cookie_ == schedule_.give_up_at) {
      end_session();
      break;
    }
  }
  const std::uint64_t deadline = sender_.deadline_ns();
  if (deadline == kNever || deadline >= timer_at_ns_) return;
  timer_at_ns_ = std::max(deadline, now_ + 1'000);
  push({.at_ns = timer_at_ns_, .kind = Kind::kTimer, .packet = {}});
}

void Simulation::hand_over(const Posting& posting) {
  Event event{.at_ns = 0, .kind = Kind::kPut, .packet = {}};
  Packet& packet = event.packet;
  packet.content = posting.cookie;
  packet.header = {.psn = posting.psn,
                   .session = sender_.session(),
                   .path = posting.path,
                   .established = posting.established,
                   .ack_requested = posting.ack_requested,
                   .over_wire = !chance(schedule_.local)};
  packet.checksum = mix(packet.content ^ mix(posting.psn ^ std::uint64_t{sender_.session()} << 32));
  say("posts psn " + std::to_string(posting.psn) + " on path " + std::to_string(posting.path));
  last_put_ns_ = event.at_ns = std::max(last_put_ns_, now_ + random_.next() % schedule_.device_ns);
  push(std::move(event));
}

void Simulation::reports() {
  for (Report report; sender_.take_report(report);) {
    Fate& fate = fates_.at(report.cookie);
    if (fate.reported) wrong("a packet is reported twice");
    if (report.arrived && !fate.came) wrong("a packet is reported that never came");
    if (!report.arrived && !ended_for_a_reason_) wrong("a packet failed, and no session ended");
    fate.reported = true;
    ++(report.arrived ? outcome_.arrived : outcome_.failed);
  }
}

void Simulation::end_session() {
  say("the session ends");
  ended_for_a_reason_ = true;
  sender_.fail();
}

void Simulation::timer() {
  if (now_ >= timer_at_ns_) timer_at_ns_ = kNever;
  if (now_ < sender_.deadline_ns()) return;
  const bool before = sender_.ended();
  sender_.expire(now_);
  if (sender_.wants_progress()) {
    say("asks for progress: " + std::to_string(delivered_) + " delivered, " + std::to_string(consumed_) + " consumed");
    if (began_with_ != incarnation_ && !schedule_.progress_known)
      sender_.progress({.known = false}, now_);
    else
      sender_.progress({delivered_, consumed_, began_with_ == incarnation_, schedule_.progress_known}, now_);
  }
  if (before || !sender_.ended()) return;
  say("the peer is unresponsive or gone");
  // Some sixty tries fit into the bound. Where less than a third of them succeed, and losses come in bursts of tries, all
  // may fail in one of some hundred thousand runs (seeds 1122398, 3161699).
  const bool reason = schedule_.blackout_ns != 0 || began_with_ != incarnation_ || schedule_.succeeds() < 0.3;
  if (!reason) wrong("a peer that is there was given up");
}

void Simulation::hear(const Event& event) {
  const auto said = parse_acknowledgement(event.bytes);
  if (!said) return wrong("an acknowledgement does not parse");
  const Heard heard = sender_.acknowledged(*said, now_);
  say("hears " + std::to_string(said->cumulative) + ": " + std::to_string(int(heard)) + ", on the wire " +
      std::to_string(sender_.on_wire()) + ", window " + std::to_string(sender_.window()));
  if (heard == Heard::kPeerRestarted && incarnation_ == 1) wrong("the peer did not restart");
}

}  // namespace weft::srd::test

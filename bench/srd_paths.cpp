// One flow over the paths of a fabric, in virtual time: the transport's state machine (fabric/srd) over the underlay's
// lanes (dataplane/underlay), both as they are, no process and no clock. So a row is the same on every machine.
//
//   ninja -C build bench/weft-bench-srd-paths && build/bench/weft-bench-srd-paths
//
// The fabric carries 100 Gb/s however many paths share it, 20 us each way, and queues of 256 KiB. Goodput counts packets once;
// a packet's time is from its first posting to its acknowledgement.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <queue>
#include <vector>

#include "dataplane/underlay/lane.hpp"
#include "fabric/srd/receive_window.hpp"
#include "fabric/srd/send_window.hpp"

namespace {

using namespace weft;
using srd::Posting;
using underlay::Impairment;
using underlay::Lane;

constexpr std::uint64_t kRateBps = 100'000'000'000, kLatencyNs = 20'000, kTurnNs = 2'000;
constexpr std::uint64_t kBeginNs = 1, kEndNs = 60'000'000, kWarmNs = 10'000'000;
constexpr std::uint32_t kPacketBytes = 9'000, kAcknowledgementBytes = 120;

struct Case {
  const char* name;
  std::uint32_t paths;
  void (*impair)(std::vector<Impairment>&, std::uint64_t now_ns);  // of each path, at the beginning and at kWarmNs
};

void nothing(std::vector<Impairment>&, std::uint64_t) {}
void one_loses(std::vector<Impairment>& paths, std::uint64_t) {
  paths[0].loss = {underlay::Loss::Kind::kBernoulli, 0.01, 0, 0, 0};
}
void one_dies(std::vector<Impairment>& paths, std::uint64_t now_ns) { paths[0].down = now_ns >= kWarmNs; }
void one_flaps(std::vector<Impairment>& paths, std::uint64_t) { paths[0].flap = {2'000'000, 1'000'000}; }
void one_is_slow(std::vector<Impairment>& paths, std::uint64_t) { paths[0].rate_bps /= 10; }

constexpr Case kCases[] = {
    {"16 paths", 16, nothing},
    {"16 paths, one loses 1 %", 16, one_loses},
    {"16 paths, one dies", 16, one_dies},
    {"16 paths, one is down every other ms", 16, one_flaps},
    {"16 paths, one with a tenth of the rate", 16, one_is_slow},
    {"1 path of the whole rate", 1, nothing},
    {"1 path, it loses 1 %", 1, one_loses},
};

struct Event {
  enum class Kind { kPacket, kAcknowledgement, kTurn } kind;
  std::uint64_t at_ns;
  srd::Arrival packet;
  std::vector<std::byte> bytes;
  bool operator<(const Event& other) const { return at_ns > other.at_ns; }  // the earliest on top
};

class Run {
 public:
  explicit Run(const Case& what) : case_(what) {
    settings_.paths = what.paths;
    change(kBeginNs);
  }

  void print(double whole_gbps) {
    go();
    const double gbps = goodput();
    std::sort(times_.begin(), times_.end());
    const auto at = [this](double share) {
      return static_cast<double>(times_[static_cast<std::size_t>(share * static_cast<double>(times_.size() - 1))]) / 1e3;
    };
    fmt::print("| {} | {:.1f} | {:.0f} % | {} | {:.0f} | {:.0f} | {:.0f} | {:.0f} | {} |\n", case_.name, gbps,
               whole_gbps == 0 ? 100 : 100 * gbps / whole_gbps, sender_.sent_again(), at(0.5), at(0.99), at(1),
               static_cast<double>(longest_gap_ns_) / 1e3, failed_);
  }
  double goodput() const {
    return static_cast<double>(taken_) * kPacketBytes * 8 / static_cast<double>(kEndNs - kWarmNs);
  }

 private:
  void change(std::uint64_t now_ns) {
    Impairment each;
    each.rate_bps = kRateBps / case_.paths;
    each.latency_ns = kLatencyNs;
    std::vector<Impairment> impairments(case_.paths, each);
    case_.impair(impairments, now_ns);
    for (std::size_t i = 0; i < impairments.size(); ++i) {
      if (there_.size() <= i) {
        there_.emplace_back(impairments[i], 100 + i, now_ns);
        back_.emplace_back(impairments[i], 200 + i, now_ns);
      } else {
        there_[i].change(impairments[i], now_ns);
        back_[i].change(impairments[i], now_ns);
      }
    }
  }

  void go() {
    bool changed = false;
    while (now_ < kEndNs) {
      pump();
      const std::uint64_t event_ns = events_.empty() ? srd::kNever : events_.top().at_ns;
      const std::uint64_t next = std::min({event_ns, std::max(sender_.deadline_ns(), now_), kEndNs});
      if (!changed && next >= kWarmNs) {
        changed = true;
        now_ = last_new_ns_ = kWarmNs;
        change(now_);
        continue;
      }
      now_ = next;
      if (now_ == event_ns) {
        const Event event = events_.top();
        events_.pop();
        happen(event);
      } else if (now_ < kEndNs) {
        sender_.expire(now_);
        if (sender_.wants_progress()) sender_.progress({delivered_, delivered_, true, true}, now_);
      }
      for (srd::Report report; sender_.take_report(report);) {
        if (!report.arrived) ++failed_;
        else if (report.cookie >= kWarmNs) times_.push_back(now_ - report.cookie);
      }
    }
  }

  void pump() {
    Posting posting;
    while (sender_.post_again(now_, posting)) put(posting);
    while (sender_.room()) put(sender_.post(now_, now_));
  }

  void put(const Posting& posting) {
    sender_.on_wire(posting.psn, now_);
    const underlay::Outcome outcome = there_[posting.path % case_.paths].offer(now_, kPacketBytes, true);
    if (outcome.dropped) return;
    srd::Arrival arrival;
    arrival.psn = posting.psn;
    arrival.path = posting.path;
    arrival.established = posting.established;
    arrival.ack_requested = posting.ack_requested;
    arrival.congested = outcome.marked;
    arrival.arrived_ns = outcome.at_ns;
    events_.push({Event::Kind::kPacket, outcome.at_ns, arrival, {}});
  }

  void happen(const Event& event) {
    switch (event.kind) {
      case Event::Kind::kPacket:
        ++delivered_;
        if (receiver_.take(event.packet) == srd::Taken::kNew && now_ >= kWarmNs) {
          ++taken_;
          longest_gap_ns_ = std::max(longest_gap_ns_, now_ - last_new_ns_);
          last_new_ns_ = now_;
        }
        if (receiver_.owes()) return acknowledge();
        if (!turn_set_) events_.push({Event::Kind::kTurn, now_ + kTurnNs, {}, {}});
        turn_set_ = true;
        return;
      case Event::Kind::kTurn:
        turn_set_ = false;
        if (receiver_.owes_after_turn()) acknowledge();
        return;
      case Event::Kind::kAcknowledgement:
        if (const auto said = srd::parse_acknowledgement(event.bytes)) sender_.acknowledged(*said, now_);
        return;
    }
  }

  void acknowledge() {
    std::array<std::byte, srd::kMaxAcknowledgementBytes> bytes;
    const std::size_t size = srd::write_acknowledgement(receiver_.acknowledge(now_), {}, bytes);
    const underlay::Outcome outcome = back_[network_.below(case_.paths)].offer(now_, kAcknowledgementBytes, true);
    if (outcome.dropped) return;
    events_.push({Event::Kind::kAcknowledgement, outcome.at_ns, {}, {bytes.begin(), bytes.begin() + size}});
  }

  const Case& case_;
  srd::TransportSettings settings_;
  srd::Random random_{1}, network_{2};
  srd::SendWindow sender_{settings_, random_};
  srd::ReceiveWindow receiver_{1};
  std::vector<Lane> there_, back_;
  std::priority_queue<Event> events_;
  std::uint64_t now_ = kBeginNs, last_new_ns_ = 0, longest_gap_ns_ = 0;
  std::uint64_t taken_ = 0, failed_ = 0;
  std::uint32_t delivered_ = 0;
  std::vector<std::uint64_t> times_;
  bool turn_set_ = false;
};

}  // namespace

int main() {
  fmt::print("| fabric | goodput Gb/s | of lossless | sent again | packet p50 us | p99 | longest | longest silence us | failed |\n");
  fmt::print("|---|---|---|---|---|---|---|---|---|\n");
  double whole = 0;
  for (const Case& one : kCases) {
    Run run(one);
    run.print(whole);
    if (whole == 0) whole = run.goodput();
  }
  return EXIT_SUCCESS;
}

#include "bench/srd_virtual/incast.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "bench/srd_virtual/flow.hpp"
#include "bench/srd_virtual/percentile.hpp"

namespace weft::bench {
namespace {

constexpr std::uint64_t kLinkBps = 100'000'000'000, kLatencyNs = 10'000;
constexpr std::uint32_t kReceiveBuffers = 256;  // rdm's
constexpr std::uint64_t kMessageBytes = 1 << 20;
constexpr unsigned kRounds = 200;
constexpr std::uint64_t kGapNs = 10'000;  // from the end of a round to the next one

struct Case {
  const char* name;
  std::uint32_t senders, paths, queue_bytes, ecn_bytes;
};
constexpr Case kCases[] = {
    {"1 to 1, 16 paths", 1, 16, 256 << 10, 0},
    {"16 to 1, 16 paths", 16, 16, 256 << 10, 0},
    {"16 to 1, 16 paths, marks at 64 KiB", 16, 16, 256 << 10, 64 << 10},
    {"16 to 1, 16 paths, queue of 1 MiB", 16, 16, 1 << 20, 0},
    {"16 to 1, one path", 16, 1, 256 << 10, 0},
    {"16 to 1, one path, queue of 1 MiB", 16, 1, 1 << 20, 0},
    {"32 to 1, 16 paths", 32, 16, 256 << 10, 0},
};

class Incast {
 public:
  explicit Incast(const Case& what) : case_(what), network_(clock_, plan_of(what)) {
    for (std::uint32_t i = 0; i < what.senders; ++i) {
      const Flow::Ends ends{{0, static_cast<std::uint16_t>(i + 1), 0}, {0, 0, 0}};
      flows_.push_back(std::make_unique<Flow>(clock_, network_, share_, ends, what.paths, i + 1));
    }
  }

  void run() {
    begin_round();
    while (rounds_.size() < kRounds && clock_.step()) {
    }
  }

  void print(bool json) const {
    // No faster: what all of them send, through the one link, and once through the fabric.
    const std::uint64_t packets = (kMessageBytes + kPacketBytes - 1) / kPacketBytes;
    const double ideal_us = static_cast<double>(case_.senders * packets * (kPacketBytes + kOuterBytes) * 8) /
                                (static_cast<double>(kLinkBps) / 1e6) + static_cast<double>(kLatencyNs) / 1e3;
    std::uint64_t again = 0, failed = 0;
    for (const auto& flow : flows_) again += flow->sent_again(), failed += flow->failed();
    const underlay::Lane* const link = network_.lanes().find(underlay::Way::downlink({0, 0, 0}));
    const std::uint64_t dropped = link->counters().dropped[static_cast<std::size_t>(underlay::Cause::kQueue)];
    const double p50 = percentile_us(flow_times_, 0.5), p99 = percentile_us(flow_times_, 0.99);
    const double round50 = percentile_us(rounds_, 0.5), round99 = percentile_us(rounds_, 0.99);
    if (json) {
      std::vector<double> rounds_us;
      for (const std::uint64_t ns : rounds_) rounds_us.push_back(static_cast<double>(ns) / 1e3);
      fmt::print("{{\"name\": \"{}\", \"ideal_us\": {:.1f}, \"flow_p50_us\": {:.1f}, \"flow_p99_us\": {:.1f}, "
                 "\"round_p50_us\": {:.1f}, \"round_p99_us\": {:.1f}, \"rounds_us\": [{:.1f}]}}\n",
                 case_.name, ideal_us, p50, p99, round50, round99, fmt::join(rounds_us, ", "));
      return;
    }
    fmt::print("| {} | {:.0f} | {:.0f} | {:.0f} | {:.0f} | {:.0f} | {:.2f} | {:.1f} % | {:.1f} % | {} |\n", case_.name,
               ideal_us, p50, p99, round50, round99, round99 / ideal_us,
               100.0 * static_cast<double>(dropped) / static_cast<double>(link->counters().packets),
               100.0 * static_cast<double>(again) / static_cast<double>(kRounds * case_.senders * packets), failed);
  }

 private:
  static underlay::Plan plan_of(const Case& what) {
    underlay::Plan plan;
    plan.layout.spines = what.paths;
    plan.layout.spine.latency_ns = kLatencyNs;
    plan.layout.host.rate_bps = kLinkBps;
    plan.layout.host.queue_bytes = what.queue_bytes;
    plan.layout.host.ecn_bytes = what.ecn_bytes;
    return plan;
  }

  void begin_round() {
    began_ns_ = clock_.now_ns();
    unfinished_ = case_.senders;
    for (const auto& flow : flows_)
      flow->send(kMessageBytes, [this] {
        flow_times_.push_back(clock_.now_ns() - began_ns_);
        if (--unfinished_ != 0) return;
        rounds_.push_back(clock_.now_ns() - began_ns_);
        clock_.at(clock_.now_ns() + kGapNs, [this] { begin_round(); });
      });
  }

  const Case& case_;
  Clock clock_;
  Network network_;
  srd::BufferShare share_{kReceiveBuffers};
  std::vector<std::unique_ptr<Flow>> flows_;
  std::uint64_t began_ns_ = 0;
  std::uint32_t unfinished_ = 0;
  std::vector<std::uint64_t> flow_times_, rounds_;
};

}  // namespace

void print_incast(bool json) {
  if (!json)
    fmt::print("| incast of 1 MiB each | ideal us | flow p50 us | p99 | round p50 us | p99 | p99 of ideal | "
               "lost in the queue | sent again | failed |\n|---|---|---|---|---|---|---|---|---|---|\n");
  for (const Case& one : kCases) {
    Incast incast(one);
    incast.run();
    incast.print(json);
  }
}

}  // namespace weft::bench

#include "bench/srd_virtual/recovery.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bench/srd_virtual/flow.hpp"
#include "bench/srd_virtual/percentile.hpp"

namespace weft::bench {
namespace {

constexpr std::uint64_t kLinkBps = 100'000'000'000, kEndNs = 2'000'000'000;
constexpr std::uint64_t kLatencyNs = 20'000;
constexpr std::uint32_t kEvery = 997;  // packets of a path, of which one is lost
constexpr underlay::Host kFrom{0, 1, 0}, kTo{0, 0, 0};

struct Case {
  const char* name;
  std::uint64_t message_bytes;  // one after the other, with the pause between them
  std::uint64_t pause_ns;
  std::uint32_t paths;
};
constexpr Case kCases[] = {
    {"messages of 16 MiB, 16 paths", 16 << 20, 0, 16},
    {"messages of 1 MiB, 16 paths", 1 << 20, 0, 16},
    {"messages of 64 KiB, 16 paths", 64 << 10, 0, 16},
    {"messages of 64 KiB, a pause of 1 ms", 64 << 10, 1'000'000, 16},
    {"messages of 8 B, one at a time", 8, 0, 16},
    {"messages of 16 MiB, one path", 16 << 20, 0, 1},
};

class Stream {
 public:
  explicit Stream(const Case& what) : case_(what), network_(clock_, plan_of(what)) {}

  void run() {
    next();
    while (clock_.now_ns() < kEndNs && clock_.step()) {
    }
  }

  void print(bool json) const {
    const double one_way = percentile_us(flow_.one_ways(), 0.5), round_trip = percentile_us(flow_.round_trips(), 0.5);
    const auto later = [&](double share) { return percentile_us(flow_.recoveries(), share) - one_way; };
    if (json) {
      std::vector<double> all;
      for (const std::uint64_t ns : flow_.recoveries()) all.push_back(static_cast<double>(ns) / 1e3 - one_way);
      fmt::print("{{\"name\": \"{}\", \"round_trip_us\": {:.1f}, \"later_us\": [{:.1f}]}}\n", case_.name, round_trip,
                 fmt::join(all, ", "));
      return;
    }
    fmt::print("| {} | {:.0f} | {} | {:.0f} | {:.0f} | {:.0f} | {:.2f} |\n", case_.name, round_trip, flow_.recoveries().size(),
               later(0.5), later(0.9), later(0.99), later(0.5) / round_trip);
  }

 private:
  static underlay::Plan plan_of(const Case& what) {
    underlay::Plan plan;
    plan.layout.spines = what.paths;
    plan.layout.spine.latency_ns = kLatencyNs;
    plan.layout.host.rate_bps = kLinkBps;
    underlay::PlacedFault loss;  // of what it sends; acknowledgements come through
    loss.from = kFrom;
    loss.impairment.loss = {underlay::Loss::Kind::kNth, 0, 0, 0, kEvery};
    plan.faults.push_back(loss);
    return plan;
  }

  void next() {
    flow_.send(case_.message_bytes, [this] {
      // Not inside the receiver's own step.
      clock_.at(clock_.now_ns() + case_.pause_ns, [this] { next(); });
    });
  }

  const Case& case_;
  Clock clock_;
  Network network_;
  srd::BufferShare share_{256};
  Flow flow_{clock_, network_, share_, {kFrom, kTo}, case_.paths, 1};
};

}  // namespace

void print_recovery(bool json) {
  if (!json)
    fmt::print("| traffic | round trip p50 us | lost | later by p50 us | p90 | p99 | p50 in round trips |\n"
               "|---|---|---|---|---|---|---|\n");
  for (const Case& one : kCases) {
    Stream stream(one);
    stream.run();
    stream.print(json);
  }
}

}  // namespace weft::bench

#include "bench/engine/measure.hpp"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include <rte_cycles.h>
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else  // what valgrind's own NVALGRIND leaves of them
#define RUNNING_ON_VALGRIND 0
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#endif

namespace weft::bench {
namespace {

double own_seconds() {
  timespec now;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Packets handled in the time given, by the caller's thread or while it sleeps.
struct Pace {
  double mpps = 0, cycles = 0;
};

Pace pace_of_own_thread(Loop& loop, double seconds) {
  const auto hz = static_cast<double>(rte_get_tsc_hz());
  const double own_begin = own_seconds();
  const std::uint64_t begin = rte_rdtsc(), end = begin + static_cast<std::uint64_t>(seconds * hz);
  std::uint64_t handled = 0, now = begin;
  while (now < end) {
    for (int i = 0; i < 64; ++i) handled += loop.turn();
    now = rte_rdtsc();
  }
  // Cycles by this thread's own time, so that a busy machine disturbs them less.
  const auto count = static_cast<double>(handled);
  return {count * hz / static_cast<double>(now - begin) / 1e6, (own_seconds() - own_begin) * hz / count};
}

Pace pace_of_workers(Loop& loop, unsigned workers, double seconds) {
  const auto hz = static_cast<double>(rte_get_tsc_hz());
  const std::uint64_t before = loop.delivered(), begin = rte_rdtsc();
  ::usleep(static_cast<useconds_t>(seconds * 1e6));
  const std::uint64_t after = loop.delivered(), end = rte_rdtsc();
  const auto count = static_cast<double>(after - before), elapsed = static_cast<double>(end - begin);
  return {count / elapsed * hz / 1e6, elapsed * workers / count};
}

/// 64 packets, two bursts, take a worker some 5 us.
std::uint64_t clock_of_turns() {
  static std::uint64_t now_ns = 1'000'000'000;
  return now_ns += 5000;
}

}  // namespace

Measurement measure(const Rung& rung, const Effort& effort) {
  Loop loop(rung);
  const auto pace = [&] {
    return rung.workers == 0 ? pace_of_own_thread(loop, effort.seconds)
                             : pace_of_workers(loop, rung.workers, effort.seconds);
  };
  double handled = 0;
  while (handled < 2.0 * loop.packets()) handled += pace().mpps * 1e6 * effort.seconds;  // makes the flows
  std::vector<double> mpps, cycles;
  for (unsigned run = 0; run < effort.runs; ++run) {
    const Pace one = pace();
    mpps.push_back(one.mpps);
    cycles.push_back(one.cycles);
  }
  loop.finish();
  return {.rung = rung,
          .mpps = median(mpps),
          .cycles = median(cycles),
          .lowest = *std::min_element(mpps.begin(), mpps.end()),
          .highest = *std::max_element(mpps.begin(), mpps.end()),
          .packets = loop.packets(),
          .working_set = loop.working_set()};
}

std::uint64_t show_to_callgrind(const Rung& rung, std::uint64_t packets) {
  if (RUNNING_ON_VALGRIND == 0)
    fail("--callgrind counts nothing by itself: valgrind --tool=callgrind --instr-atstart=no weft-bench-engine ... (and "
         "valgrind/callgrind.h must be there when it is compiled; tools/setup.sh installs both)");
  if (rung.workers != 0) fail(rung.name + " has threads of its own, which callgrind runs one after the other");
  Loop loop(rung, clock_of_turns);
  for (std::uint64_t handled = 0; handled < 2 * std::uint64_t{loop.packets()};) handled += loop.turn();
  std::uint64_t seen = 0;
  CALLGRIND_START_INSTRUMENTATION;
  while (seen < packets) seen += loop.turn();
  CALLGRIND_STOP_INSTRUMENTATION;
  loop.finish();
  return seen;
}

}  // namespace weft::bench

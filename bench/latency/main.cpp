// weft-bench-latency: how long a packet is in the engine, while its worker polls and when it has to be woken.
#include <sched.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <rte_cycles.h>

#include "bench/engine/loop.hpp"
#include "bench/latency/polling.hpp"
#include "bench/latency/wakeup.hpp"
#include "dataplane/worker/eal.hpp"

namespace weft::bench {
namespace {

/// What --check wants: to be polled for is worth it. On a machine that is busy too, where times say nothing.
constexpr double kLeastGain = 2;

double microseconds(std::uint64_t ticks) { return static_cast<double>(ticks) * 1e6 / static_cast<double>(rte_get_tsc_hz()); }

void print_line(const char* what, const std::string& rate, const Histogram& times) {
  fmt::print("{:<36}{:>12}{:>10}{:>9.2f}{:>9.2f}{:>9.2f}{:>10.1f}\n", what, rate, times.total(),
             microseconds(times.quantile(0.5)), microseconds(times.quantile(0.99)), microseconds(times.quantile(0.999)),
             microseconds(times.most()));
}

nlohmann::ordered_json to_json(const Histogram& times) {
  return {{"packets", times.total()},
          {"p50_us", microseconds(times.quantile(0.5))},
          {"p99_us", microseconds(times.quantile(0.99))},
          {"p999_us", microseconds(times.quantile(0.999))},
          {"max_us", microseconds(times.most())}};
}

void print_table(const PollingResult& polling, const WakeupResult& wakeup) {
  fmt::print("microseconds; generator and worker together make {:.2f} Mpps; the sleeping worker slept {:.0f} % of the time\n",
             polling.capacity_mpps, wakeup.asleep_share * 100);
  fmt::print("{:<36}{:>12}{:>10}{:>9}{:>9}{:>9}{:>10}\n", "", "Mpps", "packets", "p50", "p99", "p99.9", "max");
  print_line("ring to ring, polling, low rate", fmt::format("{:.3f}", polling.low_mpps), polling.low);
  print_line("ring to ring, polling, 80 %", fmt::format("{:.3f}", polling.high_mpps), polling.high);
  print_line("ring to ring, woken", "-", wakeup.ring);
  if (wakeup.tap.total() != 0) print_line("TAP to TAP, woken", "-", wakeup.tap);
  else fmt::print("TAP to TAP: no network namespace or no /dev/net/tun\n");
}

void print_json(const PollingResult& polling, const WakeupResult& wakeup) {
  nlohmann::ordered_json document = {{"benchmark", "latency"},
                                     {"capacity_mpps", polling.capacity_mpps},
                                     {"low_mpps", polling.low_mpps},
                                     {"high_mpps", polling.high_mpps},
                                     {"asleep_share", wakeup.asleep_share},
                                     {"polling_low", to_json(polling.low)},
                                     {"polling_high", to_json(polling.high)},
                                     {"woken_ring", to_json(wakeup.ring)}};
  document["woken_tap"] = wakeup.tap.total() != 0 ? to_json(wakeup.tap) : nullptr;
  fmt::print("{}\n", document.dump(2));
}

bool holds(const PollingResult& polling, const WakeupResult& wakeup) {
  const double polled = microseconds(polling.low.quantile(0.5)), woken = microseconds(wakeup.ring.quantile(0.5));
  fmt::print(stderr, "median while polling {:.2f} us, of a wake-up {:.2f} us: {:.1f}x (at least {:.0f}x)\n", polled, woken,
             woken / polled, kLeastGain);
  return woken >= kLeastGain * polled;
}

int run(int argc, char** argv) {
  double seconds = 5;
  unsigned wakes = 500;
  bool check = false, huge_pages = true;
  std::string output = "table";
  CLI::App app("Latency of the engine from port to port: while its worker polls, at a low rate and at 80 % of what generator\n"
               "and worker can do, and from a worker asleep. Uses CPU 0 and CPU 1.\n"
               "Example: weft-bench-latency --seconds 5 --wakes 500");
  app.add_option("--seconds", seconds, "Length of each of the two runs while polling")->capture_default_str();
  app.add_option("--wakes", wakes, "Packets that wake the worker, 12 ms apart")->capture_default_str();
  app.add_flag("--check", check, "Ends with 1 unless polling has at most half the median of a wake-up");
  app.add_flag("!--no-huge", huge_pages, "Plain memory even if huge pages are free");
  app.add_option("-o,--output", output, "table or json")->check(CLI::IsMember({"table", "json"}));
  CLI11_PARSE(app, argc, argv);

  const bool taps = enter_namespace();
  EalOptions eal_options;
  eal_options.huge_pages = huge_pages;
  auto eal = Eal::start(eal_options);
  if (!eal) fail(eal.error().to_string());
  cpu_set_t set;
  // Before this thread is on CPU 0: a worker that floats may run where the thread might that made it.
  const WakeupResult wakeup = measure_wakeup(wakes + 1, taps);
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) fail("cannot run on CPU 0");
  const PollingResult polling = measure_polling(seconds);
  output == "table" ? print_table(polling, wakeup) : print_json(polling, wakeup);
  return check && !holds(polling, wakeup) ? 1 : 0;
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) { return weft::bench::run(argc, argv); }

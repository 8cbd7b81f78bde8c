#include "tools/weft-gen/run/generator.hpp"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_pause.h>

#include "tools/weft-gen/replay/timeline.hpp"
#include "tools/weft-gen/run/latency_summary.hpp"

namespace weft::gen {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;

constexpr double kBurstSeconds = 5e-6;         // of frames at the rate make a burst: less, and latencies are rough
constexpr double kMostBehindSeconds = 500e-6;  // that a sender makes up for
constexpr std::uint64_t kFewBehind = 32;       // frames that it makes up for in any case
constexpr double kStartSeconds = 2e-3;         // until all threads are there

double hertz() { return static_cast<double>(rte_get_tsc_hz()); }
std::uint64_t ticks(double seconds) { return static_cast<std::uint64_t>(seconds * hertz()); }
double seconds_since(std::uint64_t start) {
  const std::uint64_t now = rte_rdtsc();
  return now <= start ? 0 : static_cast<double>(now - start) / hertz();
}

/// A thread's loop over its stations. As an lcore of DPDK's it has a cache of each pool.
void poll(const std::vector<Station*>& stations, int cpu, bool yield, const std::atomic<bool>& stop) {
  if (cpu >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(cpu), &set);
    ::sched_setaffinity(0, sizeof set, &set);
  }
  const bool registered = rte_thread_register() == 0;
  while (!stop.load(std::memory_order_relaxed)) {
    unsigned handled = 0;
    for (Station* station : stations) handled += station->turn();
    if (handled != 0) continue;
    if (yield)
      ::sched_yield();
    else
      rte_pause();
  }
  if (registered) rte_thread_unregister();
}

}  // namespace

/// Trials have numbers of their own in a process, so that a late frame of another generator's is known as late.
Generator::Generator(const GeneratorOptions& options) : options_(options) {
  static std::uint16_t generators = 0;
  trial_ = static_cast<std::uint16_t>(generators++ * 4096);
}

Result<std::unique_ptr<Generator>> Generator::create(std::span<Link* const> links, std::span<rte_mempool* const> pools,
                                                     const Traffic& traffic, const SizeMix& sizes,
                                                     const GeneratorOptions& options) {
  if (sizes.smallest() < traffic.forward.smallest_frame())
    return Error{"InvalidParameterValue",
                 fmt::format("a frame of {} bytes has no room for {} over {} and the signature; the smallest has {}",
                             sizes.smallest(), traffic.forward.tcp ? "TCP" : "UDP", traffic.forward.ipv6() ? "IPv6" : "IPv4",
                             traffic.forward.smallest_frame()),
                 {}};
  std::unique_ptr<Generator> g(new Generator(options));
  const auto direction = [&](const Encapsulation& encapsulation, const std::vector<FlowFields>& flows, std::uint16_t bit) {
    g->sources_.push_back(std::make_unique<FlowSource>(encapsulation, sizes, flows, traffic.streams, bit));
    g->sinks_.push_back(std::make_unique<Sink>(traffic.streams, bit, encapsulation.header_bytes()));
  };
  direction(traffic.forward, traffic.flows, 0);
  if (traffic.both) direction(traffic.reverse, traffic.mirrored, kReverse);
  Source* const second = traffic.both ? g->sources_[1].get() : nullptr;
  Sink* const back = links.size() == 1 ? g->sinks_[0].get() : traffic.both ? g->sinks_[1].get() : nullptr;
  g->stations_.push_back(std::make_unique<Station>(*links[0], g->sources_[0].get(), back, pools[0]));
  if (links.size() == 2)
    g->stations_.push_back(std::make_unique<Station>(*links[1], second, g->sinks_[0].get(), traffic.both ? pools[1] : nullptr));
  return g;
}

std::unique_ptr<Generator> Generator::replay(std::span<Link* const> links, rte_mempool* pool, const CaptureFile& capture,
                                             const GeneratorOptions& options) {
  std::unique_ptr<Generator> g(new Generator(options));
  g->sources_.push_back(std::make_unique<CaptureSource>(capture));
  g->sinks_.push_back(std::make_unique<Sink>(std::uint16_t{0}, std::uint16_t{0}, std::size_t{0}));
  Sink* const sink = g->sinks_[0].get();
  g->stations_.push_back(std::make_unique<Station>(*links[0], g->sources_[0].get(), links.size() == 1 ? sink : nullptr, pool));
  if (links.size() == 2) g->stations_.push_back(std::make_unique<Station>(*links[1], nullptr, sink, nullptr));
  return g;
}

Trial Generator::measure(const Load& load) {
  const bool all = load.frames != 0;
  const auto frames = all ? load.frames : static_cast<std::uint64_t>(std::max(1.0, std::round(load.pps * load.seconds)));
  const std::uint64_t behind =
      all ? Pacer::kMakeUpForAll : std::max(kFewBehind, static_cast<std::uint64_t>(load.pps * kMostBehindSeconds));
  // A burst is sent whatever it takes, but a device that takes nothing must not hold us for ever.
  const double longest = all ? 2 + 20 * static_cast<double>(frames) / load.pps : load.seconds;
  return run(
      load, [&](std::uint64_t start) { return std::make_unique<Pacer>(load.pps, hertz(), start, frames, behind); }, longest);
}

Trial Generator::play(const CaptureFile& capture, double speed, std::uint64_t loops) {
  const Timeline whole(capture.offsets_ns, speed, loops, hertz(), 0);
  const double seconds = static_cast<double>(whole.end()) / hertz();
  Load load;
  load.frames = capture.frames() * loops;
  load.pps = static_cast<double>(load.frames) / std::max(seconds, 1e-9);
  return run(
      load, [&](std::uint64_t start) { return std::make_unique<Timeline>(capture.offsets_ns, speed, loops, hertz(), start); },
      2 + 2 * seconds);
}

Trial Generator::run(const Load& load, const MakeSchedule& schedule, double longest_seconds) {
  if (!std::exchange(first_, false)) std::this_thread::sleep_for(duration<double>(options_.settle_seconds));
  ++trial_;
  std::vector<LinkCounters> before;
  for (const auto& station : stations_) {
    station->link().calibrate();
    station->drain();
    before.push_back(station->link().counters());
    if (station->source() != nullptr) station->source()->begin(trial_);
    if (station->sink() != nullptr) station->sink()->begin(trial_);
  }
  const std::uint64_t start = rte_rdtsc() + ticks(kStartSeconds);
  const auto burst = static_cast<std::uint16_t>(std::clamp(load.pps * kBurstSeconds, 1.0, double{kBurst}));
  for (const auto& station : stations_)
    station->begin(station->source() != nullptr ? schedule(start) : nullptr, burst, start + ticks(longest_seconds));
  {
    std::atomic<bool> stop{false};
    const unsigned count = std::clamp<unsigned>(options_.threads, 1, static_cast<unsigned>(stations_.size()));
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < count; ++i) {
      std::vector<Station*> own;
      for (std::size_t s = i; s < stations_.size(); s += count) own.push_back(stations_[s].get());
      threads.emplace_back(
          [this, own, i, &stop] { poll(own, i < options_.cpus.size() ? options_.cpus[i] : -1, options_.yield, stop); });
    }
    wait(load, start);
    stop = true;
  }
  return collect(load, start, before);
}

void Generator::wait(const Load& load, std::uint64_t start) {
  Progress last;
  double next_report = 1;
  std::uint64_t sent = 0;
  for (bool sending = true; sending && !interrupted();) {
    std::this_thread::sleep_for(milliseconds(1));
    sending = std::ranges::any_of(stations_, [](const auto& s) { return s->sending(); });
    if (watch_ && seconds_since(start) >= next_report) report_progress(load, start, last), next_report += 1;
  }
  for (const auto& s : stations_) sent += s->sent();
  const std::uint64_t drain = rte_rdtsc();
  const auto received = [this] {
    std::uint64_t sum = 0;
    for (const auto& s : stations_) sum += s->received();
    return sum;
  };
  while (received() < sent && seconds_since(drain) < options_.drain_seconds && !interrupted())
    std::this_thread::sleep_for(milliseconds(1));
  // Duplicates come behind their originals.
  std::this_thread::sleep_for(milliseconds(1));
}

void Generator::report_progress(const Load& load, std::uint64_t start, Progress& last) {
  Progress now;
  now.seconds = seconds_since(start);
  now.wanted_seconds = load.seconds;
  std::uint64_t bytes = 0;
  for (const auto& s : stations_) {
    now.sent += s->sent();
    now.received += s->received();
    bytes += s->sent_bytes();
  }
  const double passed = now.seconds - last.seconds;
  now.sent_pps = static_cast<double>(now.sent - last.sent) / passed;
  now.received_pps = static_cast<double>(now.received - last.received) / passed;
  const double average = now.sent == 0 ? 0 : static_cast<double>(bytes) / static_cast<double>(now.sent);
  now.sent_bps = now.sent_pps * (average + static_cast<double>(kWireOverhead)) * 8;
  last = now;
  watch_(now);
}

DirectionResult Generator::result(Station& sender, Station& receiver, const LinkCounters& sender_before,
                                  const LinkCounters& receiver_before) {
  DirectionResult r;
  const Sink& sink = *receiver.sink();
  r.sent = sender.sent();
  r.sent_bytes = sender.sent_bytes();
  r.received = sink.received();
  r.received_bytes = sink.received_bytes();
  r.duplicates = sink.duplicates();
  r.reordered = sink.reordered();
  r.foreign = sink.foreign();
  r.late = sink.late();
  r.skipped = sender.skipped();
  r.refused = sender.link().counters().refused - sender_before.refused;
  r.sink_missed = receiver.link().counters().missed - receiver_before.missed;
  const std::span<const std::uint64_t> sent = sender.source()->sent();
  for (std::size_t i = 0; i < sent.size(); ++i) {
    if (sent[i] == 0) continue;
    ++r.streams;
    const std::uint64_t received = sink.streams()[i].received();
    if (received >= sent[i]) continue;
    ++r.streams_with_loss;
    r.worst_stream_lost = std::max(r.worst_stream_lost, sent[i] - received);
  }
  r.latency = summarise(sink.latency(), 1e6 / hertz());
  r.hardware_latency = summarise(sink.hardware_latency(), 1e6 / hertz());
  return r;
}

Trial Generator::collect(const Load& load, std::uint64_t start, const std::vector<LinkCounters>& before) {
  Trial trial;
  trial.load = load;
  trial.sender_tolerance = options_.sender_tolerance;
  trial.interrupted = interrupted();
  for (std::size_t i = 0; i < stations_.size(); ++i) {
    if (stations_[i]->source() == nullptr) continue;
    const std::size_t other = stations_.size() - 1 - i;  // itself where there is one only
    trial.directions.push_back(result(*stations_[i], *stations_[other], before[i], before[other]));
    const std::uint64_t end = stations_[i]->finished_at() > start ? stations_[i]->finished_at() : rte_rdtsc();
    trial.seconds = std::max(trial.seconds, static_cast<double>(end - start) / hertz());
  }
  // A schedule's last frame is due a frame's time before its end.
  if (load.frames == 0 && !trial.interrupted) trial.seconds = std::max(trial.seconds, load.seconds);
  return trial;
}

}  // namespace weft::gen

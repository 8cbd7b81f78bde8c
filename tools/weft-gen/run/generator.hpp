// Makes trials: starts threads for the stations, waits until all is sent and what comes has come, adds up.
//
// Thread: everything belongs to one thread. Others are made for each trial and have ended when it returns.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tools/weft-gen/method/trial.hpp"
#include "tools/weft-gen/run/station.hpp"

namespace weft::gen {

/// What all trials of a run send.
struct Traffic {
  Encapsulation forward, reverse;           // from the first end, from the second
  std::vector<FlowFields> flows, mirrored;  // theirs: the second's are the first's mirror images
  std::uint16_t streams = 1;
  bool both = false;  // directions
};

struct GeneratorOptions {
  double drain_seconds = 2;   // for late frames (RFC 2544 23), at most: when all have come, the trial ends
  double settle_seconds = 0;  // between trials, for the device (RFC 2544 23 has five)
  double sender_tolerance = 0.005;
  bool yield = false;  // there are fewer CPUs than threads that poll
  unsigned threads = 1;
  std::vector<int> cpus;  // thread i is pinned to cpus[i]; empty: not pinned
};

/// Once a second while a trial lasts.
struct Progress {
  double seconds = 0;                                   // of the trial so far
  double wanted_seconds = 0;                            // 0: unknown
  std::uint64_t sent = 0, received = 0;                 // so far, all directions
  double sent_pps = 0, sent_bps = 0, received_pps = 0;  // of the last second; bits with their overhead on the wire
};

class Generator {
 public:
  using Watch = std::function<void(const Progress&)>;

  /// One link: frames come back to where they were sent. Two: from the first to the second, and back if traffic is in both
  /// directions. Links outlive it, and so do `pools`, one for each direction (device/frame_pool.hpp): a driver may hold
  /// their frames for as long as it likes.
  static Result<std::unique_ptr<Generator>> create(std::span<Link* const> links, std::span<rte_mempool* const> pools,
                                                   const Traffic& traffic, const SizeMix& sizes,
                                                   const GeneratorOptions& options);
  /// Instead of made-up traffic: a capture, from the first link.
  static std::unique_ptr<Generator> replay(std::span<Link* const> links, rte_mempool* pool, const CaptureFile& capture,
                                           const GeneratorOptions& options);

  Trial measure(const Load& load);
  /// The capture at its own times, divided by `speed`.
  Trial play(const CaptureFile& capture, double speed, std::uint64_t loops);

  void watch(Watch watch) { watch_ = std::move(watch); }
  /// A trial ends early when this becomes true.
  void interrupt_by(const std::atomic<bool>* flag) { interrupt_ = flag; }

 private:
  using MakeSchedule = std::function<std::unique_ptr<Schedule>(std::uint64_t start)>;

  explicit Generator(const GeneratorOptions& options);
  Trial run(const Load& load, const MakeSchedule& schedule, double longest_seconds);
  void wait(const Load& load, std::uint64_t start);
  void report_progress(const Load& load, std::uint64_t start, Progress& last);
  DirectionResult result(Station& sender, Station& receiver, const LinkCounters& sender_before,
                         const LinkCounters& receiver_before);
  Trial collect(const Load& load, std::uint64_t start, const std::vector<LinkCounters>& before);
  bool interrupted() const { return interrupt_ != nullptr && interrupt_->load(std::memory_order_relaxed); }

  GeneratorOptions options_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<std::unique_ptr<Sink>> sinks_;
  std::vector<std::unique_ptr<Station>> stations_;  // one for each link
  std::uint16_t trial_;
  bool first_ = true;
  Watch watch_;
  const std::atomic<bool>* interrupt_ = nullptr;
};

}  // namespace weft::gen

// One run of weft-gen: DPDK started, devices open, the method applied to each size of frames, and a report of it.
//
// Thread: one. The generator makes others for each trial.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/worker/eal.hpp"
#include "tools/weft-gen/device/engine_device.hpp"
#include "tools/weft-gen/options.hpp"
#include "tools/weft-gen/report/report.hpp"
#include "tools/weft-gen/run/generator.hpp"

namespace weft::gen {

class Session {
 public:
  /// What is told while it goes on: a trial's progress with what it is for ("throughput, 64 bytes, trial 3").
  struct Watcher {
    std::function<void(const std::string&, const Progress&)> progress;
    std::function<void(const std::string&)> begins;  // a trial
    std::function<void(const SizeReport&)> done;     // a size
  };

  static Result<std::unique_ptr<Session>> open(const Options& options);

  Result<Report> run(const Watcher& watcher, const std::atomic<bool>& interrupted);

 private:
  explicit Session(const Options& options) : options_(options) {}
  Result<void> open_ports();
  Result<void> open_engine();
  Result<void> make_traffic();
  unsigned free_cpus() const;
  GeneratorOptions generator_options() const;
  Encapsulation encapsulation(bool reverse) const;
  double line_bps() const;
  std::vector<SizeMix> sizes(Report& report) const;
  std::vector<std::pair<std::string, std::string>> facts() const;

  Result<SizeReport> measure(const SizeMix& size, const Watcher& watcher);
  Result<Trial> replay(const Watcher& watcher);
  void offer(SizeReport& report, const Measure& measure);
  void search_for(SizeReport& report, const Measure& measure, const std::vector<double>& losses);
  void latencies(SizeReport& report, const Measure& measure);

  // In the order in which they are made; they go the other way.
  const Options options_;
  std::unique_ptr<Eal> eal_;
  std::vector<FramePool> pools_;
  std::unique_ptr<EngineDevice> engine_;
  std::vector<std::unique_ptr<EthernetPort>> ports_;
  std::vector<Link*> links_;
  Traffic traffic_;
  const std::atomic<bool>* interrupted_ = nullptr;
};

}  // namespace weft::gen

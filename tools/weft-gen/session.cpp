#include "tools/weft-gen/session.hpp"

#include <sched.h>

#include <algorithm>

#include <fmt/format.h>

#include "tools/weft-gen/method/loss_curve.hpp"
#include "tools/weft-gen/report/system_facts.hpp"

namespace weft::gen {
namespace {

/// Nobody's line: a rate that no sender reaches, so that what it can do is found.
constexpr double kEngineLineBps = 400e9;

constexpr double kShares[] = {1, 0.9, 0.5, 0.1};  // FD.io CSIT's loads, and RFC 2544's throughput itself

MacAddress or_else(const std::optional<MacAddress>& chosen, MacAddress otherwise) { return chosen.value_or(otherwise); }

AddressRange default_range(bool ipv6, bool source) {
  // RFC 2544 C.2.2 and RFC 5180 8: kept for benchmarks, so that what escapes goes nowhere.
  const char* const text = ipv6 ? (source ? "2001:2::1" : "2001:2:0:8000::1") : (source ? "198.18.0.1" : "198.19.0.1");
  return *AddressRange::parse(text);
}

}  // namespace

Result<std::unique_ptr<Session>> Session::open(const Options& options) {
  std::unique_ptr<Session> session(new Session(options));
  EalOptions eal;
  eal.memory_mb = options.memory_mb;
  eal.huge_pages = options.huge_pages;
  for (const DeviceArguments& port : options.ports) {
    eal.pci = eal.pci || port.pci;
    eal.extra.push_back(port.eal_argument());
  }
  auto started = Eal::start(eal);
  if (!started) return started.error();
  session->eal_ = std::move(*started);
  if (auto opened = options.ports.empty() ? session->open_engine() : session->open_ports(); !opened) return opened.error();
  if (auto made = session->make_traffic(); !made) return made.error();
  return session;
}

Result<void> Session::open_ports() {
  EthernetOptions options;
  options.ring_size = static_cast<std::uint16_t>(options_.ring_size);
  options.hardware_timestamps = options_.hardware_timestamps;
  options.link_seconds = options_.link_seconds;
  for (const SizeMix& size : options_.sizes) options.largest_frame = std::max(options.largest_frame, size.largest());
  for (const DeviceArguments& device : options_.ports) {
    auto port = EthernetPort::open(device, options);
    if (!port) return port.error();
    links_.push_back(port->get());
    ports_.push_back(std::move(*port));
  }
  for (const auto& port : ports_)
    if (auto up = port->wait_for_link(); !up) return up.error();
  return {};
}

unsigned Session::free_cpus() const {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<unsigned>(CPU_COUNT(&set)) : 1;
}

Result<void> Session::open_engine() {
  EngineDeviceOptions options;
  options.ipv6 = options_.ipv6;
  options.refuse = options_.engine_refuse;
  options.flows = options_.flows;
  options.ring_size = options_.ring_size;
  options.pps_limit = options_.engine_pps;
  if (options_.cpus.size() > 1) options.cpus = {options_.cpus.back()};
  auto engine = EngineDevice::create(options);
  if (!engine) return engine.error();
  engine_ = std::move(*engine);
  links_ = {&engine_->link(0), &engine_->link(1)};
  return {};
}

Encapsulation Session::encapsulation(bool reverse) const {
  Encapsulation e;
  if (engine_) {
    e = engine_->encapsulation(options_.tcp);
  } else {
    e.tcp = options_.tcp;
    e.source_mac = links_.front()->mac();
    e.destination_mac = links_.back()->mac();
    e.source = options_.source.value_or(default_range(options_.ipv6, true)).first;
    e.destination = options_.destination.value_or(default_range(options_.ipv6, false)).first;
  }
  if (reverse) std::swap(e.source_mac, e.destination_mac), std::swap(e.source, e.destination);
  e.destination_mac = or_else(reverse ? options_.reverse_destination_mac : options_.destination_mac, e.destination_mac);
  return e;
}

Result<void> Session::make_traffic() {
  traffic_.forward = encapsulation(false);
  traffic_.reverse = encapsulation(true);
  traffic_.both = options_.both;
  const FlowRanges ranges{engine_ ? AddressRange{traffic_.forward.source, traffic_.forward.source}
                                  : options_.source.value_or(default_range(options_.ipv6, true)),
                          engine_ ? AddressRange{traffic_.forward.destination, traffic_.forward.destination}
                                  : options_.destination.value_or(default_range(options_.ipv6, false)),
                          options_.source_port, options_.destination_port};
  for (const bool mirrored : {false, true}) {
    auto flows = make_flows(ranges, options_.flows, options_.seed, mirrored);
    if (!flows) return flows.error();
    (mirrored ? traffic_.mirrored : traffic_.flows) = std::move(*flows);
  }
  traffic_.streams = static_cast<std::uint16_t>(std::min(options_.flows, options_.streams == 0 ? 256U : options_.streams));
  std::size_t largest = options_.pcap.empty() ? 0 : kLargestFrame;
  for (const SizeMix& size : options_.sizes) largest = std::max(largest, size.largest());
  for (unsigned direction = 0; direction < (options_.both ? 2U : 1U); ++direction) {
    auto pool = make_frame_pool(fmt::format("sender-{}", direction), kFramesOfSender, largest);
    if (!pool) return pool.error();
    pools_.push_back(std::move(*pool));
  }
  return {};
}

GeneratorOptions Session::generator_options() const {
  GeneratorOptions options;
  options.drain_seconds = options_.drain_seconds;
  options.settle_seconds = options_.settle_seconds;
  options.sender_tolerance = options_.sender_tolerance;
  // One thread for each end, where the engine leaves so many CPUs.
  const unsigned others = engine_ ? 1 : 0, cpus = free_cpus();
  options.threads = static_cast<unsigned>(std::min<std::size_t>(links_.size(), cpus > others ? cpus - others : 1));
  if (!options_.cpus.empty()) {
    options.cpus = options_.cpus;
    if (engine_ && options.cpus.size() > 1) options.cpus.pop_back();
    options.threads = static_cast<unsigned>(std::min(links_.size(), options.cpus.size()));
  }
  options.yield = options.threads + others > cpus;
  return options;
}

double Session::line_bps() const {
  if (options_.line_bps) return *options_.line_bps;
  double slowest = 0;
  for (Link* link : links_)
    if (const double bps = link->line_bps(); bps > 0) slowest = slowest == 0 ? bps : std::min(slowest, bps);
  return slowest;
}

/// RFC 2544's smallest frame has no room for IPv6 or TCP and a signature; then the smallest that has takes its place.
std::vector<SizeMix> Session::sizes(Report& report) const {
  std::vector<SizeMix> sizes = options_.sizes;
  const std::size_t smallest = traffic_.forward.smallest_frame();
  if (options_.sizes_chosen || sizes[0].smallest() >= smallest) return sizes;
  report.notes.push_back(fmt::format("64-byte frames have no room for {} over {} and a signature: {} bytes take their place",
                                     options_.tcp ? "TCP" : "UDP", options_.ipv6 ? "IPv6" : "IPv4", smallest));
  sizes[0] = SizeMix::one(smallest);
  return sizes;
}

std::vector<std::pair<std::string, std::string>> Session::facts() const {
  auto facts = system_facts();
  facts.emplace_back("Command", options_.command_line);
  facts.emplace_back("Memory", eal_->mode());
  for (std::size_t i = 0; i < links_.size(); ++i)
    facts.emplace_back(links_.size() == 1 ? "Port, and back to it"
                       : i == 0           ? "First port"
                                          : "Second port",
                       links_[i]->describe());
  facts.emplace_back("Traffic",
                     options_.pcap.empty()
                         ? fmt::format("{} over {}, {} flows in {} streams, {}, seed {}", options_.tcp ? "TCP SYNs" : "UDP",
                                       options_.ipv6 ? "IPv6" : "IPv4", options_.flows, traffic_.streams,
                                       options_.both ? "both directions" : "one direction", options_.seed)
                         : options_.pcap);
  facts.emplace_back("Threads", fmt::format("{} of the generator{}, {} CPUs", generator_options().threads,
                                            engine_ ? ", 1 of the engine" : "", free_cpus()));
  return facts;
}

void Session::search_for(SizeReport& report, const Measure& measure, const std::vector<double>& losses) {
  for (const double loss : losses) {
    SearchOptions search;
    search.highest_pps = report.highest_pps;
    search.lowest_pps = std::max(1.0, 1 / options_.search_seconds);
    search.acceptable_loss = loss;
    search.precision = options_.precision;
    search.verify = options_.verify;
    search.seconds = {options_.search_seconds};
    if (options_.trial_seconds > options_.search_seconds) search.seconds.push_back(options_.trial_seconds);
    report.searches.push_back(search_repeatedly(measure, search, options_.repeats));
  }
}

void Session::latencies(SizeReport& report, const Measure& measure) {
  const auto repeat = [&](double share, double pps) {
    for (unsigned i = 0; i < std::max(options_.repeats, 1U) && !*interrupted_; ++i)
      report.latencies.push_back({share, measure({pps, options_.trial_seconds, 0})});
  };
  if (options_.rate) return repeat(0, options_.rate->pps(line_bps(), report.frame_bytes));
  const SearchOutcome* const throughput = report.throughput();
  if (throughput == nullptr || throughput->lower_pps == 0) return;
  for (const double share : kShares) repeat(share, throughput->lower_pps * share);
}

/// What the sender can do at most, so that no method asks for more. It may have been kept from its CPU, so the best counts.
void Session::offer(SizeReport& report, const Measure& measure) {
  constexpr unsigned kAttempts = 3;
  double most_pps = 0;
  for (unsigned attempt = 0; attempt < kAttempts; ++attempt) {
    const Trial trial = measure({report.highest_pps, std::min(options_.search_seconds, 1.0), 0});
    most_pps = std::max(most_pps, trial.offered_pps());
    if (!trial.sender_limited()) return;
  }
  report.sender_limited = true;
  report.highest_pps = std::max(1.0, most_pps);
}

Result<SizeReport> Session::measure(const SizeMix& size, const Watcher& watcher) {
  auto generator = Generator::create(
      links_,
      [this] {
        std::vector<rte_mempool*> pools;
        for (const FramePool& pool : pools_) pools.push_back(pool.get());
        return pools;
      }(),
      traffic_, size, generator_options());
  if (!generator) return generator.error();
  Generator& g = **generator;
  g.interrupt_by(interrupted_);
  std::string what;
  unsigned number = 0;
  g.watch([&](const Progress& progress) { watcher.progress(what, progress); });
  const auto measured = [&](const std::string& name) -> Measure {
    return [&, name](const Load& load) {
      what = fmt::format("{} bytes, {}, trial {}", size.name(), name, ++number);
      watcher.begins(fmt::format("{}: {}", what, show_pps(load.pps)));
      return g.measure(load);
    };
  };

  SizeReport report;
  report.size = size.name();
  report.frame_bytes = size.average();
  const double bps = line_bps();
  if (bps > 0) report.line_pps = line_pps(bps, report.frame_bytes);
  if (options_.method == Method::kRun) {
    const Rate rate = options_.rate.value_or(Rate::percent(100));
    report.highest_pps = rate.pps(bps > 0 ? bps : kEngineLineBps, report.frame_bytes);
    report.run = measured("run")({report.highest_pps, options_.trial_seconds, 0});
    return report;
  }
  report.highest_pps = options_.max_rate.value_or(Rate::percent(100)).pps(bps > 0 ? bps : kEngineLineBps, report.frame_bytes);
  offer(report, measured("what can be sent"));

  const auto is = [this](auto... methods) { return ((options_.method == methods) || ...); };
  if (is(Method::kSearch)) search_for(report, measured("search"), options_.acceptable_losses);
  if (is(Method::kThroughput, Method::kRfc2544, Method::kBackToBack) || (is(Method::kLatency) && !options_.rate))
    search_for(report, measured("throughput"), {0});
  if (is(Method::kLatency, Method::kRfc2544)) latencies(report, measured("latency"));
  if (is(Method::kLoss, Method::kRfc2544))
    report.losses = loss_curve(measured("loss"), {report.highest_pps, options_.trial_seconds, options_.step});
  if (is(Method::kBackToBack, Method::kRfc2544) && !*interrupted_) {
    const SearchOutcome* const throughput = report.throughput();
    report.back_to_back = back_to_back(measured("back-to-back"), {report.highest_pps, std::min(2.0, options_.trial_seconds),
                                                                  options_.repeats == 0 ? 50 : options_.repeats,
                                                                  throughput != nullptr ? throughput->lower_pps : 0});
  }
  return report;
}

Result<Trial> Session::replay(const Watcher& watcher) {
  auto capture = CaptureFile::read(options_.pcap);
  if (!capture) return capture.error();
  auto generator = Generator::replay(links_, pools_[0].get(), *capture, generator_options());
  generator->interrupt_by(interrupted_);
  generator->watch([&](const Progress& progress) { watcher.progress(options_.pcap, progress); });
  watcher.begins(fmt::format("{}: {} frames, {} times", options_.pcap, capture->frames(), options_.loops));
  return generator->play(*capture, options_.speed, options_.loops);
}

Result<Report> Session::run(const Watcher& watcher, const std::atomic<bool>& interrupted) {
  interrupted_ = &interrupted;
  Report report;
  report.method = options_.method_name;
  report.directions = options_.both ? 2 : 1;
  report.facts = facts();
  if (!options_.pcap.empty()) {
    auto trial = replay(watcher);
    if (!trial) return trial.error();
    SizeReport one;
    one.size = "capture";
    const auto sent = static_cast<double>(std::max<std::uint64_t>(trial->total(&DirectionResult::sent), 1));
    one.frame_bytes = static_cast<double>(trial->total(&DirectionResult::sent_bytes)) / sent;
    one.run = std::move(*trial);
    report.sizes.push_back(std::move(one));
    watcher.done(report.sizes.back());
  } else {
    for (const SizeMix& size : sizes(report)) {
      auto one = measure(size, watcher);
      if (!one) return one.error();
      report.sizes.push_back(std::move(*one));
      watcher.done(report.sizes.back());
      if (interrupted) break;
    }
  }
  if (engine_)
    if (const std::string drops = engine_->drops(); !drops.empty()) report.notes.push_back("the engine dropped: " + drops);
  if (interrupted) report.notes.push_back("interrupted: what is here is not all that was asked for");
  return report;
}

}  // namespace weft::gen

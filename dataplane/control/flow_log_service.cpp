#include "dataplane/control/flow_log_service.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "dataplane/model/flow_logs.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
constexpr std::size_t kMostUnwritten = 1U << 18;  // lines of one flow log

std::uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond + static_cast<std::uint64_t>(now.tv_nsec);
}
std::uint64_t steady_ns() { return clock_ns(CLOCK_MONOTONIC); }
std::uint64_t unix_time_ns() { return clock_ns(CLOCK_REALTIME); }

template <typename Visit>
void for_each_logged(const FlowLog& log, const Engine& engine, const Deployment& deployment, Visit visit) {
  for (const Instance& instance : deployment.instances)
    for (const Eni& eni : instance.enis)
      if (is_logged(log, eni, deployment))
        if (const std::optional<FlowLogEniKey> key = engine.flow_log_eni(eni.id)) visit(*key, eni, instance);
}

}  // namespace

FlowLogService::FlowLogService(const Clock& clock)
    : clock_{clock.now_ns != nullptr ? clock.now_ns : &steady_ns,
             clock.unix_ns != nullptr ? clock.unix_ns : &unix_time_ns} {}

Result<void> FlowLogService::check(const Deployment& wanted, const Topology* topology) const {
  std::set<std::string> known;
  {
    std::lock_guard lock(mutex_);
    for (const auto& entry : entries_) known.insert(entry->log.id);
  }
  Errors errors;
  for (std::size_t i = 0; i < wanted.flow_logs.size(); ++i) {
    const FlowLog& log = wanted.flow_logs[i];
    if (known.contains(log.id)) continue;
    const Result<FlowLogFormat> format = parse_flow_log_format(log.log_format);
    if (!format) return format.error();
    const FlowLogAggregator names({.format = *format}, 0);
    Result<void> writable = FlowLogFile(flow_log_path(log), names.header()).prepare();
    if (writable) continue;
    Error error = writable.error();
    if (topology != nullptr) error.where = topology->where(fmt::format("flow_logs[{}].destination", i));
    errors.add(std::move(error));
  }
  if (!errors.empty()) return std::move(errors).joined();
  return {};
}

std::shared_ptr<FlowLogService::Entry> FlowLogService::make_entry(const FlowLog& log,
                                                                  const Deployment& deployment) const {
  const std::uint64_t now_ns = clock_.now_ns();
  Result<FlowLogFormat> format = parse_flow_log_format(log.log_format);  // was checked when it was read
  FlowLogAggregator::Options options;
  options.format = format ? std::move(*format) : *parse_flow_log_format(kDefaultFlowLogFormat);
  options.actions = static_cast<std::uint8_t>(log.traffic_type);
  options.vpc_id = deployment.vpc_id;
  options.interval_ns = std::uint64_t{kNitroAggregationSeconds} * kNsPerSecond;
  options.wall_offset_ns = static_cast<std::int64_t>(clock_.unix_ns() - now_ns);
  FlowLogAggregator aggregator(std::move(options), now_ns);
  FlowLogFile file(flow_log_path(log), aggregator.header());
  return std::make_shared<Entry>(Entry{log, std::move(file), std::move(aggregator)});
}

void FlowLogService::add_enis(Entry& entry, const Engine& engine, const Deployment& deployment) {
  for_each_logged(entry.log, engine, deployment, [&](FlowLogEniKey key, const Eni& eni, const Instance& instance) {
    const Subnet* subnet = deployment.find_subnet(eni.subnet);
    FlowLogEni words{.interface_id = eni.id,
                     .subnet_id = subnet != nullptr ? subnet->id : "",
                     .instance_id = instance.id,
                     .az_id = subnet != nullptr ? subnet->az : "",
                     .primary_ip = {}};
    if (eni.private_ip.is_v4()) words.primary_ip = eni.private_ip.v4();
    entry.aggregator.add(key, std::move(words));
  });
}

void FlowLogService::remove_enis(Entry& entry, const Engine& engine, const Deployment& deployment) {
  std::set<FlowLogEniKey> stay;
  for_each_logged(entry.log, engine, deployment,
                  [&](FlowLogEniKey key, const Eni&, const Instance&) { stay.insert(key); });
  for (const FlowLogEniKey& key : entry.aggregator.enis())
    if (!stay.contains(key)) entry.aggregator.remove(key);
}

void FlowLogService::close(Entry& entry, std::uint64_t now_ns) {
  std::vector<std::string> lines = entry.aggregator.close(now_ns);
  std::ranges::move(lines, std::back_inserter(entry.unwritten));
}

void FlowLogService::collect(Engine& engine) {
  const FlowLogBatch batch = engine.take_flow_log_records();
  for (const auto& entry : entries_) entry->aggregator.collect(batch);
}

/// New ENIs come first, so that no record of theirs is nobody's; those that have gone leave after their last records.
void FlowLogService::publish(Engine& engine, const Deployment& deployment) {
  std::lock_guard lock(mutex_);
  if (entries_.empty() && deployment.flow_logs.empty()) return;
  for (const auto& entry : entries_) add_enis(*entry, engine, deployment);
  collect(engine);
  Entries next;
  for (const FlowLog& log : deployment.flow_logs) {
    const auto found = std::ranges::find_if(entries_, [&](const auto& entry) { return entry && entry->log == log; });
    std::shared_ptr<Entry> entry;
    if (found != entries_.end())
      entry = std::move(*found);
    else
      add_enis(*(entry = make_entry(log, deployment)), engine, deployment);
    remove_enis(*entry, engine, deployment);
    next.push_back(std::move(entry));
  }
  for (const auto& gone : entries_) {
    if (gone == nullptr) continue;
    close(*gone, clock_.now_ns());
    ended_.push_back(gone);
  }
  entries_ = std::move(next);
  changed_.notify_all();
}

void FlowLogService::end_due(Engine& engine) {
  std::lock_guard lock(mutex_);
  const std::uint64_t now_ns = clock_.now_ns();
  const auto due = [&](const auto& entry) { return entry->aggregator.due_ns() <= now_ns; };
  if (std::ranges::none_of(entries_, due)) return;
  collect(engine);
  for (const auto& entry : entries_)
    if (due(entry)) close(*entry, now_ns);
}

Result<void> FlowLogService::flush(Engine& engine, const std::string& name) {
  std::lock_guard lock(mutex_);
  const auto meant = [&](const auto& entry) {
    return name.empty() || entry->log.name == name || entry->log.id == name;
  };
  if (!name.empty() && std::ranges::none_of(entries_, meant)) {
    std::vector<std::string> names;
    for (const auto& entry : entries_) names.push_back(entry->log.name);
    return Error{"InvalidFlowLogId.NotFound",
                 fmt::format("The flow log {} does not exist{}", in_quotes(name), hint(name, names)), {}};
  }
  collect(engine);
  for (const auto& entry : entries_)
    if (meant(entry)) close(*entry, clock_.now_ns());
  return {};
}

void FlowLogService::write() {
  std::lock_guard one_at_a_time(write_mutex_);
  std::vector<std::pair<std::shared_ptr<Entry>, std::vector<std::string>>> work;
  {
    std::lock_guard lock(mutex_);
    for (const Entries* entries : {&ended_, &entries_})
      for (const auto& entry : *entries)
        if (!entry->unwritten.empty()) work.emplace_back(entry, std::move(entry->unwritten));
    for (const auto& [entry, lines] : work) entry->unwritten.clear();
    ended_.clear();
  }
  for (const auto& [entry, lines] : work) {
    const Result<void> written = entry->file.append(lines);
    std::lock_guard lock(mutex_);
    note(*entry, lines, written);
  }
}

void FlowLogService::note(Entry& entry, const std::vector<std::string>& lines, const Result<void>& written) {
  if (written) {
    if (!entry.error.empty()) spdlog::info("the flow log {} is written again", entry.file.path());
    entry.error.clear();
    entry.lines += lines.size();
    return;
  }
  if (entry.error != written.error().message)
    spdlog::error("{}; its lines are kept, {} at most", written.error().to_string(), kMostUnwritten);
  entry.error = written.error().message;
  entry.unwritten.insert(entry.unwritten.begin(), lines.begin(), lines.end());
  const bool last = std::ranges::find(entries_, &entry, &std::shared_ptr<Entry>::get) == entries_.end();
  const std::size_t most = last ? 0 : kMostUnwritten;
  if (entry.unwritten.size() <= most) return;
  const std::size_t lost = entry.unwritten.size() - most;
  spdlog::error("{} lines of the flow log {} are lost", lost, entry.file.path());
  entry.lost += lost;
  entry.unwritten.erase(entry.unwritten.begin(), entry.unwritten.begin() + static_cast<std::ptrdiff_t>(lost));
}

bool FlowLogService::wait_until_due(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (entries_.empty()) {
      changed_.wait(lock, stop, [&] { return !entries_.empty(); });
      continue;
    }
    std::uint64_t due_ns = UINT64_MAX;
    for (const auto& entry : entries_) due_ns = std::min(due_ns, entry->aggregator.due_ns());
    const std::uint64_t now_ns = clock_.now_ns();
    if (due_ns <= now_ns) return true;
    // What publish() and flush() change makes the wait shorter by nothing: no interval ends earlier than was known.
    changed_.wait_for(lock, stop, std::chrono::nanoseconds(due_ns - now_ns), [] { return false; });
  }
  return false;
}

std::vector<FlowLogView> FlowLogService::views() const {
  std::lock_guard lock(mutex_);
  std::vector<FlowLogView> views;
  for (const auto& entry : entries_)
    views.push_back({.log = entry->log,
                     .file = entry->file.path(),
                     .lines = entry->lines,
                     .skipped = entry->aggregator.skipped(),
                     .lost = entry->lost,
                     .error = entry->error});
  return views;
}

}  // namespace weft

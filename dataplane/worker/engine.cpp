#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <iterator>
#include <set>

#include <rte_errno.h>
#include <rte_lcore.h>

#include "dataplane/worker/engine_impl.hpp"

namespace weft {
namespace {

std::uint64_t monotonic_ns() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

/// Ids and primary addresses of all that has a slot, in Snapshot::compile()'s order: the gateway comes last.
std::vector<std::pair<std::string, IpAddress>> ends_of(const Deployment& deployment) {
  std::vector<std::pair<std::string, IpAddress>> ends;
  for (const Eni* eni : flatten_enis(deployment)) ends.emplace_back(eni->id, eni->private_ip);
  if (deployment.internet_gateway) ends.emplace_back(deployment.internet_gateway->id, IpAddress{});
  return ends;
}

PortQueues queues_of(Engine::Attachment&& attachment) {
  PortQueues queues;
  if (attachment.port == nullptr) return queues;
  queues.push_back(std::move(attachment.port));
  std::ranges::move(attachment.more_queues, std::back_inserter(queues));
  return queues;
}

void run_worker(Worker& worker, unsigned index, const EngineOptions& options) noexcept {
  const std::vector<int>& cpus = options.cpus;
  ::pthread_setname_np(::pthread_self(), ("weft-worker-" + std::to_string(index)).c_str());
  // Gives the thread an lcore id, and so a cache of the packet pool. Without one it works, a little slower.
  // DPDK refuses secondary processes from the first such thread on.
  const bool registered = !options.shared && rte_thread_register() == 0;
  if (!cpus.empty()) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpus[index % cpus.size()], &set);
    ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
  }
  worker.run();
  if (registered) rte_thread_unregister();
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::create(const EngineOptions& options) {
  PacketPool pool = make_packet_pool(options.packets);
  if (!pool)
    return Error{"InsufficientMemory",
                 "no memory for " + std::to_string(options.packets) + " packet buffers: " + rte_strerror(rte_errno) +
                     "; they take about " + std::to_string(options.packets / 400) + " MiB",
                 {}};
  try {
    auto engine = std::make_unique<EngineImpl>(options, std::move(pool));
    if (Result<void> applied = engine->apply(std::make_shared<const Deployment>(), {}); !applied)
      return applied.error();
    return std::unique_ptr<Engine>(std::move(engine));
  } catch (const std::exception& failure) {
    return Error{"InsufficientMemory", std::string("the engine's tables cannot be made: ") + failure.what(), {}};
  }
}

EngineImpl::EngineImpl(const EngineOptions& options, PacketPool pool)
    : options_(options), pool_(std::move(pool)), publication_(options.workers), handover_(std::max(options.workers, 1U)) {
  const WorkerOptions worker_options{.poll = options.poll,
                                     .now_ns = options.now_ns,
                                     .related_icmp_errors = options.related_icmp_errors,
                                     .flow_capacity = options.flow_capacity,
                                     .flow_capacity6 = options.flow_capacity6,
                                     .token_keys = services::TokenKeys::random()};
  for (unsigned index = 0; index < handover_.workers(); ++index)
    workers_.push_back(std::make_unique<Worker>(index, worker_options, publication_, handover_, pool_.get()));
  started_ns_ = monotonic_ns();
}

/// Super-segments are in the engine for the time of a burst, whatever the number of ports.
rte_mempool* EngineImpl::large_mempool() {
  constexpr std::uint32_t kLargeRooms = 255;
  if (!large_pool_) large_pool_ = make_large_pool(kLargeRooms);
  return large_pool_.get();
}

EngineImpl::~EngineImpl() {
  EngineImpl::stop();
  EngineImpl::stop_capture();
}

void EngineImpl::set_message_switch(std::unique_ptr<MessageSwitch> messages,
                                    std::function<EfaCounters(EniSlot)> counters) {
  messages_ = std::move(messages);
  efa_counters_ = std::move(counters);
  workers_.front()->set_message_switch(messages_.get());
}

void EngineImpl::start() {
  if (!threads_.empty()) return;
  started_ns_ = monotonic_ns();
  for (unsigned index = 0; index < options_.workers; ++index)
    threads_.emplace_back(run_worker, std::ref(*workers_[index]), index, std::cref(options_));
}

void EngineImpl::stop() {
  for (unsigned index = 0; index < threads_.size(); ++index) workers_[index]->stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::uint64_t EngineImpl::now_ns() const { return options_.now_ns == nullptr ? monotonic_ns() : options_.now_ns(); }

unsigned EngineImpl::run_once(unsigned worker) { return workers_.at(worker)->turn(); }

std::vector<unsigned> EngineImpl::ports_by_worker() const {
  std::vector<unsigned> ports(workers_.size());
  for (std::size_t slot = 0; slot < slots_.size(); ++slot)
    if (!slots_[static_cast<EniSlot>(slot)].eni_id.empty()) ++ports[slots_[static_cast<EniSlot>(slot)].home];
  return ports;
}

Result<std::vector<SlotAssignment>> EngineImpl::assign_slots(const Deployment& deployment,
                                                            const std::vector<Attachment>& added, std::uint32_t epoch) {
  std::set<std::string> many_queues;
  for (const Attachment& attachment : added)
    if (!attachment.more_queues.empty()) many_queues.insert(attachment.eni_id);
  std::vector<SlotAssignment> assignments;
  std::vector<unsigned> ports = ports_by_worker();
  for (const auto& [id, address] : ends_of(deployment)) {
    const bool known = slots_.find(id).has_value();
    // Where a new one goes. Queue q of a card is then worker q's, which is whose flows its RSS puts there (steer.cpp).
    const auto least = many_queues.contains(id) ? ports.begin() : std::ranges::min_element(ports);
    const auto home = static_cast<std::uint16_t>(least - ports.begin());
    const std::optional<EniSlot> slot = slots_.take(id, address, epoch, home);
    if (!slot) return Error{"NetworkInterfaceLimitExceeded", "the engine has room for 65534 interfaces", {}};
    if (!known) {
      ++*least;
      baselines_.resize(slots_.size());
      baselines_[*slot] = {};
      baselines_[*slot] = sum(*slot);
    }
    assignments.push_back({.slot = *slot, .born = slots_[*slot].born, .home = slots_[*slot].home});
  }
  return assignments;
}

Result<void> EngineImpl::apply(std::shared_ptr<const Deployment> deployment, std::vector<Attachment> added) {
  // 1. Check everything that can be wrong before anything changes.
  std::set<std::string> wanted;
  for (const auto& [id, address] : ends_of(*deployment)) wanted.insert(id);
  for (const Attachment& attachment : added)
    if (!wanted.contains(attachment.eni_id))
      return Error{"InvalidNetworkInterfaceID.NotFound",
                   "a port was given for " + attachment.eni_id + ", which is not in the deployment", {}};

  // 2. Slots, and the new descriptors into their workers' sets: the last that can fail. A worker that is told of a port
  // before it is published finds no such slot in its tables, or an empty one, and goes on.
  const std::uint32_t epoch = epoch_ + 1;
  std::vector<EniSlot> gone;
  for (std::size_t slot = 0; slot < slots_.size(); ++slot)
    if (const auto& owner = slots_[static_cast<EniSlot>(slot)]; !owner.eni_id.empty() && !wanted.contains(owner.eni_id))
      gone.push_back(static_cast<EniSlot>(slot));
  Result<std::vector<SlotAssignment>> assignments = assign_slots(*deployment, added, epoch);
  if (!assignments) {
    slots_.roll_back();
    return assignments.error();
  }
  if (Result<void> watched = watch(added); !watched) {
    slots_.roll_back();
    return watched;
  }
  slots_.commit();

  // 3. Compile. What has gone keeps its slot until nobody can see it.
  std::vector<PortQueues> closed;  // at the end of this function
  for (const EniSlot slot : gone) unwatch(slots_[slot], slots_[slot].queues);
  for (Attachment& attachment : added) {
    const EniSlot slot = *slots_.find(attachment.eni_id);
    closed.push_back(std::exchange(slots_[slot].queues, queues_of(std::move(attachment))));
    unwatch(slots_[slot], closed.back());
  }
  for (SlotAssignment& assignment : *assignments) {
    const PortQueues& queues = slots_[assignment.slot].queues;
    for (const std::unique_ptr<Port>& queue : queues)
      if (assignment.port == nullptr) assignment.port = queue.get();
      else assignment.more_queues.push_back(queue.get());
  }
  const auto workers = static_cast<unsigned>(workers_.size());
  allowances_.update(*deployment, workers, now_ns());
  functions_.update(*deployment, *assignments, epoch, workers, now_ns());
  if (allowances_.any())
    for (const auto& worker : workers_) worker->make_limit_tables();
  if (!deployment->flow_logs.empty())
    for (const auto& worker : workers_) worker->make_flow_log_tables(options_.flow_log_records);
  if (!impairs_nothing(underlay_))
    for (const auto& worker : workers_) worker->make_lanes();
  std::unique_ptr<const Snapshot> next =
      Snapshot::compile(deployment, *assignments, slots_.size(), epoch, workers, &allowances_, underlay_,
                        &functions_);

  // 4. Publish, and wait until no worker can see the old tables. Sleepers look at their new ports.
  capture_more(*deployment);
  publication_.replace(std::move(next));
  capture_less();
  functions_.published(*deployment, *assignments);
  epoch_ = epoch;
  deployment_ = std::move(deployment);
  for (const EniSlot slot : gone) closed.push_back(slots_.free(slot));
  for (const auto& worker : workers_) worker->wake_set().wake();
  return {};
}

/// All of them or none.
Result<void> EngineImpl::watch(const std::vector<Attachment>& added) {
  std::vector<std::pair<WakeSet*, int>> watched;
  const auto add = [&](const Attachment& attachment, const Port* port, std::size_t queue) -> Result<void> {
    if (port == nullptr) return {};
    const EniSlot slot = *slots_.find(attachment.eni_id);
    const SlotTable::Owner& owner = slots_[slot];
    const bool polled = port->readiness_fd() < 0;
    const int fd = polled ? port->wake_fd() : port->readiness_fd();
    if (fd < 0) return {};
    WakeSet& set = wake_set_of(owner, queue);
    Result<void> done = set.add(fd, port_tag(slot, owner.born), polled ? WakeSet::Trigger::kEdge : WakeSet::Trigger::kLevel);
    if (done) watched.emplace_back(&set, fd);
    return done;
  };
  for (const Attachment& attachment : added) {
    Result<void> done = add(attachment, attachment.port.get(), 0);
    for (std::size_t q = 0; done && q < attachment.more_queues.size(); ++q)
      done = add(attachment, attachment.more_queues[q].get(), q + 1);
    if (done) continue;
    for (const auto& [set, fd] : watched) set->remove(fd);
    return done;
  }
  return {};
}

void EngineImpl::unwatch(const SlotTable::Owner& owner, const PortQueues& queues) {
  for (std::size_t q = 0; q < queues.size(); ++q)
    for (const int fd : {queues[q]->readiness_fd(), queues[q]->wake_fd()})
      if (fd >= 0) wake_set_of(owner, q).remove(fd);
}

WakeSet& EngineImpl::wake_set_of(const SlotTable::Owner& owner, std::size_t queue) {
  return workers_[(owner.home + queue) % workers_.size()]->wake_set();
}

}  // namespace weft

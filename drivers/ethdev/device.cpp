#include "drivers/ethdev/device.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_log.h>

#include "drivers/ethdev/link_watch.hpp"
#include "drivers/ethdev/receive_offload.hpp"
#include "drivers/ethdev/rss.hpp"
#include "drivers/ethdev/transmit_offload.hpp"

namespace weft::ethdev {
namespace {

/// A server of memif that went away is tried again after as many looks at the link: a second.
constexpr unsigned kLooksBetweenConnects = 10;

struct OpenDevices {
  std::mutex mutex;
  std::map<const Device*, std::weak_ptr<const Device>> devices;
};

OpenDevices& open_devices() {
  static OpenDevices all;
  return all;
}

}  // namespace

Device::Device(ProbePlan plan, Probed probed, std::uint16_t queues)
    : plan_(std::move(plan)), port_(probed.port), queues_(queues), wake_fds_(std::move(probed.sockets)), gate_(queues) {
  for (unsigned i = 0; i < queues; ++i) counts_.push_back(std::make_unique<Queue>());
}

Result<std::shared_ptr<Device>> Device::open(const PortBackend& backend, rte_mempool* packets, std::uint16_t mtu) {
  Result<ProbePlan> plan = plan_probe(backend, mtu);
  if (!plan) return plan.error();
  Result<Probed> probed = probe(*plan);
  if (!probed) return probed.error();
  const std::shared_ptr<Device> device(new Device(std::move(*plan), std::move(*probed), backend.queues));
  if (auto ready = device->set_up(packets); !ready) return ready.error();
  OpenDevices& all = open_devices();
  const std::lock_guard lock(all.mutex);
  all.devices.emplace(device.get(), device);
  return device;
}

Result<void> Device::set_up(rte_mempool* packets) {
  if (const int failed = rte_eth_dev_info_get(port_, &info_); failed != 0)
    return port_failed("\"" + plan_.device + "\" does not say what it can: " + std::strerror(-failed));
  const unsigned most =
      std::min({unsigned{info_.max_rx_queues}, unsigned{info_.max_tx_queues}, unsigned{RTE_MAX_QUEUES_PER_PORT}});
  if (queues_ > most)
    return Error{"InvalidParameterValue",
                 "\"" + plan_.device + "\" has " + std::to_string(most) + (most == 1 ? " queue" : " queues") +
                     " in each direction, and queues: " + std::to_string(queues_) + " are asked for",
                 {}};
  // A card's receive interrupts are asked for, and done without where it has none.
  const bool interrupts = plan_.kind == WireKind::kCard || plan_.name.starts_with("net_tap");
  Result<void> configured = configure(packets, interrupts);
  bool started = configured && start();
  if (interrupts && !started && !gone_) {
    configured = configure(packets, false);
    started = configured && start();
  }
  if (!configured) return configured.error();
  if (!started && !plan_.connects)
    return port_failed("\"" + plan_.device + "\" does not start; DPDK's own lines in weftd's log say why");
  watch();
  return {};
}

bool Device::start() noexcept {
  // Not the PMD's to find out: it writes a line for each attempt.
  if (plan_.connects && ::access(plan_.socket.c_str(), F_OK) != 0) return false;
  if (rte_eth_dev_start(port_) != 0) return false;
  started_ = true;
  if (queues_ > 1 && info_.reta_size != 0) fill_indirection_table(port_, info_, queues_);
  // Whoever the frames are for, the engine decides; a VF that may not is left with its own address.
  if (plan_.kind != WireKind::kPacketSocket && plan_.kind != WireKind::kXdpSocket) rte_eth_promiscuous_enable(port_);
  if (interrupts_) find_wake_descriptors(true);
  gate_.open();
  return true;
}

/// Changes of the link are reported, or looked for.
void Device::watch() {
  for (const rte_eth_event_type event : {RTE_ETH_EVENT_INTR_LSC, RTE_ETH_EVENT_INTR_RMV, RTE_ETH_EVENT_DESTROY})
    rte_eth_dev_callback_register(port_, event, on_event, this);
  look_at_link();
  watched_ = (*info_.dev_flags & RTE_ETH_DEV_INTR_LSC) == 0;
  if (watched_) LinkWatch::instance().add(this, [this] { look_at_link(); });
}

/// DPDK's interrupt thread, or whoever removes the device.
int Device::on_event(std::uint16_t, rte_eth_event_type event, void* device, void*) {
  auto& self = *static_cast<Device*>(device);
  if (event == RTE_ETH_EVENT_INTR_LSC) {
    self.look_at_link();
    return 0;
  }
  if (event == RTE_ETH_EVENT_DESTROY) self.destroyed_ = true;
  self.gone();
  return 0;
}

/// Waits for bursts that are under way, which end all the same: a card that is gone answers with ones.
void Device::gone() noexcept {
  gone_ = true;
  link_up_ = false;
  gate_.close();
}

void Device::look_at_link() noexcept {
  if (gone_) return;
  bool up = false;
  if (plan_.interface) {
    up = plan_.interface->running();
  } else if (started_) {
    rte_eth_link link{};
    up = rte_eth_link_get_nowait(port_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
  }
  link_up_ = up;
  if (plan_.connects && !up && ++looks_ % kLooksBetweenConnects == 0) connect_again();
}

/// A memif client, whose PMD connects only when it is started.
void Device::connect_again() noexcept {
  gate_.close();
  if (started_) rte_eth_dev_stop(port_);
  started_ = false;
  start();
}

std::uint16_t Device::receive(std::uint16_t queue, std::span<rte_mbuf*> burst) noexcept {
  BurstGate::Lane& lane = gate_.lane(queue);
  if (!gate_.enter(lane)) return 0;
  const std::uint16_t received = rte_eth_rx_burst(port_, queue, burst.data(), static_cast<std::uint16_t>(burst.size()));
  gate_.leave(lane);
  if (received == 0) return 0;
  const std::uint16_t left = clean_received(burst.first(received));
  if (left != received) counts_[queue]->bad_received.fetch_add(received - left, std::memory_order_relaxed);
  if (partial_checksums_) find_partial_checksums(burst.first(left));
  return left;
}

std::uint16_t Device::transmit(std::uint16_t queue, std::span<rte_mbuf* const> burst) noexcept {
  BurstGate::Lane& lane = gate_.lane(queue);
  if (!link_up() || !gate_.enter(lane)) return 0;
  for (rte_mbuf* const frame : burst) prepare_for_card(frame);
  auto** const frames = const_cast<rte_mbuf**>(burst.data());  // DPDK may replace none of them: no VLAN tag is inserted
  const auto count = static_cast<std::uint16_t>(burst.size());
  std::uint16_t sent = 0;
  while (sent < count) {
    const auto left = static_cast<std::uint16_t>(count - sent);
    const std::uint16_t ready = rte_eth_tx_prepare(port_, queue, frames + sent, left);
    const std::uint16_t taken = ready == 0 ? 0 : rte_eth_tx_burst(port_, queue, frames + sent, ready);
    sent = static_cast<std::uint16_t>(sent + taken);
    if (taken < ready || ready == left) break;
    // The card will never take this one (too many pieces for its descriptors): it must not be in the way of the others.
    rte_pktmbuf_free(frames[sent++]);
    counts_[queue]->refused.fetch_add(1, std::memory_order_relaxed);
  }
  gate_.leave(lane);
  return sent;
}

void Device::switch_interrupt(std::uint16_t queue, bool on) noexcept {
  if (!interrupts_) return;
  BurstGate::Lane& lane = gate_.lane(queue);
  if (!gate_.enter(lane)) return;
  if (on) rte_eth_dev_rx_intr_enable(port_, queue);
  else rte_eth_dev_rx_intr_disable(port_, queue);
  gate_.leave(lane);
}

Device::~Device() {
  {
    OpenDevices& all = open_devices();
    const std::lock_guard lock(all.mutex);
    all.devices.erase(this);
  }
  if (watched_) LinkWatch::instance().remove(this);
  gate_.close();
  for (const rte_eth_event_type event : {RTE_ETH_EVENT_INTR_LSC, RTE_ETH_EVENT_INTR_RMV, RTE_ETH_EVENT_DESTROY})
    // Of all ports: one that has gone is no port to DPDK any more, and yet keeps its callbacks for whoever gets its number.
    while (rte_eth_dev_callback_unregister(RTE_ETH_ALL, event, on_event, this) == -EAGAIN) {}  // it runs just now
  if (destroyed_) return;
  if (started_) rte_eth_dev_stop(port_);
  if (plan_.listener != nullptr) plan_.listener->device_closes();
  rte_eth_dev_close(port_);
  if (info_.device != nullptr) rte_dev_remove(info_.device);
}

WireStatistics Device::statistics() const {
  WireStatistics all{.device = plan_.device, .driver = info_.driver_name, .link_up = link_up(), .counters = {}};
  std::uint64_t bad = 0, refused = 0;
  for (const auto& queue : counts_) {
    bad += queue->bad_received.load(std::memory_order_relaxed);
    refused += queue->refused.load(std::memory_order_relaxed);
  }
  all.counters = {{"weft_rx_bad_ip_checksum", bad}, {"weft_tx_refused", refused}};
  if (gone_) return all;
  const int count = rte_eth_xstats_get_names(port_, nullptr, 0);
  if (count <= 0) return all;
  std::vector<rte_eth_xstat_name> names(static_cast<unsigned>(count));
  std::vector<rte_eth_xstat> values(names.size());
  const auto most = static_cast<unsigned>(count);
  if (rte_eth_xstats_get_names(port_, names.data(), most) != count || rte_eth_xstats_get(port_, values.data(), most) != count)
    return all;
  for (const rte_eth_xstat& value : values)
    if (value.id < names.size()) all.counters.emplace_back(names[value.id].name, value.value);
  return all;
}

}  // namespace weft::ethdev

namespace weft {

std::vector<WireStatistics> wire_statistics() {
  std::vector<std::shared_ptr<const ethdev::Device>> devices;
  {
    ethdev::OpenDevices& all = ethdev::open_devices();
    const std::lock_guard lock(all.mutex);
    for (const auto& [device, weak] : all.devices)
      if (auto alive = weak.lock()) devices.push_back(std::move(alive));
  }
  std::vector<WireStatistics> found;
  for (const auto& device : devices) found.push_back(device->statistics());
  return found;
}

}  // namespace weft

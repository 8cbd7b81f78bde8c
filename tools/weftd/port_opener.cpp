#include "tools/weftd/port_opener.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "dataplane/model/describe.hpp"
#include "drivers/ethdev/ethdev_device.hpp"
#include "drivers/vhost/vhost_device.hpp"

namespace weft {
namespace {

Result<std::vector<std::unique_ptr<Port>>> open_queues(const PortBackend& backend, rte_mempool* packets,
                                                       rte_mempool* large_rooms, std::uint16_t mtu) {
  if (backend.driver == PortBackend::Driver::kVhostUser) return open_vhost_ports(backend, packets, large_rooms, mtu);
  return open_ethdev_ports(backend, packets, mtu);
}

}  // namespace

Result<void> PortOpener::open(const Instance& instance, int mtu, std::vector<Engine::Attachment>& attachments) {
  std::erase_if(open_, [](const auto& entry) { return entry.second.port.expired(); });
  std::vector<Engine::Attachment> opened;
  for (const Eni& eni : instance.enis) {
    if (eni.port.is_tap()) continue;
    if (const auto found = open_.find(eni.id); found != open_.end() && found->second.backend == eni.port) continue;
    Result<Engine::Attachment> attachment = open(eni, mtu);
    if (!attachment) {
      Error error = attachment.error();
      error.message = fmt::format("the port of {}: {}", label(eni), error.message);
      return error;
    }
    opened.push_back(std::move(*attachment));
  }
  std::ranges::move(opened, std::back_inserter(attachments));
  return {};
}

Result<Engine::Attachment> PortOpener::open(const Eni& eni, int mtu) {
  auto queues = open_queues(eni.port, packets_, large_rooms_, static_cast<std::uint16_t>(mtu));
  if (!queues) return queues.error();
  const auto life = std::make_shared<const char>();
  for (const std::unique_ptr<Port>& queue : *queues) queue->keep(life);
  open_[eni.id] = {eni.port, life};
  Engine::Attachment attachment{eni.id, std::move(queues->front())};
  queues->erase(queues->begin());
  attachment.more_queues = std::move(*queues);
  return attachment;
}

}  // namespace weft

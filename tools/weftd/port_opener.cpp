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
  std::vector<Engine::Attachment> opened;
  for (const Eni& eni : instance.enis) {
    auto attachment = open(eni.id, label(eni), eni.port, mtu);
    if (!attachment) return attachment.error();
    if (*attachment) opened.push_back(std::move(**attachment));
  }
  std::ranges::move(opened, std::back_inserter(attachments));
  return {};
}

Result<void> PortOpener::open(const InternetGateway& gateway, int mtu, std::vector<Engine::Attachment>& attachments) {
  auto attachment = open(gateway.id, "the internet gateway", gateway.port, mtu);
  if (!attachment) return attachment.error();
  if (*attachment) attachments.push_back(std::move(**attachment));
  return {};
}

Result<std::optional<Engine::Attachment>> PortOpener::open(const std::string& id, const std::string& whose,
                                                           const PortBackend& port, int mtu) {
  if (port.is_tap()) return std::optional<Engine::Attachment>{};
  std::erase_if(open_, [](const auto& entry) { return entry.second.port.expired(); });
  if (const auto found = open_.find(id); found != open_.end() && found->second.backend == port) return std::optional<Engine::Attachment>{};
  auto queues = open_queues(port, packets_, large_rooms_, static_cast<std::uint16_t>(mtu));
  if (!queues) {
    Error error = queues.error();
    error.message = fmt::format("the port of {}: {}", whose, error.message);
    return error;
  }
  const auto life = std::make_shared<const char>();
  for (const std::unique_ptr<Port>& queue : *queues) queue->keep(life);
  open_[id] = {port, life};
  Engine::Attachment attachment{id, std::move(queues->front())};
  queues->erase(queues->begin());
  attachment.more_queues = std::move(*queues);
  return std::optional(std::move(attachment));
}

}  // namespace weft

#include "drivers/ethdev/ethdev_device.hpp"

#include "drivers/ethdev/ethdev_port.hpp"
#include "drivers/ethdev/probe.hpp"

namespace weft {

Result<std::vector<std::unique_ptr<Port>>> open_ethdev_ports(const PortBackend& backend, rte_mempool* packets,
                                                             std::uint16_t mtu) {
  if (backend.queues == 0 || backend.queues > kMostQueues)
    return Error{"InvalidParameterValue",
                 "queues: " + std::to_string(backend.queues) + " must be 1 to " + std::to_string(kMostQueues), {}};
  auto device = ethdev::Device::open(backend, packets, mtu);
  if (!device) return device.error();
  std::vector<std::unique_ptr<Port>> ports;
  for (std::uint16_t queue = 0; queue < backend.queues; ++queue)
    ports.push_back(std::make_unique<ethdev::EthdevPort>(*device, queue));
  return ports;
}

std::optional<std::string> why_no_card(const std::string& address) { return ethdev::why_not_pci(address, "/sys"); }

}  // namespace weft

#include "bench/peers/wire.hpp"

#include <unistd.h>

#include "bench/engine/loop.hpp"

namespace weft::bench {
namespace {

constexpr std::uint16_t kDescriptors = 1024;

bool set_up_queues(std::uint16_t port, std::uint16_t receiving, std::uint16_t sending, rte_mempool* pool) {
  for (std::uint16_t queue = 0; queue < receiving; ++queue)
    if (rte_eth_rx_queue_setup(port, queue, kDescriptors, SOCKET_ID_ANY, nullptr, pool) != 0) return false;
  for (std::uint16_t queue = 0; queue < sending; ++queue)
    if (rte_eth_tx_queue_setup(port, queue, kDescriptors, SOCKET_ID_ANY, nullptr) != 0) return false;
  return true;
}

}  // namespace

std::vector<std::string> wire_arguments(const WireOptions& options) {
  std::vector<std::string> arguments;
  for (const char* name : {"a", "b"}) {
    const std::string number = name[0] == 'a' ? "0" : "1";
    arguments.push_back("--vdev=net_memif" + number + ",id=" + number + ",socket=" + options.directory + "/" + name +
                        ".sock,socket-abstract=no,role=" + (options.device ? "server" : "client,zero-copy=yes"));
  }
  if (!options.device) arguments.push_back("--single-file-segments");  // memif wants it of who shares its own buffers
  return arguments;
}

void start_wire(std::uint16_t port, const WireOptions& options, rte_mempool* pool) {
  const std::uint16_t receiving = options.device ? kQueuesToDevice : kQueuesFromDevice;
  const std::uint16_t sending = options.device ? kQueuesFromDevice : kQueuesToDevice;
  const rte_eth_conf configuration{};
  const bool started = rte_eth_dev_configure(port, receiving, sending, &configuration) == 0 &&
                       set_up_queues(port, receiving, sending, pool) && rte_eth_dev_start(port) == 0;
  if (!started) fail("ethdev " + std::to_string(port) + " does not start");
}

bool wait_for_link(double seconds) {
  for (double waited = 0; waited < seconds; waited += 0.05) {
    bool up = true;
    for (std::uint16_t port = 0; port < 2; ++port) {
      rte_eth_link link{};
      up &= rte_eth_link_get_nowait(port, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
    }
    if (up) return true;
    ::usleep(50'000);
  }
  return false;
}

}  // namespace weft::bench

#include "bench/peers/wire.hpp"

#include <unistd.h>

#include "bench/engine/loop.hpp"

namespace weft::bench {

std::vector<std::string> wire_arguments(const WireOptions& options) {
  std::vector<std::string> arguments;
  for (const char* name : {"a", "b"}) {
    const std::string number = name[0] == 'a' ? "0" : "1";
    arguments.push_back("--vdev=net_memif" + number + ",role=" + (options.server ? "server" : "client") + ",id=" +
                        number + ",socket=" + options.directory + "/" + name + ".sock,socket-abstract=no");
  }
  return arguments;
}

void start_wire(std::uint16_t port, rte_mempool* pool) {
  const rte_eth_conf configuration{};
  const bool started = rte_eth_dev_configure(port, 1, 1, &configuration) == 0 &&
                       rte_eth_rx_queue_setup(port, 0, 1024, SOCKET_ID_ANY, nullptr, pool) == 0 &&
                       rte_eth_tx_queue_setup(port, 0, 1024, SOCKET_ID_ANY, nullptr) == 0 && rte_eth_dev_start(port) == 0;
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

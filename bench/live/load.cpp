#include "bench/live/load.hpp"

#include "dataplane/net/headers.hpp"

namespace weft::bench {

std::uint16_t ProbeSink::transmit(std::span<rte_mbuf* const> burst) noexcept {
  const std::uint16_t wanted = probe_.port.load(std::memory_order_acquire);
  for (rte_mbuf* const packet : burst) {
    const auto& udp = *rte_pktmbuf_mtod_offset(packet, const UdpHeader*, kIpv4L4Offset);
    probe_.arrived.fetch_add(1, std::memory_order_relaxed);
    if (udp.destination_port.host() == wanted && probe_.live_at.load(std::memory_order_relaxed) == 0)
      probe_.live_at.store(rte_rdtsc(), std::memory_order_release);
  }
  rte_pktmbuf_free_bulk(const_cast<rte_mbuf**>(burst.data()), static_cast<unsigned>(burst.size()));
  return static_cast<std::uint16_t>(burst.size());
}

}  // namespace weft::bench

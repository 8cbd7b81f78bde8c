#include "drivers/ethdev/frame_pool.hpp"

#include <map>
#include <mutex>
#include <string>

#include <rte_mbuf.h>

namespace weft::ethdev {
namespace {

// Two rings of af_packet's 512 frames and bursts on their way; what is not there is dropped by the kernel.
constexpr unsigned kFrames = 2047;
constexpr unsigned kCache = 64;  // of each lcore

}  // namespace

rte_mempool* frame_pool(std::uint16_t room) {
  static std::mutex mutex;
  static std::map<std::uint16_t, rte_mempool*> pools;
  const std::lock_guard lock(mutex);
  rte_mempool*& pool = pools[room];
  if (pool == nullptr)
    pool = rte_pktmbuf_pool_create(("weft-frames-" + std::to_string(room)).c_str(), kFrames, kCache, 0,
                                   static_cast<std::uint16_t>(room + RTE_PKTMBUF_HEADROOM), SOCKET_ID_ANY);
  return pool;
}

}  // namespace weft::ethdev

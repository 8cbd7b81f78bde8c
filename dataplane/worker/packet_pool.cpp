#include "dataplane/worker/packet_pool.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <string>

#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>

namespace weft {
namespace {

constexpr std::uint32_t kCache = 256;      // per lcore
constexpr std::uint32_t kLargeCache = 16;  // few and large: what an lcore keeps, no other has
constexpr std::uint16_t kLargeRoom = 0xff80;  // 64 KiB together with its mbuf; buf_len has 16 bits
// Else DPDK keeps every object inside one 4 KiB page, where one fits and 40 % is lost. Addresses are virtual ones here,
// so objects are contiguous for a device too.
constexpr unsigned kFlags = RTE_MEMPOOL_F_NO_IOVA_CONTIG;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

struct Mapping {
  void* address;
  std::size_t bytes;
};

void unmap(rte_mempool_memhdr*, void* opaque) {
  const std::unique_ptr<Mapping> mapping(static_cast<Mapping*>(opaque));
  ::munmap(mapping->address, mapping->bytes);
}

char* next_huge_page(void* address) {
  return reinterpret_cast<char*>((reinterpret_cast<std::uintptr_t>(address) + kHugePage - 1) & ~(kHugePage - 1));
}

/// Anonymous memory of our own for all objects of `pool`, which frees it.
bool populate(rte_mempool* pool) {
  const std::size_t objects = std::size_t{pool->size} * (pool->header_size + pool->elt_size + pool->trailer_size);
  const std::size_t bytes = objects + 2 * kHugePage;  // to align both ends
  void* const mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return false;
  char* const first = next_huge_page(mapped);
  const std::size_t usable = bytes - static_cast<std::size_t>(first - static_cast<char*>(mapped));
  ::madvise(first, usable, MADV_HUGEPAGE);  // a hint: where it is refused, small pages work too
  auto mapping = std::make_unique<Mapping>(Mapping{mapped, bytes});
  const auto iova = reinterpret_cast<rte_iova_t>(first);  // EAL runs with --iova-mode=va
  if (rte_mempool_populate_iova(pool, first, iova, usable, unmap, mapping.get()) < 0) {
    ::munmap(mapped, bytes);
    return false;
  }
  static_cast<void>(mapping.release());  // unmap() has it now
  return pool->populated_size == pool->size;
}

/// A pool's name is unique in the process.
std::string next_name() {
  static std::atomic<unsigned> number{0};
  return "weft-packets-" + std::to_string(number++);
}

PacketPool make_pool_of_own_memory(std::uint32_t packets, std::uint32_t cache, std::uint16_t room) {
  PacketPool pool(rte_mempool_create_empty(next_name().c_str(), packets, sizeof(rte_mbuf) + room, cache,
                                           sizeof(rte_pktmbuf_pool_private), SOCKET_ID_ANY, kFlags));
  if (!pool || rte_mempool_set_ops_byname(pool.get(), rte_mbuf_best_mempool_ops(), nullptr) != 0) return nullptr;
  rte_pktmbuf_pool_private rooms{};
  rooms.mbuf_data_room_size = room;
  rte_pktmbuf_pool_init(pool.get(), &rooms);

  if (!populate(pool.get())) return nullptr;
  rte_mempool_obj_iter(pool.get(), rte_pktmbuf_init, nullptr);
  return pool;
}

}  // namespace

PacketPool make_packet_pool(std::uint32_t packets) {
  const std::uint32_t cache = std::min(kCache, packets / 2);
  if (rte_eal_has_hugepages() == 0) return make_pool_of_own_memory(packets, cache, RTE_MBUF_DEFAULT_BUF_SIZE);
  return PacketPool(
      rte_pktmbuf_pool_create(next_name().c_str(), packets, cache, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY));
}

PacketPool make_large_pool(std::uint32_t rooms) {
  return make_pool_of_own_memory(rooms, std::min(kLargeCache, rooms / 2), kLargeRoom);
}

}  // namespace weft

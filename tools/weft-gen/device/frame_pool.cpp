#include "tools/weft-gen/device/frame_pool.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

namespace weft::gen {

void FreePool::operator()(rte_mempool* pool) const noexcept { rte_mempool_free(pool); }

Result<FramePool> make_frame_pool(const std::string& name, unsigned frames, std::size_t frame_bytes) {
  // Two KiB is what drivers take for granted.
  const std::size_t data = std::max<std::size_t>(2048, (frame_bytes + 127) / 128 * 128);
  constexpr unsigned kCache = 256;
  FramePool pool(rte_pktmbuf_pool_create(name.c_str(), frames, kCache, 0,
                                         static_cast<std::uint16_t>(RTE_PKTMBUF_HEADROOM + data), SOCKET_ID_ANY));
  if (pool == nullptr)
    return Error{"Weft.NoMemory",
                 fmt::format("no memory for {} frames of {} bytes: {}; give EAL more with --memory", frames, data,
                             rte_strerror(rte_errno)),
                 {}};
  rte_mempool_obj_iter(
      pool.get(),
      [](rte_mempool*, void*, void* object, unsigned) {
        auto* const frame = static_cast<rte_mbuf*>(object);
        std::memset(frame->buf_addr, 0, frame->buf_len);
      },
      nullptr);
  return pool;
}

}  // namespace weft::gen

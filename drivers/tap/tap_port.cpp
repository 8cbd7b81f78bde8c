#include "drivers/tap/tap_port.hpp"

#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace weft {

TapPort::TapPort(int fd, rte_mempool* pool, std::uint16_t mtu, rte_mempool* large_pool)
    : fd_(fd), pool_(pool), large_pool_(large_pool), mtu_(mtu) {
  int bytes = 0;
  if (::ioctl(fd_, TUNGETVNETHDRSZ, &bytes) == 0 && bytes > 0)
    header_bytes_ = std::min<std::uint32_t>(static_cast<std::uint32_t>(bytes), sizeof(VirtioNetHeader));
}

TapPort::~TapPort() { ::close(fd_); }

void TapPort::set_carrier(bool on) noexcept {
  const int carrier = on ? 1 : 0;
  (void)::ioctl(fd_, TUNSETCARRIER, &carrier);  // Linux 5.0; before, the guest sees packets stop and nothing else
}

PortCapabilities TapPort::capabilities() const noexcept {
  return {.mtu = mtu_, .checksum = true, .tso = true, .chains = true};
}

/// Puts fresh mbufs where the last frame took them. False when a pool is empty: the frame waits in the kernel.
bool TapPort::refill(Rooms& rooms) noexcept {
  if (rooms.count == 0) {
    rte_mbuf* const rest = large_pool_ != nullptr ? rte_pktmbuf_alloc(large_pool_) : nullptr;
    rooms.room[1] = rest;
    rooms.count = rest != nullptr ? 2 : kMostRooms;
    rooms.used = rest != nullptr ? 1 : kMostRooms;
  } else if (rooms.used == 0) {
    return true;
  }
  unsigned small = rooms.used;
  if (rooms.count == 2 && small == 2) {
    rte_mbuf* const rest = rte_pktmbuf_alloc(large_pool_);
    if (rest == nullptr) return false;
    rooms.room[1] = rest;
    rooms.used = small = 1;
  }
  if (rte_pktmbuf_alloc_bulk(pool_, rooms.room.data(), small) != 0) return false;
  rooms.used = 0;
  for (unsigned i = 0; i < rooms.count; ++i)
    rooms.vector[i + 1] = {rte_pktmbuf_mtod(rooms.room[i], void*), rte_pktmbuf_tailroom(rooms.room[i])};
  return true;
}

/// The first rooms as one chain of `bytes`.
rte_mbuf* TapPort::take(Rooms& rooms, std::size_t bytes) noexcept {
  rte_mbuf* const head = rooms.room[0];
  head->pkt_len = static_cast<std::uint32_t>(bytes);
  rte_mbuf* last = nullptr;
  unsigned used = 0;
  do {
    rte_mbuf* const room = rooms.room[used];
    room->data_len = static_cast<std::uint16_t>(std::min<std::size_t>(bytes, rooms.vector[used + 1].iov_len));
    bytes -= room->data_len;
    if (last != nullptr) last->next = room;
    last = room;
    ++used;
  } while (bytes > 0);
  head->nb_segs = static_cast<std::uint16_t>(used);
  rooms.used = used;
  return head;
}

std::uint16_t TapPort::receive(std::span<rte_mbuf*> burst) noexcept {
  VirtioNetHeader header{};
  Rooms rooms;
  rooms.vector[0] = {&header, header_bytes_};
  std::uint16_t count = 0;
  std::size_t bytes = 0;
  while (count < burst.size() && bytes < kBurstBytes && refill(rooms)) {
    const ssize_t read = ::readv(fd_, rooms.vector.data(), static_cast<int>(rooms.count + 1));
    if (read <= static_cast<ssize_t>(header_bytes_)) break;  // EAGAIN: nothing more; EIO: the interface is down
    rte_mbuf* const frame = take(rooms, static_cast<std::size_t>(read) - header_bytes_);
    offload_from_virtio(header, frame);
    bytes += frame->pkt_len;
    burst[count++] = frame;
  }
  for (unsigned i = rooms.used; i < rooms.count; ++i) rte_pktmbuf_free_seg(rooms.room[i]);
  return count;
}

std::uint16_t TapPort::transmit(std::span<rte_mbuf* const> burst) noexcept {
  std::uint16_t count = 0;
  for (rte_mbuf* const frame : burst) {
    VirtioNetHeader header = offload_to_virtio(frame);
    std::array<iovec, kMostRooms + 1> pieces;
    pieces[0] = {&header, header_bytes_};
    unsigned used = 1;
    const rte_mbuf* piece = frame;
    for (; piece != nullptr && used < pieces.size(); piece = piece->next)
      pieces[used++] = {rte_pktmbuf_mtod(piece, void*), piece->data_len};
    if (piece != nullptr) break;  // longer than anything a port may take
    if (::writev(fd_, pieces.data(), static_cast<int>(used)) < 0) break;
    rte_pktmbuf_free(frame);
    ++count;
  }
  return count;
}

}  // namespace weft

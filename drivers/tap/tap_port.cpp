#include "drivers/tap/tap_port.hpp"

#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace weft {

TapPort::TapPort(int fd, rte_mempool* pool, std::uint16_t mtu) : fd_(fd), pool_(pool), mtu_(mtu) {
  int bytes = 0;
  if (::ioctl(fd_, TUNGETVNETHDRSZ, &bytes) == 0 && bytes > 0)
    header_bytes_ = std::min<std::uint32_t>(static_cast<std::uint32_t>(bytes), sizeof received_header_);
  vectors_[0] = {&received_header_, header_bytes_};
}

TapPort::~TapPort() {
  for (unsigned i = used_rooms_; i < kRooms; ++i) rte_pktmbuf_free_seg(rooms_[i]);
  ::close(fd_);
}

PortCapabilities TapPort::capabilities() const noexcept {
  return {.mtu = mtu_, .checksum = true, .tso = true, .chains = true};
}

/// Puts fresh mbufs where the last frame took them. False when the pool is empty: the frame waits in the kernel.
bool TapPort::refill() noexcept {
  if (used_rooms_ == 0) return true;
  if (rte_pktmbuf_alloc_bulk(pool_, rooms_.data(), used_rooms_) != 0) return false;
  for (unsigned i = 0; i < used_rooms_; ++i)
    vectors_[i + 1] = {rte_pktmbuf_mtod(rooms_[i], void*), rte_pktmbuf_tailroom(rooms_[i])};
  used_rooms_ = 0;
  return true;
}

/// The first rooms as one chain of `bytes`.
rte_mbuf* TapPort::take(std::size_t bytes) noexcept {
  rte_mbuf* const head = rooms_[0];
  head->pkt_len = static_cast<std::uint32_t>(bytes);
  rte_mbuf* last = nullptr;
  unsigned used = 0;
  do {
    rte_mbuf* const room = rooms_[used];
    room->data_len = static_cast<std::uint16_t>(std::min<std::size_t>(bytes, vectors_[used + 1].iov_len));
    bytes -= room->data_len;
    if (last != nullptr) last->next = room;
    last = room;
    ++used;
  } while (bytes > 0);
  head->nb_segs = static_cast<std::uint16_t>(used);
  used_rooms_ = used;
  return head;
}

std::uint16_t TapPort::receive(std::span<rte_mbuf*> burst) noexcept {
  std::uint16_t count = 0;
  while (count < burst.size() && refill()) {
    const ssize_t read = ::readv(fd_, vectors_.data(), static_cast<int>(vectors_.size()));
    if (read <= static_cast<ssize_t>(header_bytes_)) break;  // EAGAIN: nothing more; EIO: the interface is down
    rte_mbuf* const frame = take(static_cast<std::size_t>(read) - header_bytes_);
    offload_from_virtio(received_header_, frame);
    burst[count++] = frame;
  }
  return count;
}

std::uint16_t TapPort::transmit(std::span<rte_mbuf* const> burst) noexcept {
  std::uint16_t count = 0;
  for (rte_mbuf* const frame : burst) {
    VirtioNetHeader header = offload_to_virtio(frame);
    std::array<iovec, kRooms + 1> pieces;
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

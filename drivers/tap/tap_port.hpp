// A port whose guest is a Linux network namespace: the file descriptor of a TAP with IFF_VNET_HDR.
//
// A read goes by readv() straight into a chain of mbufs, and a write gathers the chain by writev(), so a frame is copied
// once each way, by the kernel. Checksums stay partial and 64 KiB super-segments stay whole between two guests (DESIGN
// D15). The one kind of port that costs a system call per frame: the worker polls it by epoll.
//
// What makes it fast is where the bytes are (docs/performance-wires.md):
// - a super-segment is two pieces, a buffer of 2 KiB and one for all the rest, in place of 33 of 2 KiB, each of which
//   the kernel would look at and the pools would give and take;
// - a burst ends at kBurstBytes, so that what was read is written before the second-level cache has forgotten it;
// - a port that is not being read holds no buffer, so all ports use the same few, which are in that cache.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>

#include "drivers/port.hpp"
#include "drivers/tap/virtio_header.hpp"

namespace weft {

class TapPort final : public Port {
 public:
  /// Owns `fd` from now on: non-blocking, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR (drivers/tap/tap_device.hpp). `pool` gives
  /// the mbufs. `large_pool` gives one for what a large frame has more; null or empty: chains of `pool`'s do as well.
  /// Both must outlive the port.
  TapPort(int fd, rte_mempool* pool, std::uint16_t mtu = 9001, rte_mempool* large_pool = nullptr);
  ~TapPort() override;
  TapPort(const TapPort&) = delete;
  TapPort& operator=(const TapPort&) = delete;

  PortCapabilities capabilities() const noexcept override;
  std::uint16_t receive(std::span<rte_mbuf*> burst) noexcept override;
  std::uint16_t transmit(std::span<rte_mbuf* const> burst) noexcept override;
  int readiness_fd() const noexcept override { return fd_; }
  void set_carrier(bool on) noexcept override;  // IFF_UP stays; the guest sees NO-CARRIER

  /// A receive() that has read as much is done.
  static constexpr std::size_t kBurstBytes = 256 << 10;

 private:
  // A super-segment is at most 65535 bytes of IP; 40 rooms of 2 KiB hold it with a margin.
  static constexpr unsigned kMostRooms = 40;

  /// Buffers that wait for the next frame: rooms[0..count), of which the first `used` are gone.
  struct Rooms {
    unsigned count = 0, used = 0;
    std::array<rte_mbuf*, kMostRooms> room;
    std::array<iovec, kMostRooms + 1> vector;  // the header's, then one for each room
  };

  bool refill(Rooms& rooms) noexcept;
  static rte_mbuf* take(Rooms& rooms, std::size_t bytes) noexcept;

  int fd_;
  rte_mempool* pool_;
  rte_mempool* large_pool_;
  std::uint16_t mtu_;
  std::uint32_t header_bytes_ = kVirtioNetHeaderBytes;  // what the TAP was told by TUNSETVNETHDRSZ
};

}  // namespace weft

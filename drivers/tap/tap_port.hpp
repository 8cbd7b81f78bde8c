// A port whose guest is a Linux network namespace: the file descriptor of a TAP with IFF_VNET_HDR.
//
// A read goes by readv() straight into a chain of mbufs that waits for it, and a write gathers the chain by writev(), so
// a frame is copied once each way, by the kernel. Checksums stay partial and 64 KiB super-segments stay whole between
// two guests (DESIGN D15). The one kind of port that costs a system call per frame: the worker polls it by epoll.
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
  /// the mbufs and must outlive the port.
  TapPort(int fd, rte_mempool* pool, std::uint16_t mtu = 9001);
  ~TapPort() override;
  TapPort(const TapPort&) = delete;
  TapPort& operator=(const TapPort&) = delete;

  PortCapabilities capabilities() const noexcept override;
  std::uint16_t receive(std::span<rte_mbuf*> burst) noexcept override;
  std::uint16_t transmit(std::span<rte_mbuf* const> burst) noexcept override;
  int readiness_fd() const noexcept override { return fd_; }

 private:
  // A super-segment is at most 65535 bytes of IP; 40 rooms of 2 KiB hold it with a margin.
  static constexpr unsigned kRooms = 40;

  bool refill() noexcept;
  rte_mbuf* take(std::size_t bytes) noexcept;

  int fd_;
  rte_mempool* pool_;
  std::uint16_t mtu_;
  std::uint32_t header_bytes_ = kVirtioNetHeaderBytes;  // what the TAP was told by TUNSETVNETHDRSZ
  unsigned used_rooms_ = kRooms;                         // rooms_[0..used_rooms_) have to be filled again
  std::array<rte_mbuf*, kRooms> rooms_{};
  std::array<iovec, kRooms + 1> vectors_{};
  VirtioNetHeader received_header_{};
};

}  // namespace weft

// One queue pair of a vhost-user device: where the worker, which moves frames, and rte_vhost's threads, which connect and
// disconnect guests, meet.
//
// The gate. The worker is inside a burst or outside, and says so in a line of its own; the others close the gate and wait
// until it is outside, which is at most one burst away: inside, the worker neither blocks nor takes a lock. Closed, the
// rings, the memory table and the descriptors are theirs. (rte_vhost's own data path spins on a lock that rte_vhost's
// thread holds over its callbacks, so that there is no safe place to wait for a worker; and in 22.11 it believes lengths
// of descriptors that a hostile guest can choose so that it writes beyond the guest's memory.)
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <variant>

#include "drivers/vhost/frames.hpp"

namespace weft {

/// A descriptor of ours for a file that the guest gave.
class OwnDescriptor {
 public:
  OwnDescriptor() = default;
  explicit OwnDescriptor(int fd) : fd_(fd) {}
  ~OwnDescriptor() { reset(); }
  OwnDescriptor(const OwnDescriptor&) = delete;
  OwnDescriptor& operator=(const OwnDescriptor&) = delete;
  int get() const noexcept { return fd_; }
  void reset(int fd = -1) noexcept;

 private:
  int fd_ = -1;
};

class QueuePair {
 public:
  explicit QueuePair(std::uint16_t number);  // throws std::system_error
  QueuePair(const QueuePair&) = delete;
  QueuePair& operator=(const QueuePair&) = delete;

  // The worker.
  std::uint16_t receive(std::span<rte_mbuf*> burst, const FrameRooms& rooms) noexcept;
  std::uint16_t transmit(std::span<rte_mbuf* const> burst) noexcept;
  /// The guest kicks from now on. False: something is queued already.
  bool arm() noexcept;
  void disarm() noexcept;

  // Anybody.
  bool link_up() const noexcept { return link_up_.load(std::memory_order_relaxed); }
  int wake_fd() const noexcept { return epoll_.get(); }

  // rte_vhost's threads and the control thread, one at a time.
  /// Returns when the worker is outside; what it did is in rte_vhost's own indices then, for whom serves the rings next.
  void close(int vid) noexcept;
  /// Takes over what device `vid` has now. `to_guest` and `from_guest`: which of the pair's rings are ready.
  void open(int vid, std::uint64_t features, bool to_guest, bool from_guest) noexcept;
  /// The guest is gone, with its descriptors.
  void forget_guest() noexcept;

 private:
  using Ring = std::variant<std::monostate, SplitRing, PackedRing>;
  struct Side {
    Ring ring;
    OwnDescriptor call;  // written when the guest wants an interrupt
    bool broken = false;
  };
  class Visit;

  void load(Side& side, int vid, std::uint16_t vring, std::uint64_t features);
  void save(const Side& side, int vid, std::uint16_t vring) noexcept;
  void watch(int kick_fd) noexcept;
  void after(Side& side, const Moved& moved) noexcept;
  void wake() noexcept;

  const std::uint16_t number_;
  OwnDescriptor epoll_, wake_event_, kick_;

  std::atomic<bool> open_{false};
  std::atomic<bool> link_up_{false};
  alignas(64) std::atomic<bool> inside_{false};  // the worker's line

  alignas(64) GuestMemory memory_;
  GuestOffloads guest_;
  Side to_guest_, from_guest_;
};

}  // namespace weft

// Keeps workers out of a device while another thread stops it, restarts it, or has learnt that it is gone: DPDK lets
// nobody stop a device while somebody receives or transmits.
//
// Each queue has a lane. A worker is inside its lane for the length of one burst; who closes the gate waits until all lanes
// are empty, and finds them empty until it opens the gate again.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

namespace weft::ethdev {

class BurstGate {
 public:
  class alignas(64) Lane {
    friend class BurstGate;
    std::atomic<bool> inside_{false};
  };

  explicit BurstGate(std::size_t lanes) : lanes_(std::make_unique<Lane[]>(lanes)), count_(lanes) {}

  Lane& lane(std::size_t queue) noexcept { return lanes_[queue]; }

  /// The lane's worker. False: the gate is closed. True: leave() must follow.
  bool enter(Lane& lane) noexcept {
    lane.inside_.store(true, std::memory_order_seq_cst);  // before the look at the gate, as close() does the reverse
    if (open_.load(std::memory_order_seq_cst)) [[likely]]
      return true;
    lane.inside_.store(false, std::memory_order_release);
    return false;
  }
  void leave(Lane& lane) noexcept { lane.inside_.store(false, std::memory_order_release); }

  /// Any thread that is in no lane. Returns when no worker is inside.
  void close() noexcept;
  void open() noexcept { open_.store(true, std::memory_order_seq_cst); }
  bool is_open() const noexcept { return open_.load(std::memory_order_relaxed); }

 private:
  std::unique_ptr<Lane[]> lanes_;
  std::size_t count_;
  std::atomic<bool> open_{false};
};

}  // namespace weft::ethdev

// One `weft capture`: which ENIs, how much of a packet, and the rings that the workers fill.
//
// Off, a worker's burst loop has one load (armed()); armed but not for this ENI, one more (wants()). The control thread
// arms a worker's tap with a session and, to end it, disarms the tap, waits until the worker has passed a quiescent
// point (worker/publication.hpp) and only then frees the session.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "dataplane/net/address.hpp"
#include "dataplane/observe/capture_ring.hpp"

namespace weft {

/// An ENI as the file names it.
struct CaptureInterface {
  std::string name;         // "node-0/eth0"
  std::string description;  // "eni-0123... 10.0.1.4"
  MacAddress mac;
  std::string eni_id;       // or the internet gateway's; not in the file
};

class CaptureSession {
 public:
  struct Options {
    unsigned workers = 1;
    std::uint32_t snap_length = 262144;  // bytes kept of a packet
    std::size_t ring_bytes = 4U << 20;   // of each worker, a power of two
    std::int64_t wall_offset_ns = 0;     // what makes the workers' clock the time since 1970
  };
  explicit CaptureSession(const Options& options);

  // Thread: control.
  /// Captures the ENI in `slot` from now on. Hot attachment may add one at any time.
  void add(std::uint16_t slot, CaptureInterface interface);
  /// The ENI has gone; its slot may soon be another's.
  void remove(std::uint16_t slot) noexcept;

  // Thread: workers.
  /// The number of the slot's interface; 0: not captured.
  std::uint16_t interface_of(std::uint16_t slot) const noexcept {
    return interface_of_slot_[slot].load(std::memory_order_acquire);
  }
  CaptureRing& ring(unsigned worker) noexcept { return *rings_[worker]; }
  void count_missed(std::uint16_t interface) noexcept {
    missed_of_interface_[interface].fetch_add(1, std::memory_order_relaxed);
  }

  // Thread: the writer.
  /// Those from number `from` on; the first number is 1.
  std::vector<CaptureInterface> interfaces_from(std::size_t from) const;
  /// The oldest record of all rings, or null; pop() takes it away.
  const CaptureRecord* front(CaptureRing*& of) noexcept;

  std::uint64_t missed() const noexcept;
  std::uint64_t missed_of(std::size_t interface) const noexcept {
    return missed_of_interface_[interface].load(std::memory_order_relaxed);
  }
  const Options& options() const noexcept { return options_; }

 private:
  static constexpr std::size_t kSlots = 65536;
  const Options options_;
  std::unique_ptr<std::atomic<std::uint16_t>[]> interface_of_slot_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> missed_of_interface_;  // of all workers: a miss is rare or does not matter
  std::vector<std::unique_ptr<CaptureRing>> rings_;
  mutable std::mutex mutex_;  // never taken by a worker
  std::vector<CaptureInterface> interfaces_;
};

/// A worker's end of it.
class CaptureTap {
 public:
  explicit CaptureTap(unsigned worker) noexcept : worker_(worker) {}

  // Thread: control.
  void arm(CaptureSession& session) noexcept { set(&session); }
  void disarm() noexcept { set(nullptr); }

  // Thread: the worker.
  bool armed() const noexcept { return session_.load(std::memory_order_relaxed) != nullptr; }
  bool wants(std::uint16_t slot) const noexcept {
    const CaptureSession* const session = session_.load(std::memory_order_acquire);
    return session != nullptr && session->interface_of(slot) != 0;
  }
  /// Another number after each arm() and disarm(), and by then armed() knows.
  std::uint32_t changes() const noexcept { return changes_.load(std::memory_order_acquire); }
  /// Copies the packet's head, which may be in pieces (a chain). Null: nobody wants it, or there is no room. Until
  /// publish(), dropped() may be called on the record.
  CaptureRecord* offer(std::uint16_t slot, CaptureDirection direction, std::uint64_t now_ns,
                       std::span<const std::span<const std::byte>> pieces, std::uint32_t original_bytes) noexcept;
  /// Once a burst.
  void publish() noexcept {
    if (CaptureSession* const session = session_.load(std::memory_order_acquire)) session->ring(worker_).publish();
  }

 private:
  void set(CaptureSession* session) noexcept {
    session_.store(session, std::memory_order_release);
    changes_.fetch_add(1, std::memory_order_release);
  }

  const unsigned worker_;
  std::atomic<CaptureSession*> session_{nullptr};
  std::atomic<std::uint32_t> changes_{0};
};

}  // namespace weft

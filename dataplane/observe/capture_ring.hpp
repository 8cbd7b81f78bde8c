// Captured packets on their way from a worker to the thread that writes them: a ring of bytes with one producer and one
// consumer. The worker never waits: what does not fit is counted, and the file says so.
//
// A record is made, filled, and perhaps told what became of its packet, all before publish() shows it to the reader; so
// a packet that a later stage drops has one record, with its reason. Records never wrap: one that does not fit before
// the end of the ring starts at its beginning, and a filler takes the rest. Thread: make() and publish() by the worker;
// front() and pop() by the writer; missed() by anybody. Who ends a capture publishes once more, when the worker is past it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "dataplane/observe/drop_reason.hpp"

namespace weft {

enum class CaptureDirection : std::uint8_t { kIn = 1, kOut = 2 };  // as the guest sees it; pcapng's numbers

struct CaptureRecord {
  static constexpr std::uint8_t kNotDropped = 0xff;

  std::uint64_t when_ns = 0;    // of the worker's clock
  std::uint32_t size = 0;       // of record, bytes and padding in the ring
  std::uint32_t captured = 0;   // bytes that follow
  std::uint32_t original = 0;   // bytes the packet had
  std::uint16_t interface = 0;  // CaptureSession's number; 0: a filler, or taken back
  CaptureDirection direction{};
  std::uint8_t dropped_for = kNotDropped;
  /// What the guest has left to its card (DESIGN D15), which capture_file.cpp does in the card's place: where the
  /// checksum begins to sum, 0 if it is complete, and whether the packet is a super-segment of TCP.
  std::uint16_t sum_from = 0;
  std::uint16_t sum_field = 0;  // where it is stored, from `sum_from`
  bool super_segment = false;

  std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  const std::byte* bytes() const noexcept { return reinterpret_cast<const std::byte*>(this + 1); }
  void dropped(DropReason reason) noexcept { dropped_for = static_cast<std::uint8_t>(reason); }
  /// As if it had never been made: the packet is not the worker's any more, or nobody took it. Before publish().
  void take_back() noexcept { interface = 0; }
};
static_assert(sizeof(CaptureRecord) == 32 && kDropReasons < CaptureRecord::kNotDropped);

class CaptureRing {
 public:
  /// `bytes` is a power of two, at least 4096. Throws std::bad_alloc.
  explicit CaptureRing(std::size_t bytes);

  /// Room for a record with `captured` bytes, not yet visible; null when there is none.
  CaptureRecord* make(std::uint32_t captured) noexcept;
  void publish() noexcept { written_.store(next_, std::memory_order_release); }

  /// The oldest record, or null. It stays until pop().
  const CaptureRecord* front() noexcept;
  void pop() noexcept;

  std::uint64_t missed() const noexcept { return missed_.load(std::memory_order_relaxed); }

 private:
  struct Free {
    void operator()(std::byte* memory) const noexcept;
  };
  const std::size_t bytes_;
  std::unique_ptr<std::byte[], Free> memory_;

  alignas(64) std::uint64_t next_ = 0;  // the worker's: where the next record begins, ever increasing
  std::uint64_t read_seen_ = 0;         // the worker's copy of read_
  std::atomic<std::uint64_t> missed_{0};
  alignas(64) std::atomic<std::uint64_t> written_{0};
  alignas(64) std::atomic<std::uint64_t> read_{0};
};

}  // namespace weft

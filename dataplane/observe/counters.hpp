// Counters: 64 bit, one writer (the worker they belong to), any number of readers, no shared lines (DESIGN D11).
// A reader sums over the workers; between two bursts the sums of a quiet engine are exact.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "dataplane/observe/drop_reason.hpp"
#include "dataplane/observe/ena_counter.hpp"

namespace weft {

class Counter {
 public:
  /// Thread: the one writer. A plain add, not a locked one.
  void add(std::uint64_t amount = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  std::uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// One worker's share of an ENI's statistics. Named from the guest's side, as EC2 does: tx leaves the guest.
struct alignas(64) EniCounters {
  Counter rx_packets, rx_bytes;
  Counter tx_packets, tx_bytes;
  Counter originated;  // answers of the fabric itself, delivered to this guest
  Counter consumed;    // frames of this guest that the fabric answered, or that are of no effect
  Counter drops[kDropReasons];
  Counter ena[kEnaCounters];  // last: a packet within its allowances, and without ENA Express, touches none of these

  Counter& of(EnaCounter which) noexcept { return ena[static_cast<std::size_t>(which)]; }
};

/// What became of every packet a worker has had (the equation of DESIGN D11). Hand-over moves a packet between workers.
struct alignas(64) BalanceCounters {
  Counter received, originated, copies, handed_in;
  Counter delivered, dropped, consumed, handed_out;
  Counter stored, unstored;  // fragments held back, packets on their way through the underlay; and taken up again

  bool holds() const noexcept {
    return received.read() + originated.read() + copies.read() + handed_in.read() + unstored.read() ==
           delivered.read() + dropped.read() + consumed.read() + handed_out.read() + stored.read();
  }
};

/// Lines for every possible ENI slot; memory is taken when a line is first written. The line of kNoSlot counts for
/// packets whose ENI has gone while they were on their way.
class EniCounterTable {
 public:
  static constexpr std::size_t kLines = 65536;

  EniCounterTable();  // throws std::bad_alloc
  EniCounters& operator[](std::uint16_t slot) noexcept { return lines_[slot]; }
  const EniCounters& operator[](std::uint16_t slot) const noexcept { return lines_[slot]; }

 private:
  struct Unmap {
    void operator()(EniCounters* lines) const noexcept;
  };
  std::unique_ptr<EniCounters[], Unmap> lines_;
};

}  // namespace weft

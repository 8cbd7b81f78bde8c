// Packets on their way through the underlay, by when they arrive. The worker that has judged them keeps them, at most
// kMost; nothing is allocated after the constructor. Thread: the worker.
#pragma once

#include <cstdint>
#include <vector>

#include <rte_mbuf.h>

#include "drivers/port.hpp"

namespace weft {

class InFlight {
 public:
  /// A quarter of the pool's default (EngineOptions::packets), so that ports do not starve: 49 Mbit of whole packets, 10 Gbps
  /// over 5 ms.
  static constexpr std::size_t kMost = 4096;

  struct Held {
    std::uint64_t at_ns = 0;
    std::uint64_t number = 0;  // as they came: those of one time keep their order
    rte_mbuf* packet = nullptr;
    EniSlot source = kNoEni, destination = kNoEni;
    std::uint32_t epoch = 0;  // at which the slots were theirs
    bool lands = false;  // at `at_ns` it comes to the link of its destination's host, if there is one by then; else it is there
  };

  InFlight() { heap_.reserve(kMost); }
  ~InFlight();
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  /// False when there is no room, and the packet is still the caller's.
  bool hold(Held held) noexcept;
  std::size_t size() const noexcept { return heap_.size(); }
  bool due(std::uint64_t now_ns) const noexcept { return !heap_.empty() && heap_.front().at_ns <= now_ns; }
  /// When the next one arrives; there is one.
  std::uint64_t next_ns() const noexcept { return heap_.front().at_ns; }
  Held take_next() noexcept;

 private:
  std::vector<Held> heap_;  // the next one first
  std::uint64_t number_ = 0;
};

}  // namespace weft

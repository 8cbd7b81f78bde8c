// The gate's answers of one turn: a burst between two ENIs costs one virtual call, and a change of policy is seen in
// the next turn.
#pragma once

#include <array>
#include <cstdint>

#include "drivers/port.hpp"

namespace weft::efa {

class VerdictCache {
 public:
  void begin_turn() noexcept { ++turn_; }

  EfaVerdict ask(const EfaGate& gate, EniSlot source, EniSlot destination) noexcept {
    const std::uint32_t pair = static_cast<std::uint32_t>(source) << 16 | destination;
    Entry& entry = entries_[(pair * 0x9e3779b1U) >> (32 - kBits)];  // Fibonacci hashing
    if (entry.turn != turn_ || entry.pair != pair) entry = {turn_, pair, gate.verdict(source, destination)};
    return entry.verdict;
  }

 private:
  static constexpr unsigned kBits = 8;
  struct Entry {
    std::uint64_t turn = 0;
    std::uint32_t pair = 0;
    EfaVerdict verdict{};
  };
  std::array<Entry, 1U << kBits> entries_{};
  std::uint64_t turn_ = 0;  // begin_turn() comes before the first ask(), so no entry starts valid
};

}  // namespace weft::efa

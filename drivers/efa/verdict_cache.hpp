// The gate's answers of one turn: a burst between two ENIs costs two virtual calls, and a change of policy or of the fabric
// is seen in the next turn.
#pragma once

#include <array>
#include <cstdint>

#include "drivers/port.hpp"

namespace weft::efa {

class VerdictCache {
 public:
  void begin_turn() noexcept { ++turn_; }

  struct Answer {
    EfaVerdict verdict{};
    bool impaired = false;  // of a pair that is allowed
    bool observed = false;
  };

  Answer ask(const EfaGate& gate, EniSlot source, EniSlot destination) noexcept {
    const std::uint32_t pair = static_cast<std::uint32_t>(source) << 16 | destination;
    Entry& entry = entries_[(pair * 0x9e3779b1U) >> (32 - kBits)];  // Fibonacci hashing
    if (entry.turn != turn_ || entry.pair != pair) {
      entry = {turn_, pair, {gate.verdict(source, destination)}};
      entry.answer.impaired = entry.answer.verdict == EfaVerdict::kAllow && gate.impaired(source, destination);
      entry.answer.observed = gate.observed(source, destination);
    }
    return entry.answer;
  }

 private:
  static constexpr unsigned kBits = 8;
  struct Entry {
    std::uint64_t turn = 0;
    std::uint32_t pair = 0;
    Answer answer;
  };
  std::array<Entry, 1U << kBits> entries_{};
  std::uint64_t turn_ = 0;  // begin_turn() comes before the first ask(), so no entry starts valid
};

}  // namespace weft::efa

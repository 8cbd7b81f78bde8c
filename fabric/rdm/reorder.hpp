// The messages of one peer that came before their turn, by number. Made when the first such message comes: today's
// wire keeps order except after an RNR, so most peers never need one.
#pragma once

#include <array>
#include <cstdint>

#include "fabric/rdm/operations.hpp"
#include "fabric/srd/credit.hpp"

namespace weft::rdm {

class ReorderWindow {
 public:
  /// Packets that a peer may have under way, hence messages, with room for the SRD issue's larger windows.
  static constexpr std::uint32_t kSize = 1024;
  static_assert(kSize >= 4 * srd::kMaxWindow && (kSize & (kSize - 1)) == 0);

  /// True when `message` may be early: after `next` and not farther than any honest sender can be.
  static bool within(std::uint32_t message, std::uint32_t next) { return message - next < kSize; }

  Message* at(std::uint32_t message) const { return slots_[message % kSize]; }
  void put(Message& message) {
    slots_[message.message % kSize] = &message;
    ++count_;
  }
  /// The message whose turn it is, if it is here.
  Message* take(std::uint32_t next) {
    Message*& slot = slots_[next % kSize];
    Message* message = slot;
    if (message) --count_;
    slot = nullptr;
    return message;
  }
  bool empty() const { return count_ == 0; }

 private:
  std::array<Message*, kSize> slots_{};
  std::uint32_t count_ = 0;
};

}  // namespace weft::rdm

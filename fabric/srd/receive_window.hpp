// The receiver's half of the transport, one per peer: each packet is taken once, and the sender is told which came.
//
// No thread, no clock, no allocation. What it costs a peer that says nothing is its size (static_assert below).
#pragma once

#include <array>
#include <cstdint>

#include "fabric/srd/acknowledgement.hpp"
#include "fabric/srd/packet.hpp"

namespace weft::srd {

/// How a packet came.
struct Arrival {
  std::uint32_t psn = 0;
  std::uint8_t session = 0;
  std::uint8_t path = 0;
  bool established = false;      // the header's flag
  bool ack_requested = false;    // the header's flag
  bool congested = false;        // marked on its way (ECN)
  bool over_wire = true;         // false: the card itself put it here, and has told its sender so
  std::uint64_t arrived_ns = 0;  // when the card put it into the ring, by the clock that acknowledge() is told
};

enum class Taken : std::uint8_t {
  kNew,             // hand it up
  kDuplicate,       // has been handed up
  kTooFar,          // beyond any window: a lie
  kStale,           // of a session that its sender has given up
  kUnknownSession,  // of a session that another process with this number knew: answer with `restart`
};

class ReceiveWindow {
 public:
  /// `incarnation`: random, and another one in another process.
  explicit ReceiveWindow(std::uint32_t incarnation) : incarnation_(incarnation) {}

  Taken take(const Arrival& arrival);

  /// An acknowledgement is worth sending while more packets may be read in this turn. 16 packets share one; only 2 do
  /// while something is missing, so that a loss is found before its sender's window is empty.
  bool owes() const { return at_once_ || pending_ >= (missing() ? kEveryWithHoles : kEvery) || echoes_ == kMaxEchoes; }
  /// The same at the end of a turn: nothing more will come along for it to share.
  bool owes_after_turn() const { return at_once_ || pending_ != 0; }

  /// What is to be said now; nothing is owed afterwards.
  Acknowledgement acknowledge(std::uint64_t now_ns);

  /// The first psn that has not come, and how many beyond it have.
  std::uint32_t cumulative() const { return cumulative_; }
  std::uint32_t beyond() const { return beyond_; }

 private:
  static constexpr std::uint32_t kEvery = 16;
  static constexpr std::uint32_t kEveryWithHoles = 2;

  struct Heard {
    std::uint64_t arrived_ns;
    std::uint32_t psn;
    std::uint8_t path;
    bool congested;
  };

  bool missing() const { return beyond_ != 0; }
  bool accept_session(const Arrival& arrival);
  void hear(const Arrival& arrival);
  bool has(std::uint32_t psn) const { return (seen_[psn % kMaxOutstanding / 64] >> (psn % 64) & 1) != 0; }

  std::array<std::uint64_t, kBitmapWords> seen_{};  // psn modulo the window, from cumulative_ on
  std::array<Heard, kMaxEchoes> heard_{};
  std::uint32_t cumulative_ = 0;
  std::uint32_t beyond_ = 0;
  std::uint32_t incarnation_;
  std::uint16_t pending_ = 0;  // came over the wire since the last acknowledgement
  std::uint8_t echoes_ = 0;
  std::uint8_t session_ = 0;
  bool session_known_ = false;
  bool at_once_ = false;
};
static_assert(sizeof(ReceiveWindow) <= 224, "with a SendWindow 512 bytes per idle peer (DESIGN D7)");

}  // namespace weft::srd

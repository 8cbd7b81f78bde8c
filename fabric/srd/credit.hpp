// Credits: who may have how many packets under way to whom.
//
// Every packet but a credit-only one needs a credit of its destination. A receiver grants as it consumes, so a peer that
// stops consuming stops its own senders, and only them; what they would send waits in their own memory. Both sides
// count packets that were delivered, so a packet that failed is neither spent nor received. Counters wrap.
//
//   granted = received + window        window = a share of the receive buffers among the peers active lately
//
// The first packets need no grant (kInitialCredit): nobody knows his senders before they have sent. If that is too
// optimistic the daemon answers RNR, which costs time but nothing else (srd/rnr.hpp).
#pragma once

#include <cstdint>

namespace weft::srd {

inline constexpr std::uint32_t kInitialCredit = 32;
inline constexpr std::uint32_t kMaxWindow = 56;  // as many packets of 8928 bytes stay in a 2 MiB L2 (facts machine), and with
                                                 // those that only say credit they fit a channel of 64
inline constexpr std::uint32_t kMinWindow = 4;   // below that, a grant per packet costs more than an RNR now and then

/// The sender's side, one per peer.
class SendCredit {
 public:
  bool available() const { return static_cast<std::int32_t>(limit_ - sent_) > 0; }
  void spend() { ++sent_; }
  /// The packet failed: it took no room at the peer.
  void refund() { --sent_; }
  /// The peer's word. Old or absurd words change nothing. True when sending has become possible by it.
  bool extend(std::uint32_t credit);

 private:
  std::uint32_t sent_ = 0;
  std::uint32_t limit_ = kInitialCredit;
};

/// The receiver's side, one per peer.
class ReceiveCredit {
 public:
  /// Counts an arrival. False: the peer has sent more than it may.
  bool take() {
    if (received_ == granted_) return false;
    ++received_;
    return true;
  }
  /// take() would say no.
  bool exhausted() const { return received_ == granted_; }
  /// The value for the next packet to the peer.
  std::uint32_t grant(std::uint32_t window);
  /// So much is unsaid that the peer is worth a packet of its own.
  bool owes(std::uint32_t window) const {
    const auto unsaid = static_cast<std::int32_t>(received_ + window - granted_);
    return unsaid >= static_cast<std::int32_t>(window < 2 ? 1 : window / 2);
  }
  std::uint32_t received() const { return received_; }

 private:
  std::uint32_t received_ = 0;
  std::uint32_t granted_ = kInitialCredit;
};

/// How the receive buffers are shared. A peer is active when it sent something in this round or the last one; a round
/// is a number of packets, so no clock is needed.
class BufferShare {
 public:
  explicit BufferShare(std::uint32_t buffers) : buffers_(buffers) {}

  /// For each arrival, with a word kept at the peer (0 at first).
  void arrived(std::uint32_t& peer_round) {
    if (peer_round != round_) newly_active(peer_round);
    if (++packets_ >= buffers_ * 4) next_round();
  }
  std::uint32_t window() const { return window_; }

 private:
  void newly_active(std::uint32_t& peer_round);
  void next_round();
  void update();

  std::uint32_t buffers_;
  std::uint32_t round_ = 1;
  std::uint32_t packets_ = 0;
  std::uint32_t active_ = 0, active_before_ = 0;
  std::uint32_t window_ = kInitialCredit;
};

}  // namespace weft::srd

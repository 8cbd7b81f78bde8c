// The sender's half of the transport, one per peer: what is under way to it, what is lost, what has come.
//
//            post()             on_wire()                  acknowledged()
//   caller ----------> with the device ---------> on the wire ---------> acknowledged: take_report()
//                          |    ^                     |
//                          |    | post_again()        | overtaken, or a timer
//                          |    +------------ lost <--+
//                          |                    ^
//                          +-- delivered() -----|--> acknowledged: the card put it into the peer's ring itself
//                          +-- refused() -------+    the peer has no room (rnr.hpp says when to try again)
//
// Pure: time is an argument, random numbers come from outside, nothing is allocated per packet. What it does not do:
// credits (credit.hpp) and the delay after a refusal (rnr.hpp) are the caller's, as is every byte of a packet; it holds
// a 64-bit cookie for each, reported exactly once, and never while the device has the packet.
//
// One thread. The settings and the generator outlive it.
#pragma once

#include <cstdint>
#include <memory>

#include "fabric/srd/acknowledgement.hpp"
#include "fabric/srd/congestion.hpp"
#include "fabric/srd/loss.hpp"
#include "fabric/srd/paths.hpp"
#include "fabric/srd/random.hpp"
#include "fabric/srd/round_trip.hpp"
#include "fabric/srd/settings.hpp"
#include "fabric/srd/timers.hpp"

namespace weft::srd {

/// A packet for the device. Its header is written anew each time: path and flags change.
struct Posting {
  std::uint64_t cookie = 0;
  std::uint32_t psn = 0;
  std::uint8_t path = 0;
  bool ack_requested = false;
  bool established = false;
  bool retransmission = false;  // it was on the wire before, and was lost there
};

/// What became of a packet.
struct Report {
  std::uint64_t cookie = 0;
  bool arrived = false;  // false: its session ended first; it may have arrived
};

/// For statistics.
struct TransportEvents {
  std::uint32_t timeouts = 0;     // the peer was silent for so long that what is on the wire was taken for lost
  std::uint32_t impairments = 0;  // a path was left alone when none was
};

enum class Heard : std::uint8_t { kIgnored, kTaken, kPeerRestarted };

class SendWindow {
 public:
  SendWindow(const TransportSettings& settings, Random& random) : settings_(&settings), random_(&random) {}
  SendWindow(SendWindow&&) = default;

  /// One more packet may go: the ring has room (512) and, towards the wire, the congestion window has.
  bool room() const {
    return !ended_ && next_ - base_ < kMaxOutstanding && (!paths_ || in_flight() < congestion_.window());
  }
  std::uint32_t next_psn() const { return next_; }
  /// With room() only.
  Posting post(std::uint64_t cookie, std::uint64_t now_ns);
  /// What was lost or refused, oldest first, as far as the congestion window lets it. False: nothing now.
  bool post_again(std::uint64_t now_ns, Posting& posting);
  bool has_lost() const { return lost_ != 0; }

  /// The device's answer to each posting. One for a packet that it does not have changes nothing. `now_ns` is when the
  /// device put it on the wire.
  void delivered(std::uint32_t psn);
  void on_wire(std::uint32_t psn, std::uint64_t now_ns);
  void refused(std::uint32_t psn);

  /// The peer's word, as parsed. Ignored: of another session, or of packets that were never sent. kPeerRestarted:
  /// another process answers than the one that acknowledged before; the session has ended.
  Heard acknowledged(const Acknowledgement& acknowledgement, std::uint64_t now_ns);

  bool take_report(Report& report);

  /// The caller calls expire() some time after the deadline (kNever: none) and, when progress is wanted then,
  /// progress().
  std::uint64_t deadline_ns() const { return timers_.deadline_ns(round_trip_, *settings_); }
  void expire(std::uint64_t now_ns);
  bool wants_progress() const { return timers_.asking(); }
  void progress(const PeerProgress& peer, std::uint64_t now_ns);

  /// Every packet under way is reported as failed; those with the device, when it has answered.
  void fail();
  /// fail() happened, or the peer was unresponsive or restarted: nothing is posted until begin().
  bool ended() const { return ended_; }
  /// A new session, counting from psn 0. Once all is reported.
  void begin(std::uint8_t session);
  std::uint8_t session() const { return session_; }

  bool empty() const { return base_ == next_; }
  /// Gives the ring and the paths back; for peers that have been empty() for a while.
  void shrink();

  std::uint32_t outstanding() const { return next_ - base_; }
  std::uint32_t on_wire() const { return on_wire_; }
  std::uint32_t lost() const { return lost_; }  // and refused: to be sent again
  std::uint32_t window() const { return congestion_.window(); }
  std::uint64_t sent_again() const { return sent_again_; }
  /// What has happened since this was last asked.
  TransportEvents take_events();
  const RoundTrip& round_trip() const { return round_trip_; }
  std::uint64_t waiting_since_ns() const { return timers_.waiting_since_ns(); }
  const Paths* paths() const { return paths_.get(); }

 private:
  enum class State : std::uint8_t {
    kGone,  // reported
    kWithDevice,
    kWithDeviceAcknowledged,  // an earlier transmission has come
    kWithDeviceFailed,
    kOnWire,
    kLost,
    kArrived,  // to be reported
    kFailed,   // to be reported
  };
  struct Slot {
    std::uint64_t cookie;
    std::uint64_t sent_ns;
    std::uint32_t sequence;  // of the path's count
    std::uint8_t path;
    State state;
    std::uint8_t transmissions;
    bool ambiguous;  // an acknowledgement does not say which transmission came
  };
  static constexpr std::uint32_t kFirstSlots = 64;

  Slot& slot(std::uint32_t psn) const { return slots_[psn & (capacity_ - 1)]; }
  bool holds(std::uint32_t psn) const { return psn - base_ < next_ - base_; }
  std::uint32_t in_flight() const { return std::uint32_t{on_wire_} + with_device_; }

  void grow();
  Slot* answered(std::uint32_t psn);
  void finish(Slot& slot, std::uint32_t psn, State state);
  void leave_wire(Slot& slot);
  void lose(Slot& slot, std::uint32_t psn);
  void wire_changed(bool heard);

  bool plausible(const Acknowledgement& acknowledgement) const;
  bool hear_echoes(const Acknowledgement& acknowledgement, std::uint64_t now_ns, bool& sampled);
  bool arrived(std::uint32_t psn);
  void detect_losses(std::uint64_t now_ns);
  void act(Timers::Due due, std::uint64_t now_ns);
  void probe();
  void time_out(std::uint64_t now_ns);

  const TransportSettings* settings_;
  Random* random_;
  std::unique_ptr<Slot[]> slots_;
  std::unique_ptr<Paths> paths_;  // since something was on the wire
  std::uint64_t sent_again_ = 0;
  Timers timers_;
  Congestion congestion_;
  SendOrder send_order_;
  RoundTrip round_trip_;
  std::uint32_t base_ = 0;  // the first that is not reported
  std::uint32_t next_ = 0;
  std::uint32_t first_lost_ = 0;    // none before it is lost, if any is
  std::uint32_t first_report_ = 0;  // none before it is to be reported, if any is
  std::uint32_t incarnation_ = 0;
  std::uint16_t capacity_ = 0;
  std::uint16_t with_device_ = 0;
  std::uint16_t on_wire_ = 0;
  std::uint16_t lost_ = 0;
  std::uint16_t reports_ = 0;
  std::uint16_t timeouts_ = 0;
  std::uint8_t session_ = 0;
  bool incarnation_known_ = false;
  bool established_ = false;
  bool ended_ = false;
  bool probing_ = false;  // one packet may go beyond the window, and asks for an answer
};
static_assert(sizeof(SendWindow) <= 288, "with a ReceiveWindow 512 bytes per idle peer (DESIGN D7)");

}  // namespace weft::srd

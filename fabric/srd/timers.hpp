// When a silent peer is worth a packet, and when it is given up.
//
// One deadline per peer, whatever is under way. It passes twice the round trip after the last good news: the newest
// packet is sent again as a probe. Then timeouts, each about twice as long as the one before. But busy is not lost: at
// each deadline the peer's progress is asked for first (the card publishes what it has delivered to whom and what of
// that was consumed), and while the peer has not read what had been delivered when it was first asked for, the deadline
// is only put off. One that has read all may have done so just now: its word gets a round trip to come.
#pragma once

#include <cstdint>
#include <limits>

#include "fabric/srd/random.hpp"
#include "fabric/srd/round_trip.hpp"
#include "fabric/srd/settings.hpp"

namespace weft::srd {

inline constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

/// What the card says about the queue pair that packets go to. Its successor under the same number is another one: then
/// this one is not alive.
struct PeerProgress {
  std::uint32_t delivered = 0;  // packets put into its ring, ever
  std::uint32_t consumed = 0;   // of those, read
  bool alive = true;
  bool known = true;  // false: the card does not know; the deadline counts
};

class Timers {
 public:
  enum class Due : std::uint8_t { kNothing, kAsk, kProbe, kTimeout, kUnresponsive };

  /// Something is on the wire, where nothing was.
  void started(std::uint64_t now_ns);
  /// Something new was acknowledged. `sampled`: with a round trip that is certain (Karn keeps the backoff otherwise).
  void progressed(std::uint64_t now_ns, bool sampled);
  /// Nothing is on the wire. `heard`: because of what was heard; else what was there is lost, and the waiting goes on.
  void stopped(bool heard);

  std::uint64_t deadline_ns(const RoundTrip& round_trip, const TransportSettings& settings) const;
  /// kNothing before the deadline; kAsk from then on, until the answer.
  Due expire(std::uint64_t now_ns, const RoundTrip& round_trip, const TransportSettings& settings, Random& random);
  Due progress(const PeerProgress& peer, std::uint64_t now_ns, const RoundTrip& round_trip,
               const TransportSettings& settings, Random& random);
  bool asking() const { return asking_; }
  /// Since when something is on the wire and nothing new is heard, nor that the peer is busy.
  std::uint64_t waiting_since_ns() const { return waiting_since_ns_; }

 private:
  bool may_probe(const RoundTrip& round_trip) const { return !probed_ && backoff_ == 0 && round_trip.known(); }
  Due act(std::uint64_t now_ns, const RoundTrip& round_trip, const TransportSettings& settings, Random& random);

  std::uint64_t since_ns_ = 0;          // the deadline counts from here
  std::uint64_t waiting_since_ns_ = 0;  // unresponsiveness counts from here
  std::uint32_t unread_ = 0;            // what the peer must have consumed before it is not busy any more
  std::uint8_t backoff_ = 0;
  std::uint8_t jitter_ =
      0;  // 1/1024 of a timeout, after the first one: a path that is down by turns must not meet each
  bool running_ = false;
  bool waiting_ = false;
  bool probed_ = false;
  bool asking_ = false;
  bool busy_ = false;     // unread_ means something
  bool drained_ = false;  // it has read, and its acknowledgement may be on the way
};

}  // namespace weft::srd

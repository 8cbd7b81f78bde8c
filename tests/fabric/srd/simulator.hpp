// A sender, a receiver, a card and a network in virtual time. Everything follows from the schedule, so a seed that
// fails fails again. After each event what must always hold is checked; what is wrong comes out as a sentence.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <queue>
#include <string>
#include <unordered_set>
#include <vector>

#include "fabric/srd/receive_window.hpp"
#include "fabric/srd/send_window.hpp"
#include "tests/fabric/srd/network.hpp"
#include "tests/fabric/srd/schedule.hpp"

namespace weft::srd::test {

struct Outcome {
  std::string wrong;  // empty: nothing
  std::uint64_t events = 0;
  std::uint64_t sent_again = 0;
  std::uint64_t ended_ns = 0;
  std::uint32_t arrived = 0, failed = 0, sessions = 1;
};

class Simulation {
 public:
  Simulation(const Schedule& schedule, bool verbose);
  Outcome run();

 private:
  enum class Kind : std::uint8_t {
    kApplication,
    kPut,
    kAnswer,
    kData,
    kTurn,
    kAcknowledgement,
    kRestartNotice,
    kTimer,
    kPeerRestarts
  };
  enum class Answer : std::uint8_t { kDelivered, kOnWire, kRefused };

  /// What is in a packet's bytes: enough to see that the right one came, whole.
  struct Packet {
    std::uint64_t content = 0;
    std::uint64_t checksum = 0;
    Arrival header;
  };
  struct Event {
    std::uint64_t at_ns = 0, order = 0;
    Kind kind = Kind::kApplication;
    Answer answer = Answer::kOnWire;
    Packet packet;
    std::uint64_t put_ns = 0;
    std::vector<std::byte> bytes = {};  // of an acknowledgement, its checksum in `packet`
    bool operator<(const Event& other) const {
      return at_ns != other.at_ns ? at_ns > other.at_ns : order > other.order;
    }
  };
  struct Fate {
    bool posted = false, reported = false, came = false;
    std::uint32_t taken_by = 0;  // the incarnation
  };

  void push(Event event);
  void handle(Event& event);
  void check();
  void wrong(const std::string& what);
  void say(const std::string& what) const;
  bool blackout() const;
  bool chance(std::uint32_t in_thousand) { return random_.below(1'000) < in_thousand; }

  // the sender
  void pump();
  void hand_over(const Posting& posting);
  void reports();
  void timer();
  void hear(const Event& event);
  void end_session();

  // the card and the network
  void put(const Event& event);
  bool into_ring(const Packet& packet);

  // the receiver
  void turn();
  void acknowledge();
  void take(const Packet& packet);
  void restart_peer();

  Schedule schedule_;
  bool verbose_;
  Random random_, sender_random_;
  Network there_, back_;
  std::priority_queue<Event> events_;
  std::uint64_t now_ = 1, order_ = 0;
  Outcome outcome_;

  SendWindow sender_;
  std::vector<Fate> fates_;  // by cookie
  std::uint32_t next_cookie_ = 0, allowed_ = 0;
  std::uint64_t last_put_ns_ = 0, last_answer_ns_ = 0, hold_until_ns_ = 0, hold_ns_ = 0, timer_at_ns_ = kNever;
  bool ended_for_a_reason_ = false;

  ReceiveWindow receiver_;
  std::deque<Packet> ring_;
  std::uint32_t delivered_ = 0, consumed_ = 0, incarnation_ = 1, began_with_ = 1;
  bool turn_pending_ = false, overflowed_ = false;
  std::unordered_set<std::uint64_t> taken_;  // (session, psn) by this incarnation
};

}  // namespace weft::srd::test

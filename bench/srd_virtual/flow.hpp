// One SRD flow from a host to another in virtual time: the transport's windows and credits (fabric/srd) as they are. What
// fabric/rdm does around them is done here as plainly as it goes: a packet is on the wire when it is posted, its receiver reads
// it as it arrives, and says what it owes at the end of a turn of 2 us.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "bench/srd_virtual/network.hpp"
#include "fabric/srd/credit.hpp"
#include "fabric/srd/receive_window.hpp"
#include "fabric/srd/send_window.hpp"

namespace weft::bench {

inline constexpr std::uint32_t kPacketBytes = 8928;  // EFA's MTU (facts ec2 6.3)

class Flow {
 public:
  struct Ends {
    underlay::Host from, to;
  };
  /// `share`: of the receiver's buffers among all flows to it.
  Flow(Clock& clock, Network& network, srd::BufferShare& share, const Ends& ends, std::uint32_t paths, std::uint64_t seed);
  Flow(const Flow&) = delete;

  /// `done`, once all of it has come. One message at a time.
  void send(std::uint64_t bytes, std::function<void()> done);

  std::uint64_t sent_again() const { return sender_.sent_again(); }
  std::uint64_t failed() const { return failed_; }
  /// Of packets that were sent once: from posting to arrival, and to acknowledgement.
  const std::vector<std::uint64_t>& one_ways() const { return one_ways_; }
  const std::vector<std::uint64_t>& round_trips() const { return round_trips_; }
  /// Of those that were sent again: from the first posting to arrival.
  const std::vector<std::uint64_t>& recoveries() const { return recoveries_; }

 private:
  void pump();
  void put(const srd::Posting& posting);
  void take(const srd::Arrival& arrival);
  void turn();
  void acknowledge();
  void hear(const std::vector<std::byte>& bytes);
  void reports();
  void watch();

  Clock& clock_;
  Network& network_;
  srd::BufferShare& share_;
  Ends ends_;
  srd::TransportSettings settings_;
  srd::Random random_;

  srd::SendWindow sender_{settings_, random_};
  srd::SendCredit credit_;
  std::uint32_t to_send_ = 0;  // packets of the message that are not posted yet
  std::uint64_t watched_ns_ = srd::kNever, failed_ = 0;
  struct UnderWay {
    std::uint64_t posted_ns = 0;  // first
    bool again = false;
  };
  std::unordered_map<std::uint32_t, UnderWay> under_way_;  // by number, which is the cookie, too

  srd::ReceiveWindow receiver_{1};
  srd::ReceiveCredit receive_credit_;
  std::uint32_t share_round_ = 0, delivered_ = 0, to_come_ = 0;
  bool turn_set_ = false;
  std::function<void()> done_;

  std::vector<std::uint64_t> one_ways_, round_trips_, recoveries_;
};

}  // namespace weft::bench

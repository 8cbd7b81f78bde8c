// The worker's express channels: it lets them in by the gates' verdict, and takes them back when the verdict changes or an
// end has gone. Between such events they cost a turn one comparison.
//
// Thread: the worker's. No allocation, no lock.
#pragma once

#include <cstdint>
#include <vector>

#include "drivers/port.hpp"

namespace weft::efa {

class Channel;
class QueuePair;

class ChannelList {
 public:
  /// Of the whole daemon; the server makes no more.
  static constexpr std::uint32_t kMaxChannels = 16384;

  ChannelList() { channels_.reserve(kMaxChannels); }

  /// False: refused, and not in the list. `open`: whether there may be channels at all.
  bool add(Channel& channel, const EfaGate& gate, bool open) noexcept;
  /// One that is not in the list is no mistake: it was refused.
  void remove(Channel& channel) noexcept;

  /// Once a turn: asks the gate again for every channel if its answers may have changed. True: a channel was revoked.
  bool begin_turn(const EfaGate& gate, bool open) noexcept;

  /// The queue pair's client is dead, or its function is going. True: a channel was.
  bool queue_pair_gone(const QueuePair& queue_pair, bool function_too) noexcept;

 private:
  std::vector<Channel*> channels_;  // reserved, so it never allocates
  std::uint64_t epoch_ = 0;         // of the gate, when it was asked last
  bool open_ = true;
};

}  // namespace weft::efa

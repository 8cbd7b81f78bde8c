// The data half of the EFA functions: moves packets between queue pairs of this host, one copy each, and never waits.
//
// A turn goes round the queue pairs and takes at most a burst from each, so that nobody starves. A packet whose
// destination has no room is answered at once with kRemoteRnr: a stopped receiver costs its own senders a status and
// nobody else anything. What can go wrong with a packet is the list in efa_switch.cpp, forward(). What the emulated fabric
// loses or delays is told of as being on the wire, and waits here (efa_switch_fabric.cpp).
//
// Thread: all methods are the worker's. No lock; no allocation but once, with the first packet that is delayed; a system call
// only to wake a sleeping client.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "drivers/efa/channel_list.hpp"
#include "drivers/efa/destination_table.hpp"
#include "drivers/efa/function.hpp"
#include "drivers/efa/held_packets.hpp"
#include "drivers/efa/verdict_cache.hpp"
#include "drivers/port.hpp"

namespace weft {

namespace efa {
class QueuePair;
struct Descriptor;
struct SwitchCommand;
struct SwitchLink;
enum class SendStatus : std::uint8_t;
enum class SendHint : std::uint8_t;
}  // namespace efa

class EfaSwitch final : public MessageSwitch {
 public:
  /// What one queue pair may send in a turn.
  static constexpr std::uint32_t kBurstPackets = 32;
  static constexpr std::uint32_t kBurstBytes = 256 * 1024;
  /// Of packets that have crossed the fabric; a whole MTU takes about a microsecond.
  static constexpr std::uint32_t kArrivalsInTurn = 128;
  /// Queue pairs of all functions together.
  static constexpr std::uint32_t kMaxActive = 16384;

  explicit EfaSwitch(std::shared_ptr<efa::SwitchLink> link);
  ~EfaSwitch() override;

  std::uint32_t poll(const EfaGate& gate, std::uint64_t now_ns) noexcept override;

  std::uint64_t next_ns() const noexcept override { return held_.next_ns(); }

  /// Clients write the eventfd that EfaServer::create() was given; `eventfd` must be the same.
  bool arm(int eventfd) noexcept override;
  void disarm() noexcept override;

 private:
  void obey_commands(const EfaGate& gate) noexcept;
  void obey(efa::SwitchCommand& command, const EfaGate& gate) noexcept;
  void retire_drained() noexcept;
  void retire(efa::QueuePair& queue_pair) noexcept;
  std::uint32_t serve(efa::QueuePair& queue_pair, const EfaGate& gate, std::uint64_t now_ns) noexcept;
  efa::SendStatus forward(efa::QueuePair& source, const efa::Descriptor& packet, const EfaGate& gate,
                          std::uint64_t now_ns) noexcept;
  efa::SendStatus cross_fabric(efa::QueuePair& source, efa::QueuePair& destination, const efa::Descriptor& packet,
                               bool observed, const EfaGate& gate, std::uint64_t now_ns) noexcept;
  std::uint32_t take_arrived(const EfaGate& gate, std::uint64_t now_ns) noexcept;
  /// The next held packet. True: it goes on waiting, for the link of its destination's host.
  bool arrive(const efa::HeldPacket& packet, const EfaGate& gate, std::uint64_t now_ns) noexcept;
  bool come_to(const efa::Function& function, const efa::HeldPacket& packet, const std::byte* payload,
               const EfaGate& gate, std::uint64_t now_ns) noexcept;
  bool receive(efa::QueuePair& destination, const efa::HeldPacket& packet, const std::byte* payload, bool observed,
               const EfaGate& gate, std::uint64_t now_ns) noexcept;
  efa::SendStatus answer_progress(efa::QueuePair& source, const efa::Descriptor& request, const EfaGate& gate,
                                  std::uint64_t now_ns) noexcept;
  static efa::SendHint hint_of(EfaVerdict refusal) noexcept;
  void touch(efa::QueuePair& queue_pair) noexcept;
  void tell_of_channels() noexcept;

  std::shared_ptr<efa::SwitchLink> link_;
  efa::DestinationTable destinations_;
  efa::VerdictCache verdicts_;
  efa::ChannelList channels_;
  efa::HeldPackets held_;
  std::vector<efa::QueuePair*> active_;   // reserved to kMaxActive, so it never allocates
  std::vector<efa::QueuePair*> touched_;  // this turn: something to publish
  std::size_t first_ = 0;                 // who begins the turn: it goes round
  std::uint32_t draining_ = 0;            // how many of active_ are
};

}  // namespace weft

#include "drivers/efa/efa_switch.hpp"

#include "drivers/efa/abi.hpp"
#include "drivers/efa/queue_pair.hpp"
#include "drivers/efa/sighting.hpp"
#include "drivers/efa/switch_link.hpp"

namespace weft {

using efa::QueuePair;
using efa::SendHint;
using efa::SendStatus;
using efa::SwitchCommand;

EfaSwitch::EfaSwitch(std::shared_ptr<efa::SwitchLink> link) : link_(std::move(link)) {
  active_.reserve(kMaxActive);
  touched_.reserve(kMaxActive);
}

EfaSwitch::~EfaSwitch() = default;

std::uint32_t EfaSwitch::poll(const EfaGate& gate, std::uint64_t now_ns) noexcept {
  // 1. Queue pairs, functions and channels that came or go; channels that a gate refuses now.
  if (link_->commands.read_available() != 0) obey_commands(gate);
  if (channels_.begin_turn(gate, link_->express.load(std::memory_order_relaxed))) tell_of_channels();
  verdicts_.begin_turn();

  // 2. Packets that have crossed the fabric, also when nobody is left to take them.
  std::uint32_t handled = 0;
  if (held_.due(now_ns)) [[unlikely]] handled = take_arrived(gate, now_ns);
  if (active_.empty()) return handled;

  // 3. A burst from each, beginning one further every turn: nobody is always first at a receiver's last buffer.
  if (++first_ >= active_.size()) first_ = 0;
  for (std::size_t i = first_; i < active_.size(); ++i) handled += serve(*active_[i], gate, now_ns);
  for (std::size_t i = 0; i < first_; ++i) handled += serve(*active_[i], gate, now_ns);

  // 4. Show the clients, once each, and wake those that sleep.
  for (QueuePair* queue_pair : touched_) {
    queue_pair->touched = false;
    queue_pair->publish();
  }
  touched_.clear();

  // 5. Queue pairs of dead clients that have nothing left to send.
  if (draining_ != 0) retire_drained();
  return handled;
}

std::uint32_t EfaSwitch::serve(QueuePair& source, const EfaGate& gate, std::uint64_t now_ns) noexcept {
  std::uint32_t packets = 0, bytes = 0;
  const std::uint32_t limit =
      source.draining && source.drain_limit < kBurstPackets ? source.drain_limit : kBurstPackets;
  efa::Descriptor packet;
  while (packets < limit && bytes < kBurstBytes && source.next_send(packet)) {
    source.finish_send(forward(source, packet, gate, now_ns));
    ++packets;
    if (packet.length <= efa::kMtu) bytes += packet.length;
  }
  if (packets == 0) return 0;
  if (source.draining) source.drain_limit -= packets;
  touch(source);
  return packets;
}

SendHint EfaSwitch::hint_of(EfaVerdict refusal) noexcept {
  switch (refusal) {
    case EfaVerdict::kGroupEgress: return SendHint::kGroupEgress;
    case EfaVerdict::kGroupIngress: return SendHint::kGroupIngress;
    default: return SendHint::kElsewhere;
  }
}

// Every way a packet can end. Each exit counts in exactly one of the sender's counters (EfaCounters in port.hpp).
SendStatus EfaSwitch::forward(QueuePair& source, const efa::Descriptor& packet, const EfaGate& gate,
                              std::uint64_t now_ns) noexcept {
  if ((packet.flags & efa::kAskProgress) != 0) [[unlikely]] return answer_progress(source, packet, gate, now_ns);
  efa::Function& sender = source.function();
  efa::FunctionCounters& counts = sender.counters;
  counts.tx_pkts.add(1);

  // 1. The descriptor by itself.
  const SendStatus own = source.check(packet);
  if (own != SendStatus::kOk) {
    counts.bad_descriptor.add(1);
    return own;
  }
  counts.tx_bytes.add(packet.length);

  // 2. Where to: mostly where the last packet went.
  QueuePair::Route& route = source.route;
  if (route.version != destinations_.version() || route.qpn != packet.destination_qpn ||
      route.address != packet.destination) {
    route = {destinations_.version(), packet.destination, packet.destination_qpn, nullptr, nullptr};
    route.function = destinations_.find(sender.declared.vpc, packet.destination);
    if (route.function != nullptr) route.queue_pair = destinations_.find(*route.function, packet.destination_qpn);
  }
  if (route.function == nullptr) {
    counts.unreachable.add(1);
    efa::observe_to_nobody(gate, source, packet);
    return source.refuse(SendStatus::kLocalUnreachRemote, SendHint::kNoSuchAddress);
  }

  // 3. The two gates, before anything is said about the destination's queue pairs. EFA's status has no word for a
  //    refusal: to the sender it looks like a peer that never answers (facts ec2 6.4).
  const EniSlot to = route.function->declared.slot;
  const efa::VerdictCache::Answer answer = verdicts_.ask(gate, sender.declared.slot, to);
  const auto ends = [&](EfaEnd end) noexcept {
    if (answer.observed) [[unlikely]] efa::observe(gate, efa::sighting_of(source, packet, to), end);
  };
  if (answer.verdict != EfaVerdict::kAllow) [[unlikely]] {
    ends(efa::end_of(answer.verdict));
    efa::Counter& refused = answer.verdict == EfaVerdict::kGroupEgress    ? counts.group_egress
                            : answer.verdict == EfaVerdict::kGroupIngress ? counts.group_ingress
                                                                          : counts.unreachable;
    refused.add(1);
    return source.refuse(SendStatus::kLocalUnreachRemote, hint_of(answer.verdict));
  }

  // 4. The queue pair, and the incarnation the sender means.
  QueuePair* destination = route.queue_pair;
  if (destination == nullptr ||
      (packet.destination_qkey != 0 && packet.destination_qkey != destination->qkey())) {
    counts.bad_qpn.add(1);
    ends(EfaEnd::kBadQueuePair);
    return source.refuse(SendStatus::kRemoteBadDestQpn,
                         destination == nullptr ? SendHint::kNoSuchQueuePair : SendHint::kOtherProcess);
  }

  // 5. Where something is wrong with the fabric, across it; but not with a client that would not notice a loss.
  if (answer.impaired && source.recovers_losses() && destination->recovers_losses()) [[unlikely]]
    return cross_fabric(source, *destination, packet, answer.observed, gate, now_ns);

  // 6. The one copy.
  efa::FunctionCounters& destination_counts = route.function->counters;
  if (!destination->deliver(source.as_source(), 0, source.payload(packet), packet.length, now_ns)) {
    counts.rnr.add(1);
    destination_counts.rx_drops.add(1);
    ends(EfaEnd::kReceiverNotReady);
    return SendStatus::kRemoteRnr;
  }
  touch(*destination);
  counts.delivered.add(1);
  destination_counts.rx_pkts.add(1);
  destination_counts.rx_bytes.add(packet.length);
  ends(EfaEnd::kPassed);
  return SendStatus::kOk;
}

void EfaSwitch::touch(QueuePair& queue_pair) noexcept {
  if (queue_pair.touched) return;
  queue_pair.touched = true;
  touched_.push_back(&queue_pair);
}

void EfaSwitch::tell_of_channels() noexcept {
  link_->channel_changes.fetch_add(1, std::memory_order_release);
  eventfd_write(link_->acknowledged.get(), 1);
}

void EfaSwitch::obey_commands(const EfaGate& gate) noexcept {
  SwitchCommand command;
  while (link_->commands.pop(command)) obey(command, gate);
  eventfd_write(link_->acknowledged.get(), 1);
}

void EfaSwitch::obey(SwitchCommand& command, const EfaGate& gate) noexcept {
  using Kind = SwitchCommand::Kind;
  switch (command.kind) {
    case Kind::kAddFunction: destinations_.insert(*command.function); break;
    case Kind::kRemoveFunction: destinations_.remove(*command.function); break;
    case Kind::kAddQueuePair:
      command.queue_pair->active_index = static_cast<std::uint32_t>(active_.size());
      active_.push_back(command.queue_pair);
      destinations_.insert(*command.queue_pair);
      break;
    case Kind::kDrainQueuePair:
      if (command.queue_pair->active_index == QueuePair::kNotActive) break;  // closed before: nothing to wait for
      if (channels_.queue_pair_gone(*command.queue_pair, false)) tell_of_channels();
      destinations_.remove(*command.queue_pair);
      command.queue_pair->draining = true;  // acknowledged by retire_drained()
      ++draining_;
      command.queue_pair->drain_limit = efa::kMaxSqDepth;
      return;
    case Kind::kCloseQueuePair:
      if (command.queue_pair->active_index == QueuePair::kNotActive) break;
      if (channels_.queue_pair_gone(*command.queue_pair, true)) tell_of_channels();
      if (command.queue_pair->draining) {
        link_->acknowledgements.push({Kind::kDrainQueuePair, nullptr, command.queue_pair});
      } else {
        destinations_.remove(*command.queue_pair);
      }
      retire(*command.queue_pair);
      command.queue_pair->close();
      break;
    case Kind::kAddChannel:
      command.refused = !channels_.add(*command.channel, gate, link_->express.load(std::memory_order_relaxed));
      break;
    case Kind::kRemoveChannel: channels_.remove(*command.channel); break;
  }
  link_->acknowledgements.push(command);
}

// The last queue pair takes the place of the one that goes.
void EfaSwitch::retire(QueuePair& queue_pair) noexcept {
  QueuePair* last = active_.back();
  active_[queue_pair.active_index] = last;
  last->active_index = queue_pair.active_index;
  active_.pop_back();
  queue_pair.active_index = QueuePair::kNotActive;
  if (queue_pair.draining) --draining_;
  queue_pair.draining = false;
}

// From the end, because retire() moves the last into the gap.
void EfaSwitch::retire_drained() noexcept {
  for (std::size_t i = active_.size(); i-- > 0;) {
    QueuePair& queue_pair = *active_[i];
    if (!queue_pair.draining || (queue_pair.drain_limit != 0 && queue_pair.has_sends())) continue;
    retire(queue_pair);
    link_->acknowledgements.push({SwitchCommand::Kind::kDrainQueuePair, nullptr, &queue_pair});
    eventfd_write(link_->acknowledged.get(), 1);
  }
}

bool EfaSwitch::arm(int /*eventfd*/) noexcept {
  for (QueuePair* queue_pair : active_) queue_pair->set_daemon_asleep(true);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // the client's counterpart is in QueuePair::wake_daemon()
  bool quiet = link_->commands.read_available() == 0;
  for (const QueuePair* queue_pair : active_) quiet = quiet && !queue_pair->has_sends();
  if (!quiet) disarm();
  return quiet;
}

void EfaSwitch::disarm() noexcept {
  for (QueuePair* queue_pair : active_) queue_pair->set_daemon_asleep(false);
}

}  // namespace weft

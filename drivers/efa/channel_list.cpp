#include "drivers/efa/channel_list.hpp"

#include "drivers/efa/channel.hpp"

namespace weft::efa {
namespace {

bool allows(const EfaGate& gate, const Channel& channel) noexcept {
  const EniSlot source = channel.sender().slot, destination = channel.receiver().slot;
  return gate.may_bypass(source, destination) && gate.verdict(source, destination) == EfaVerdict::kAllow;
}

}  // namespace

bool ChannelList::add(Channel& channel, const EfaGate& gate, bool open) noexcept {
  if (!open || channels_.size() == kMaxChannels || !allows(gate, channel)) return false;
  channel.list_index = static_cast<std::uint32_t>(channels_.size());
  channels_.push_back(&channel);
  return true;
}

// The last channel takes the place of the one that goes.
void ChannelList::remove(Channel& channel) noexcept {
  if (channel.list_index == Channel::kNotListed) return;
  Channel* last = channels_.back();
  channels_[channel.list_index] = last;
  last->list_index = channel.list_index;
  channels_.pop_back();
  channel.list_index = Channel::kNotListed;
}

bool ChannelList::begin_turn(const EfaGate& gate, bool open) noexcept {
  if (channels_.empty()) return false;
  const std::uint64_t epoch = gate.epoch();
  if (epoch == epoch_ && open == open_) [[likely]] return false;
  epoch_ = epoch;
  open_ = open;
  bool revoked = false;
  for (Channel* channel : channels_) {
    if (channel->revoked() != Revocation::kNone || channel->sender_gone()) continue;  // its ENIs' slots may be others' now
    if (!open || !allows(gate, *channel)) revoked = channel->revoke(Revocation::kPolicy) || revoked;
  }
  return revoked;
}

bool ChannelList::queue_pair_gone(const QueuePair& queue_pair, bool function_too) noexcept {
  bool any = false;
  for (Channel* channel : channels_) {
    Channel::Ends& ends = channel->ends;
    if (ends.receiver == &queue_pair) {
      any = channel->revoke(Revocation::kReceiverGone) || any;
      ends.receiver = nullptr;
    }
    if (ends.sender == &queue_pair) {
      // The sender of a function that is taken away may live, and must stop.
      if (function_too) any = channel->revoke(Revocation::kPolicy) || any;
      any = channel->lose_sender() || any;
      ends.sender = nullptr;
    }
  }
  return any;
}

}  // namespace weft::efa

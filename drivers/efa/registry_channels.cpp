// The registry's express channels: who may have one, who still holds it, what went over it.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "drivers/efa/channel_list.hpp"
#include "drivers/efa/registry.hpp"

namespace weft::efa {
namespace {

using ChannelKind = SwitchCommand::Kind;

// Answers that one client can be waiting for.
constexpr unsigned kMaxRequests = 64;

// A channel that nothing went over for so long may be taken away for another peer.
constexpr std::uint64_t kIdleNs = 1'000'000'000;

std::uint64_t steady_ns() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
}

void add(Channel::Counts& sum, const Channel::Counts& more) {
  sum.packets += more.packets;
  sum.bytes += more.bytes;
}

}  // namespace

Registry::QueuePairRecord* Registry::find_destination(const QueuePairRecord& sender, const RequestChannel& request) {
  AddressBytes address;
  std::memcpy(address.data(), request.destination, address.size());
  const std::uint32_t vpc = sender.queue_pair->function().declared.vpc;
  for (auto& [key, record] : functions_) {
    const EfaFunction& declared = record.function->declared;
    if (record.leaving || declared.vpc != vpc || declared.address.octets != address) continue;
    const auto found = record.by_qpn.find(request.qpn);
    if (found == record.by_qpn.end() || (request.qkey != 0 && found->second->qkey() != request.qkey)) return nullptr;
    QueuePairRecord& destination = queue_pairs_.at(found->second);
    return destination.ready && (destination.client.features & kFeatureExpress) != 0 ? &destination : nullptr;
  }
  return nullptr;
}

int Registry::may_have_channel(const QueuePairRecord& sender, const QueuePairRecord& receiver) const {
  if (sender.client.uid != receiver.client.uid) return EACCES;
  for (const std::uint32_t id : receiver.inbound) {
    const ChannelRecord& other = channels_.at(id);
    if (other.sender == &sender) return other.answered ? EEXIST : EBUSY;
  }
  if (sender.requests >= kMaxRequests) return EBUSY;
  if (receiver.inbound.size() >= kMaxChannelsIn) return EMFILE;
  if (channels_.size() >= ChannelList::kMaxChannels || last_channel_ == UINT32_MAX) return ENOMEM;
  return 0;
}

// The channel that was used least recently goes, one in a second. Its own sender may ask again.
int Registry::make_room(const QueuePairRecord& receiver) {
  const std::uint64_t now = steady_ns();
  ChannelRecord* idlest = nullptr;
  for (const std::uint32_t id : receiver.inbound) {
    ChannelRecord& record = channels_.at(id);
    if (record.told_revoked) {
      if (now - record.changed_ns < kIdleNs) return EAGAIN;  // its sender needs a moment to let go
      continue;
    }
    const std::uint64_t packets = record.channel->counts().packets;
    if (packets != record.packets_seen) record.packets_seen = packets, record.changed_ns = now;
    if (now - record.changed_ns < kIdleNs || !record.answered) continue;
    if (idlest == nullptr || record.changed_ns < idlest->changed_ns) idlest = &record;
  }
  if (idlest == nullptr) return EMFILE;
  idlest->channel->revoke(Revocation::kPolicy);
  idlest->changed_ns = now;
  tell_ends(*idlest);
  return EAGAIN;
}

int Registry::request_channel(QueuePair* requester, const RequestChannel& request) {
  QueuePairRecord& sender = queue_pairs_.at(requester);
  if (!link_->express.load() || (sender.client.features & kFeatureExpress) == 0) return EACCES;
  QueuePairRecord* const receiver = find_destination(sender, request);
  if (receiver == nullptr) return ENOENT;
  if (const int error = may_have_channel(sender, *receiver); error != 0)
    return error == EMFILE ? make_room(*receiver) : error;
  std::unique_ptr<Channel> channel = Channel::create(last_channel_ + 1, *sender.queue_pair, *receiver->queue_pair);
  if (!channel) return ENOMEM;

  ChannelRecord& record = channels_[++last_channel_];
  record.channel = channel.get();
  record.changed_ns = steady_ns();
  record.sender = &sender;
  record.receiver = receiver;
  record.sender_function = &functions_.at(&sender.queue_pair->function());
  record.receiver_function = &functions_.at(&receiver->queue_pair->function());
  sender.outbound.insert(last_channel_);
  receiver->inbound.insert(last_channel_);
  ++sender.requests;
  link_->channels.emplace(channel.get(), std::move(channel));
  tell(ChannelKind::kAddChannel, record);
  return 0;
}

void Registry::acknowledge_channel(const SwitchCommand& command, News& news) {
  Channel& channel = *command.channel;
  ChannelRecord& record = channels_.at(channel.id());
  --record.unacknowledged;
  if (command.kind == ChannelKind::kAddChannel) {
    record.answered = true;
    if (record.sender != nullptr) {
      --record.sender->requests;
      news.answers.push_back({command.refused ? EACCES : 0, channel.id(), record.sender->queue_pair, channel.receiver()});
    }
    if (command.refused || record.sender == nullptr) drop_channel(channel.id());
  }
  if (!record.leaving || record.unacknowledged != 0) return;
  const Channel::Counts counts = channel.counts();
  if (record.sender_function != nullptr) add(record.sender_function->sent, counts);
  if (record.receiver_function != nullptr) add(record.receiver_function->received, counts);
  channels_.erase(channel.id());
  link_->channels.erase(&channel);
}

Registry::ChannelParties Registry::parties(std::uint32_t id) {
  const auto found = channels_.find(id);
  if (found == channels_.end()) return {};
  const ChannelRecord& record = found->second;
  ChannelParties parties{record.channel, nullptr, nullptr, 0};
  if (record.receiver != nullptr) parties.receiver = record.receiver->queue_pair;
  if (record.sender == nullptr) return parties;
  parties.sender = record.sender->queue_pair;
  parties.sender_pid = record.sender->client.pid;
  return parties;
}

// Of a channel to oneself, both sides are the same queue pair's: the sender's goes first.
bool Registry::release_channel(QueuePair* queue_pair, std::uint32_t id) {
  const auto found = channels_.find(id);
  if (found == channels_.end() || !found->second.answered) return false;
  ChannelRecord& record = found->second;
  const QueuePairRecord* const side = &queue_pairs_.at(queue_pair);
  if (record.sender == side && !record.sender_released) {
    record.sender_released = true;
    if (record.receiver != nullptr) record.receiver->queue_pair->notice();  // it may sleep over `quiesced`
  } else if (record.receiver == side && !record.receiver_released) {
    record.receiver_released = true;
  } else {
    return false;
  }
  remove_if_released(record);
  return true;
}

void Registry::drop_channel(std::uint32_t id) {
  const auto found = channels_.find(id);
  if (found == channels_.end()) return;
  found->second.sender_released = found->second.receiver_released = true;
  remove_if_released(found->second);
}

void Registry::withhold_channel(std::uint32_t id) {
  ChannelRecord& record = channels_.at(id);
  record.channel->lose_sender();
  record.sender_released = true;
  if (record.receiver != nullptr) record.receiver->queue_pair->notice();
  remove_if_released(record);
}

// From here on there may be another channel of the pair, while the worker still knows this one.
void Registry::remove_if_released(ChannelRecord& record) {
  if (!record.sender_released || !record.receiver_released || record.leaving) return;
  record.leaving = true;
  const std::uint32_t id = record.channel->id();
  if (record.sender != nullptr) record.sender->outbound.erase(id);
  if (record.receiver != nullptr) record.receiver->inbound.erase(id);
  tell(ChannelKind::kRemoveChannel, record);
}

// The worker was told of the queue pair first, and will not know it any more when it hears of its channels' removal.
void Registry::leave_channels(QueuePairRecord& record) {
  const std::set<std::uint32_t> outbound = std::move(record.outbound), inbound = std::move(record.inbound);
  record.outbound.clear(), record.inbound.clear();
  for (const std::uint32_t id : outbound) {
    ChannelRecord& channel = channels_.at(id);
    channel.sender = nullptr;
    channel.sender_released = true;
  }
  for (const std::uint32_t id : inbound) {
    ChannelRecord& channel = channels_.at(id);
    channel.receiver = nullptr;
    channel.receiver_released = true;
  }
  for (const std::uint32_t id : outbound) remove_if_released(channels_.at(id));
  for (const std::uint32_t id : inbound) remove_if_released(channels_.at(id));
}

void Registry::forget_function(const FunctionRecord& function) {
  for (auto& [id, record] : channels_) {
    if (record.sender_function == &function) record.sender_function = nullptr;
    if (record.receiver_function == &function) record.receiver_function = nullptr;
  }
}

// What the worker has changed is in the memory: its two clients must look.
void Registry::notice_changes() {
  const std::uint64_t changes = link_->channel_changes.load(std::memory_order_acquire);
  if (changes == channel_changes_) return;
  channel_changes_ = changes;
  for (auto& [id, record] : channels_) tell_ends(record);
}

void Registry::tell_ends(ChannelRecord& record) {
  const bool revoked = record.channel->revoked() != Revocation::kNone, gone = record.channel->sender_gone();
  if (revoked == record.told_revoked && gone == record.told_sender_gone) return;
  record.told_revoked = revoked, record.told_sender_gone = gone;
  if (record.sender != nullptr) record.sender->queue_pair->notice();
  if (record.receiver != nullptr) record.receiver->queue_pair->notice();
}

void Registry::set_express(bool allowed) {
  link_->express.store(allowed);
  eventfd_write(wake_fd_, 1);
}

// A packet over a channel was delivered when it was published: the receiver takes it out whatever happens to the channel.
EfaCounters Registry::with_channels(const FunctionRecord& function) const {
  Channel::Counts sent = function.sent, received = function.received;
  for (const auto& [id, record] : channels_) {
    const Channel::Counts counts = record.channel->counts();
    if (record.sender_function == &function) add(sent, counts);
    if (record.receiver_function == &function) add(received, counts);
  }
  EfaCounters all = function.function->counters.read();
  all.tx_pkts += sent.packets, all.delivered += sent.packets, all.tx_bytes += sent.bytes;
  all.rx_pkts += received.packets, all.rx_bytes += received.bytes;
  return all;
}

}  // namespace weft::efa

// The queue pair's express channels: asked for, granted and offered by records on the socket, let go of when they end.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <new>

#include "fabric/device/queue_pair.hpp"
#include "fabric/device/queue_pair_state.hpp"

namespace weft::device {
namespace {

Address address_of(const std::uint8_t (&ip)[16], std::uint32_t qpn) {
  Address address;
  std::copy(std::begin(ip), std::end(ip), address.ip);
  address.qpn = qpn;
  return address;
}

}  // namespace

bool QueuePair::request_channel(const Address& destination, std::uint32_t destination_qkey) noexcept {
  if (!state_->grants_channels) return false;
  efa::RequestChannel request;
  std::copy(std::begin(destination.ip), std::end(destination.ip), request.destination);
  request.qpn = destination.qpn;
  request.qkey = destination_qkey;
  return send_record(state_->socket.get(), request, efa::MessageType::kRequestChannel, MSG_DONTWAIT) == 0;
}

void QueuePair::take_notices(ChannelEvents& events) noexcept {
  notices_seen_ = header_->notices.load(std::memory_order_acquire);  // first: what comes meanwhile is seen next time
  read_records(events);
  for (std::size_t i = outbound_.size(); i-- > 0;) {
    ChannelSender& channel = *outbound_[i];
    const efa::Revocation reason = channel.revocation();
    if (reason == efa::Revocation::kNone) continue;
    events.on_closing(channel, reason);
    close_channel(channel);
  }
  look_for_ends();
}

void QueuePair::look_for_ends() noexcept {
  channels_end_ = std::ranges::any_of(inbound_, [](const auto& channel) { return channel->ending(); });
}

void QueuePair::read_records(ChannelEvents& events) noexcept {
  try {
    for (;;) {
      Record record;
      if (read_record(state_->socket.get(), MSG_DONTWAIT, record) != 0) return;  // dead() notices the end
      efa::ChannelGranted granted;
      efa::ChannelOffered offered;
      if (record.header().type == efa::MessageType::kChannelGranted && record.read(granted)) {
        adopt_sender(granted, record.descriptors, events);
      } else if (record.header().type == efa::MessageType::kChannelOffered && record.read(offered)) {
        adopt_receiver(offered, std::move(record.descriptors[0]));
      }  // else: a later minor version's news
    }
  } catch (const std::bad_alloc&) {
    // The channel in hand is not adopted: its sender's packets would wait for ever. Better to end here and now.
    broken_ = true;
  }
}

void QueuePair::adopt_sender(const efa::ChannelGranted& granted, FileDescriptor* descriptors, ChannelEvents& events) {
  const Address destination = address_of(granted.destination, granted.qpn);
  int error = static_cast<int>(granted.header.error & 0xfff);  // an errno
  ChannelMemory memory;
  if (error == 0 && !memory.map(descriptors[0].get(), granted.id, &error)) release_channel(granted.id);
  if (error != 0) {
    events.on_refused(destination, granted.qkey, error);
    return;
  }
  outbound_.push_back(
      std::make_unique<ChannelSender>(std::move(memory), std::move(descriptors[1]), destination, granted.qkey));
  events.on_granted(*outbound_.back());
}

void QueuePair::adopt_receiver(const efa::ChannelOffered& offered, FileDescriptor descriptor) {
  const Address source = address_of(offered.source, offered.qpn);
  ChannelMemory memory;
  int error = 0;
  if (!memory.map(descriptor.get(), offered.id, &error)) {
    broken_ = true;  // its sender may publish already, and nobody would ever read it
    return;
  }
  inbound_.push_back(std::make_unique<ChannelReceiver>(std::move(memory), source, offered.qkey, offered.pid));
}

void QueuePair::close_channel(ChannelSender& channel) noexcept {
  const std::uint32_t id = channel.id();
  std::erase_if(outbound_, [&](const auto& candidate) { return candidate.get() == &channel; });
  release_channel(id);
}

ChannelReceiver* QueuePair::channel_from(const Address& source, std::uint32_t source_qkey) noexcept {
  for (const auto& channel : inbound_) {
    if (channel->source_qkey() == source_qkey && channel->source() == source) return channel.get();
  }
  return nullptr;
}

void QueuePair::drop_finished_channels() noexcept {
  for (unsigned i = open_channels_; i-- > 0;) {
    if (!inbound_[i]->finished()) continue;
    release_channel(inbound_[i]->id());
    inbound_.erase(inbound_.begin() + i);
    --open_channels_;
  }
  look_for_ends();
}

/// The daemon keeps the memory until both ends have said this, or are gone.
void QueuePair::release_channel(std::uint32_t id) noexcept {
  efa::ReleaseChannel message;
  message.id = id;
  send_record(state_->socket.get(), message, efa::MessageType::kReleaseChannel, 0);
}

/// True: every sender either sees that we sleep or has published nothing.
bool QueuePair::channels_sleep() noexcept {
  if (inbound_.empty()) return true;
  bool all_fence = true;
  for (const auto& channel : inbound_) {
    channel->note_sleep(wake_ticket_);
    all_fence &= channel->sender_fences();
  }
  return sleep_barrier(all_fence) && std::ranges::all_of(inbound_, [](const auto& channel) { return channel->empty(); });
}

void QueuePair::note_awake() noexcept {
  header_->client_asleep.store(0, std::memory_order_relaxed);
  for (const auto& channel : inbound_) channel->note_awake();
}

}  // namespace weft::device

// Channels past the daemon: when one is asked for, and what their coming and going means for a peer. The packets are those
// that would go through the daemon, with the same numbers, so that going over from one way to the other loses and doubles
// nothing; the receiver restores the order as always. A session begins through the daemon and its channel ends with it.
#include <cerrno>

#include "fabric/rdm/endpoint_impl.hpp"

namespace weft::rdm {

void EndpointImpl::ask_for_channel(Peer& peer) {
  const bool asked = queue_pair_->request_channel(peer.address, peer.qkey);
  peer.until_asked = asked ? 0 : kAskForChannelAfter;  // 0 counts down below zero: not again before the answer
}

void EndpointImpl::on_granted(device::ChannelSender& channel) {
  Peer* const peer = peers_.find(channel.destination());
  // Who was not heard of yet: the daemon says which incarnation it is.
  if (peer && peer->qkey == 0 && !peer->is_former(channel.destination_qkey())) peer->qkey = channel.destination_qkey();
  if (!peer || peer->qkey != channel.destination_qkey() || peer->express) {
    queue_pair_->close_channel(channel);  // for an incarnation of which we have heard the end meanwhile
    return;
  }
  peer->express = &channel;
  peer->direct = options_.direct;
}

void EndpointImpl::on_refused(const device::Address& destination, std::uint32_t /*qkey*/, int error) {
  // EAGAIN: the receiver gives up another one for us.
  if (Peer* const peer = peers_.find(destination))
    peer->until_asked = error == EAGAIN ? kAskForChannelAfter : kAskAgainAfter;
}

void EndpointImpl::on_closing(device::ChannelSender& channel, efa::Revocation reason) {
  Peer* const peer = peers_.find(channel.destination());
  if (!peer || peer->express != &channel) return;
  peer->express = nullptr;
  peer->until_asked = kAskForChannelAfter;
  // Who waits for a peer that is no more would learn it at the next probe, up to a second later.
  if (reason == efa::Revocation::kReceiverGone && (peer->waits_for_peer() || peer->has_work())) probe(*peer);
  if (peer->has_work()) schedule(*peer);  // it may have waited for this channel
}

void EndpointImpl::leave_channel(Peer& peer) {
  peer.until_asked = kAskForChannelAfter;
  if (peer.express) queue_pair_->close_channel(*std::exchange(peer.express, nullptr));
}

/// A packet through the daemon, whose answer tells whether the peer lives.
void EndpointImpl::probe(Peer& peer) {
  peer.probe_due = true;
  owe_credit(peer);
}

}  // namespace weft::rdm

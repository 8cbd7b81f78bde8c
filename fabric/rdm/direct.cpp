// Large data in one copy: where there is a channel, and the kernel lets the processes of one user read each other, a request
// carries addresses instead of data. The receiver, or the target, copies: it knows where the data may go. If it cannot
// reach the sender's memory it says so, and the data comes in packets.
#include "fabric/rdm/direct.hpp"

#include "fabric/rdm/endpoint_impl.hpp"

namespace weft::rdm {

namespace {

/// Below it two copies through a packet are faster than a system call and its answer (bench/fabric.py).
constexpr std::size_t kDirectMin = 4096;
/// The kernel copies less than 2 GiB in a call, and nothing else goes on in this process meanwhile.
constexpr std::size_t kDirectMax = std::size_t{1} << 30;

}  // namespace

bool EndpointImpl::may_be_direct(const Peer& peer, std::size_t length, std::uint32_t flags) const {
  return length >= kDirectMin && length <= kDirectMax && peer.express && peer.direct && (flags & kInject) == 0;
}

/// The channel that says which process the peer is. One that is being closed says so no more.
device::ChannelReceiver* EndpointImpl::direct_channel(const Peer& peer) {
  if (!options_.direct) return nullptr;
  device::ChannelReceiver* const channel = queue_pair_->channel_from(peer.address, peer.qkey);
  return channel && !channel->ending() ? channel : nullptr;
}

/// As much as there is room for, into the receive. False: not possible.
bool EndpointImpl::read_directly(Message& message) {
  if (message.capacity == 0) return true;
  device::ChannelReceiver* const channel = direct_channel(*message.peer);
  if (!channel) return false;
  DirectList to;
  for_each_piece(message.receive->iov.view(), message.place, message.capacity,
                 [&](std::byte* part, std::size_t size) { to.add(part, size); });
  const DirectList from = direct_list({message.direct, message.direct_pieces}, message.capacity);
  return channel->read_sender(to.view(), from.view());
}

/// Target of a write: from the initiator's memory into the region.
RemoteStatus EndpointImpl::write_region_directly(Peer& peer, const RegionTable::Place& place,
                                                 std::span<const DirectPiece> pieces) {
  device::ChannelReceiver* const channel = direct_channel(peer);
  if (!channel) return RemoteStatus::kNotDirect;
  std::size_t size = 0;
  for (const DirectPiece& piece : pieces) size += static_cast<std::size_t>(piece.length);
  DirectList to;
  for_each_piece(place.region->memory.view(), place.offset, size,
                 [&](std::byte* part, std::size_t here) { to.add(part, here); });
  return channel->read_sender(to.view(), direct_list(pieces, size).view()) ? RemoteStatus::kOk
                                                                           : RemoteStatus::kNotDirect;
}

/// Target of a read: from the regions into the initiator's memory. The pieces were looked up before.
RemoteStatus EndpointImpl::read_regions_directly(Peer& peer, std::span<const RemotePiece> remote,
                                                 std::span<const DirectPiece> pieces) {
  device::ChannelReceiver* const channel = direct_channel(peer);
  if (!channel) return RemoteStatus::kNotDirect;
  DirectList from;
  std::size_t total = 0;
  for (const RemotePiece& piece : remote) {
    const RegionTable::Place place = options_.regions->find(piece, kRemoteRead);
    for_each_piece(place.region->memory.view(), place.offset, static_cast<std::size_t>(piece.length),
                   [&](std::byte* part, std::size_t here) { from.add(part, here); });
    total += static_cast<std::size_t>(piece.length);
  }
  return channel->write_sender(from.view(), direct_list(pieces, total).view()) ? RemoteStatus::kOk
                                                                               : RemoteStatus::kNotDirect;
}

}  // namespace weft::rdm

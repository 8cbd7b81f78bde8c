#include "fabric/rdm/peer.hpp"

#include <algorithm>
#include <cstring>

namespace weft::rdm {

namespace {

std::uint64_t hash(const device::Address& address) {
  std::uint64_t high, low;
  std::memcpy(&high, address.ip, 8);
  std::memcpy(&low, address.ip + 8, 8);
  std::uint64_t mixed = (high ^ low * 0x9e3779b97f4a7c15) + address.qpn;
  mixed *= 0xff51afd7ed558ccd;  // MurmurHash3's finaliser
  return mixed ^ (mixed >> 33);
}

}  // namespace

bool Peer::is_former(std::uint32_t key) const {
  return key != 0 && std::find(former_qkeys.begin(), former_qkeys.end(), key) != former_qkeys.end();
}

void Peer::remember_former(std::uint32_t key) {
  if (key == 0 || is_former(key)) return;
  std::rotate(former_qkeys.begin(), former_qkeys.end() - 1, former_qkeys.end());
  former_qkeys[0] = key;
}

Peer* PeerTable::find(const device::Address& address) const {
  if (slots_.empty()) return nullptr;
  for (std::size_t at = hash(address) & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
    if (!slots_[at] || same(slots_[at]->address, address)) return slots_[at];
  }
}

Peer* PeerTable::find_or_add(const device::Address& address) {
  if (Peer* known = find(address)) return known;
  if (peers_.size() >= kMaxPeers) return nullptr;
  peers_.push_back(std::make_unique<Peer>(address));
  if (peers_.size() * 2 > slots_.size()) {
    rehash(std::max<std::size_t>(64, slots_.size() * 2));
  } else {
    std::size_t at = hash(address) & (slots_.size() - 1);
    while (slots_[at]) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = peers_.back().get();
  }
  return peers_.back().get();
}

void PeerTable::rehash(std::size_t slots) {
  slots_.assign(slots, nullptr);
  for (const auto& peer : peers_) {
    std::size_t at = hash(peer->address) & (slots - 1);
    while (slots_[at]) at = (at + 1) & (slots - 1);
    slots_[at] = peer.get();
  }
}

void PeerTable::set_index(PeerIndex index, Peer* peer) {
  if (index >= by_index_.size()) by_index_.resize(index + 1, nullptr);
  clear_index(index);
  by_index_[index] = peer;
  peer->index = index;
}

void PeerTable::clear_index(PeerIndex index) {
  Peer* peer = by_index(index);
  if (!peer) return;
  by_index_[index] = nullptr;
  if (peer->index != index) return;
  // The same address may have been inserted under another index too.
  const auto other = std::find(by_index_.begin(), by_index_.end(), peer);
  peer->index = other == by_index_.end() ? kUnknownPeer : static_cast<PeerIndex>(other - by_index_.begin());
}

}  // namespace weft::rdm

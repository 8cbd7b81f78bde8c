// What an endpoint knows of another endpoint, and where it looks that up. Peers are made by the first packet from an
// address or by set_peer, and live as long as the endpoint: posted receives and messages point to them.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "fabric/rdm/operations.hpp"
#include "fabric/rdm/reorder.hpp"
#include "fabric/rdm/wire.hpp"
#include "fabric/srd/credit.hpp"
#include "fabric/srd/rnr.hpp"

namespace weft::rdm {

/// As operator==, in three comparisons instead of seventeen: for every packet.
inline bool same(const device::Address& a, const device::Address& b) {
  std::uint64_t x[2], y[2];
  std::memcpy(x, a.ip, sizeof(x));
  std::memcpy(y, b.ip, sizeof(y));
  return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (a.qpn ^ b.qpn)) == 0;
}

/// One-sided operations in both directions; made with the first of them.
struct OneSidedTraffic {
  // Ours on the peer's memory.
  List<OneSidedOperation, &OneSidedOperation::hook> queued;     // not completely sent, oldest first
  List<OneSidedOperation, &OneSidedOperation::hook> in_flight;
  std::uint32_t begun = 0;          // a packet of it was sent; at most kMaxOneSided
  std::uint32_t next_number = 0;
  std::uint32_t next_sequence = 0;  // of atomics

  // The peer's on ours.
  struct EarlyAtomic {
    std::uint32_t sequence;
    std::uint32_t size;
    Buffer packet;
  };
  std::uint32_t owed = 0;           // operations that have come and are not answered; at most kMaxOneSided
  std::uint32_t expected_sequence = 0;
  std::vector<DoneEntry> done;      // to be sent
  List<Response, &Response::hook> responses;
  List<PartialWrite, &PartialWrite::hook> partial;  // newest first
  std::vector<EarlyAtomic> early;   // atomics before their turn

  /// The oldest of ours may be sent, or sent further.
  bool may_ask() const { return !queued.empty() && (queued.front()->posted != 0 || begun < kMaxOneSided); }
  bool may_answer() const { return !done.empty() || !responses.empty(); }
  bool waits_for_peer() const {
    return !in_flight.empty() || !queued.empty() || !responses.empty() || !partial.empty() || !early.empty();
  }
};

/// A channel costs the daemon some work and both ends memory: not for a peer that hears from us once.
inline constexpr std::int32_t kAskForChannelAfter = 4;
inline constexpr std::int32_t kAskAgainAfter = 64;  // when it was refused

struct Peer {
  explicit Peer(const device::Address& where) : address(where) {}

  device::Address address;
  PeerIndex index = kUnknownPeer;
  std::uint32_t qkey = 0;   // the incarnation we talk with; 0 until it was heard of
  std::uint32_t epoch = 0;  // counts sessions given up; answers for older packets concern only their operations
  std::uint32_t fresh_epoch = 0;  // since when credits and packet numbers run

  // Towards the peer.
  std::uint8_t session = 0;
  bool established = false;     // a packet of this session was delivered
  bool hold_requests = false;   // the peer has no memory for unexpected messages
  bool credit_due = false;      // the peer should hear of its credit, if need be in a packet of its own
  bool restart_due = false;     // the peer speaks of a session that we do not know
  std::uint8_t unknown_session = 0;
  bool credit_asked = false;    // the next credit asks for the peer's
  std::uint32_t headers = 0;    // written, since fresh_epoch
  std::uint32_t next_message = 0;
  std::uint32_t sends = 0;      // operations alive
  device::ChannelSender* express = nullptr;  // packets go this way, past the daemon
  std::int32_t until_asked = kAskForChannelAfter;  // packets through the daemon before a channel is asked for
  std::uint32_t with_daemon = 0;  // packets that cost a credit and may still arrive; while there are any, none is published
  bool direct = false;          // with `express`: the peer seems to reach our memory
  bool probe_due = false;       // the next credit goes through the daemon, which knows whether the peer lives
  srd::SendCredit send_credit;
  srd::RnrBackoff rnr;
  Hook<Peer> ready;             // has something to send, and may
  Hook<Peer> backing_off;       // waits for the end of an RNR delay
  List<SendOperation, &SendOperation::hook> requests, streaming, waiting;
  List<Message, &Message::control> controls;
  std::unique_ptr<OneSidedTraffic> one_sided;
  std::unique_ptr<Wire> wire;   // both directions

  // From the peer.
  bool session_known = false;
  bool told_to_hold = false;    // the peer will start no new message
  std::uint8_t peer_session = 0;
  std::uint16_t since_told = 0;  // request packets that came nevertheless; some were under way
  std::uint32_t newest_header = 0;
  std::uint32_t expected_message = 0;
  std::uint32_t share_round = 0;
  srd::ReceiveCredit receive_credit;
  List<Message, &Message::incomplete> incomplete;
  std::unique_ptr<ReorderWindow> early;
  std::array<std::uint32_t, 4> former_qkeys{};  // packets of these incarnations are late

  bool has_work() const {
    return has_lost() || !controls.empty() || !streaming.empty() || !requests.empty() || credit_due || restart_due ||
           (one_sided && (one_sided->may_ask() || one_sided->may_answer()));
  }
  bool has_lost() const { return wire && wire->send.has_lost(); }
  /// The transport lets a new packet go.
  bool has_room() const { return !wire || (!wire->send.has_lost() && wire->send.room()); }
  /// What would never end if the peer died silently: an answer that is to come, or a credit without which nothing leaves.
  bool waits_for_peer() const {
    return !waiting.empty() || !incomplete.empty() || !requests.empty() || !streaming.empty() || !controls.empty() ||
           (one_sided && one_sided->waits_for_peer());
  }
  OneSidedTraffic& traffic() {
    if (!one_sided) one_sided = std::make_unique<OneSidedTraffic>();
    return *one_sided;
  }
  /// Has a channel, but there is something on the other way: what is published now could come long before it, and a receiver
  /// keeps only so much that comes early (ReorderWindow). A posting call goes the old way then; what is queued waits.
  bool changing_over() const { return express && with_daemon != 0; }
  bool is_former(std::uint32_t key) const;
  void remember_former(std::uint32_t key);
};
static_assert(sizeof(Peer) <= 512, "DESIGN D7: at most 512 bytes for an idle peer");

class PeerTable {
 public:
  /// More senders than this are turned away: they would only be strangers inventing addresses.
  static constexpr std::size_t kMaxPeers = 1u << 20;

  Peer* find(const device::Address& address) const;
  /// Null when the table is full.
  Peer* find_or_add(const device::Address& address);

  Peer* by_index(PeerIndex index) const { return index < by_index_.size() ? by_index_[index] : nullptr; }
  void set_index(PeerIndex index, Peer* peer);
  void clear_index(PeerIndex index);

  const std::vector<std::unique_ptr<Peer>>& all() const { return peers_; }

 private:
  void rehash(std::size_t slots);

  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<Peer*> slots_;  // open addressing, a power of two
  std::vector<Peer*> by_index_;
};

}  // namespace weft::rdm

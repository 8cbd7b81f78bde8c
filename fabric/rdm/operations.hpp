// What is going on: sends, posted receives, messages that are arriving, packets to be sent again.
#pragma once

#include <cstddef>
#include <cstdint>

#include "fabric/rdm/buffer_pool.hpp"
#include "fabric/rdm/endpoint.hpp"
#include "fabric/rdm/intrusive.hpp"
#include "fabric/rdm/iov.hpp"
#include "fabric/rdm/packet_format.hpp"

namespace weft::rdm {

struct Peer;

/// A send from the posting call until the daemon has answered for its last packet.
struct SendOperation {
  /// Which of the peer's lists the operation is in.
  enum class Place : std::uint8_t {
    kNowhere,    // all is with the daemon
    kRequests,   // its request is not (completely) sent
    kStreaming,  // long: the peer's window lets us send data
    kWaiting,    // for the peer: a window or a receipt
  };

  Hook<SendOperation> hook;
  std::uint32_t id = 0;
  bool live = false;
  bool reported = false;      // the sink knows, or must not
  bool needs_receipt = false;
  bool cleared = false;       // long: a CTS has come, `wanted` is valid
  bool direct = false;        // long: the receiver reads our memory; its receipt is the end
  Place place = Place::kNowhere;
  PacketType type = PacketType::kEagerMessage;

  Peer* peer = nullptr;
  void* context = nullptr;
  std::uint32_t flags = 0;
  std::uint32_t message = 0;
  std::uint32_t unanswered = 0;  // packets whose fate the daemon has not told
  std::uint32_t receiver_operation = 0;
  std::uint64_t tag = 0;
  std::uint64_t remote_data = 0;
  std::size_t length = 0;
  std::size_t posted = 0;  // bytes handed to the daemon
  std::size_t window_end = 0;
  std::size_t wanted = 0;  // bytes the receiver has room for; `length` until a CTS says less
  std::uint64_t since_ns = 0;
  IovList iov;
  Buffer copy;  // of injected data that had to wait; `iov` then points here

  bool is_long() const { return type == PacketType::kLongCtsMessage || type == PacketType::kLongCtsTagged; }
  void reset() {
    const std::uint32_t own_id = id;
    // Not `*this = {}`: that would clear four unused iov pieces on the shortest path.
    place = Place::kNowhere;
    id = own_id;
    reported = needs_receipt = cleared = direct = false;
    unanswered = 0;
    posted = window_end = 0;
    peer = nullptr;
  }
};

/// A posted receive. A multi-receive stays posted while messages are put behind each other into it.
struct ReceiveOperation {
  Hook<ReceiveOperation> order;  // all that are posted, oldest first
  Hook<ReceiveOperation> bin;    // those of one key, or those with wildcards
  std::uint32_t id = 0;
  bool live = false;
  bool posted = false;
  bool in_wildcards = false;
  bool exhausted = false;  // takes no more messages
  bool canceled = false;

  Peer* source = nullptr;  // null: any
  std::uint64_t tag = 0;
  std::uint64_t ignore = 0;
  std::uint64_t sequence = 0;  // of posting: arbitrates between bins
  void* context = nullptr;
  std::uint32_t flags = 0;
  std::uint32_t active = 0;    // messages that are arriving into it
  std::size_t capacity = 0;
  std::size_t used = 0;        // multi-receive
  std::uint64_t since_ns = 0;
  IovList iov;

  bool is_multi() const { return (flags & kMultiReceive) != 0; }
  void reset() {
    posted = in_wildcards = exhausted = canceled = false;
    active = 0;
    used = 0;
    source = nullptr;
  }
};

/// A message that could not be delivered in one go: unexpected, early, or of several packets.
struct Message {
  enum class Stage : std::uint8_t {
    kEarly,       // its turn in the sequence has not come
    kUnexpected,  // nobody has asked for it yet
    kClaimed,     // a peek has taken it, claim() will come
    kMatched,     // `receive` takes it (null: it is thrown away)
    kFinished,    // delivered; only its receipt or last CTS is still to be sent
  };

  Hook<Message> order;       // unexpected or claimed: oldest first
  Hook<Message> bin;         // unexpected of one key
  Hook<Message> incomplete;  // the peer's, while data is missing
  Hook<Message> control;     // the peer's, while a CTS or receipt is to be sent
  std::uint32_t id = 0;
  bool live = false;
  bool cts_due = false;
  bool receipt_due = false;
  bool peer_gone = false;    // claimed, and the rest will not come
  Stage stage = Stage::kEarly;
  PacketType type = PacketType::kEagerMessage;
  std::uint16_t options = 0;

  Peer* peer = nullptr;
  std::uint32_t message = 0;
  std::uint32_t sender_operation = 0;
  std::uint64_t tag = 0;
  std::uint64_t remote_data = 0;
  std::uint64_t total = 0;
  std::size_t received = 0;    // bytes, wherever they are
  std::size_t held = 0;        // of them in `data`
  std::size_t window_end = 0;  // long: granted
  std::uint64_t since_ns = 0;
  Buffer data;
  std::uint8_t direct_pieces = 0;  // long: where the sender's data is, if it may be read there
  DirectPiece direct[kMaxIov] = {};

  ReceiveOperation* receive = nullptr;
  std::size_t place = 0;     // where the message starts in the receive's buffer
  std::size_t capacity = 0;  // bytes that fit there
  void* claim_context = nullptr;

  bool is_long() const { return type == PacketType::kLongCtsMessage || type == PacketType::kLongCtsTagged; }
  bool is_medium() const { return type == PacketType::kMediumMessage || type == PacketType::kMediumTagged; }
  bool tagged() const { return is_tagged(type); }
  void reset() {
    const std::uint32_t own_id = id;
    *this = Message{};
    id = own_id;
  }
};

/// A read, write or atomic operation on a peer's memory, from the posting call until the target's answer.
struct OneSidedOperation {
  Hook<OneSidedOperation> hook;
  std::uint32_t id = 0;
  bool live = false;
  bool in_flight = false;      // all of its request is sent
  bool direct = false;         // the target reads from or writes to our memory
  OneSided kind = OneSided::kNone;
  AtomicOp op{};
  AtomicType type{};
  std::uint8_t pieces = 0;

  Peer* peer = nullptr;
  void* context = nullptr;
  std::uint32_t flags = 0;
  std::uint32_t number = 0;
  std::uint64_t remote_data = 0;
  std::size_t length = 0;      // bytes of remote memory
  std::size_t posted = 0;      // write: bytes handed to the daemon
  std::size_t received = 0;    // read: bytes that have come
  std::uint64_t since_ns = 0;
  RemotePiece remote[kMaxIov];
  IovList local;               // write: from; read: to
  IovList result;              // of atomics
  Buffer copy;                 // injected data that had to wait; operands and comparands of atomics that had to

  bool is_atomic() const { return kind >= OneSided::kAtomic; }
  void reset() {
    in_flight = direct = false;
    posted = received = 0;
    peer = nullptr;
  }
};

/// What a target sends back: the data of a read, or what was there before an atomic.
struct Response {
  Hook<Response> hook;
  std::uint32_t id = 0;
  bool live = false;
  std::uint8_t pieces = 0;
  std::uint32_t operation = 0;  // the initiator's
  std::uint32_t number = 0;
  std::size_t total = 0;
  std::size_t sent = 0;
  RemotePiece remote[kMaxIov];  // of a read
  Buffer result;                // of an atomic
  void reset() {
    pieces = 0;
    sent = 0;
  }
};

/// A write of several packets that is arriving.
struct PartialWrite {
  Hook<PartialWrite> hook;
  std::uint32_t id = 0;
  bool live = false;
  std::uint32_t number = 0;
  std::uint64_t total = 0;
  std::uint64_t received = 0;
  RemoteStatus status = RemoteStatus::kOk;  // of the first packet that failed
  void reset() {
    received = 0;
    status = RemoteStatus::kOk;
  }
};

/// A packet that may have to be sent again: the daemon refused it with RNR, or it crosses the fabric.
struct Kept {
  std::uint32_t id = 0;
  bool live = false;
  SendOperation* operation = nullptr;
  std::uint32_t epoch = 0;  // the peer's, when it was posted
  std::uint32_t psn = 0;
  std::uint32_t size = 0;
  Buffer packet;
  void reset() { operation = nullptr; }
};

}  // namespace weft::rdm

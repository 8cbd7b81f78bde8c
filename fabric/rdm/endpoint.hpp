// A reliable datagram endpoint: libfabric's FI_EP_RDM semantics without libfabric's types. Tag and source matching,
// order per pair of endpoints (FI_ORDER_SAS), messages of any size, unexpected messages, peek and claim, cancel,
// multi-recv, completion levels; reads, writes and atomic operations on the memory of peers. fabric/provider wraps it in
// libfabric objects.
//
// Thread: one at a time; the caller locks (per endpoint). Nothing here sleeps or makes threads. Completions are
// reported from inside progress() and from inside the posting calls, through the CompletionSink.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "fabric/device/queue_pair.hpp"
#include "fabric/rdm/atomic.hpp"
#include "fabric/srd/settings.hpp"

namespace weft::rdm {

class RegionTable;

/// Index of a peer in the provider's address vector; the provider keeps it stable while the address is inserted.
using PeerIndex = std::uint32_t;
inline constexpr PeerIndex kAnyPeer = 0xffffffff;
inline constexpr PeerIndex kUnknownPeer = 0xfffffffe;  // a message from an address that nobody inserted

inline constexpr std::size_t kInjectSize = 4096;  // FI inject_size (facts fabric 8)
inline constexpr std::size_t kMaxIov = 4;        // pieces of a buffer, local or remote
inline constexpr std::size_t kMaxAtomic = 4096;  // bytes of one atomic operation: with its comparand it fits one packet

enum class Status : std::uint8_t {
  kOk,
  kCanceled,        // FI_ECANCELED
  kTruncated,       // FI_ETRUNC: the message was longer than the buffer
  kNoMessage,       // FI_ENOMSG: a peek found nothing
  kUnreachable,     // FI_EHOSTUNREACH: groups, zone or address say no
  kPeerGone,        // FI_ENOTCONN: the destination queue pair does not exist any more
  kDeviceGone,      // FI_ENETDOWN: the daemon or the function went away
  kInternal,        // FI_EOTHER: a protocol violation by the peer
  kBadKey,          // FI_ENOKEY: the target has no region with this key (any more)
  kBadAddress,      // FI_EFAULT: outside the target's region
  kNoAccess,        // FI_EACCES: the target's region does not allow it
  kBadAtomic,       // FI_EOPNOTSUPP: the target does not know this operation on this type
};

/// Operations that the target's process does not take part in (other than by making progress).
enum class OneSided : std::uint8_t { kNone, kRead, kWrite, kAtomic, kFetchAtomic, kCompareAtomic };

enum OperationFlags : std::uint32_t {
  kTagged = 1u << 0,
  kCompletion = 1u << 1,        // report success to the sink; failures are always reported
  kInject = 1u << 2,            // the buffer is the caller's again on return; size <= kInjectSize
  kDeliveryComplete = 1u << 3,  // complete when the data is in the receiver's buffer
  kRemoteData = 1u << 4,        // `data` travels with the message
  kMultiReceive = 1u << 5,
  kCountOnly = 1u << 6,         // provider's use: carried into Completion::flags
};

struct Completion {
  void* context = nullptr;
  std::uint32_t flags = 0;       // the operation's flags
  bool is_send = false;
  bool buffer_released = false;  // multi-recv: the buffer is the caller's again (FI_MULTI_RECV)
  bool has_remote_data = false;
  OneSided one_sided = OneSided::kNone;  // then is_send too, except where is_remote
  bool is_remote = false;        // a peer's read, write or atomic on our memory; reported when it is complete
  bool is_claimable = false;     // answer to a peek with claim: claim() will take this message
  Status status = Status::kOk;
  int device_status = 0;         // efa::SendStatus of a failed send
  efa::SendHint hint = efa::SendHint::kNone;  // of a failure
  std::size_t length = 0;        // bytes placed
  std::size_t overflow = 0;      // kTruncated: bytes that did not fit
  void* buffer = nullptr;        // multi-recv: where this message starts
  std::uint64_t tag = 0;
  std::uint64_t remote_data = 0;
  PeerIndex source = kUnknownPeer;
  device::Address source_address;  // always set on receives
  void* region = nullptr;        // is_remote: Region::owner of the (last) region
};

class CompletionSink {
 public:
  virtual void on_completion(const Completion& completion) = 0;
  /// The daemon or the function went away; after the completions of what was under way. Once.
  virtual void on_device_gone() {}

 protected:
  ~CompletionSink() = default;
};

struct SendRequest {
  PeerIndex peer = 0;
  std::span<const iovec> iov;
  std::uint64_t tag = 0;
  std::uint64_t remote_data = 0;
  void* context = nullptr;
  std::uint32_t flags = 0;
};

struct ReceiveRequest {
  PeerIndex source = kAnyPeer;  // other than kAnyPeer: directed receive
  std::span<const iovec> iov;
  std::uint64_t tag = 0;
  std::uint64_t ignore = 0;     // bits of the tag that need not match
  void* context = nullptr;
  std::uint32_t flags = 0;
};

/// A part of a peer's memory, as the peer names it.
struct RemotePiece {
  std::uint64_t address = 0;
  std::uint64_t length = 0;  // bytes
  std::uint64_t key = 0;
};

struct OneSidedRequest {
  PeerIndex peer = 0;
  OneSided kind = OneSided::kNone;
  std::span<const iovec> local;    // what is written, or the operands; what a read fills. Empty: AtomicOp::kRead
  std::span<const RemotePiece> remote;
  std::span<const iovec> compare;  // kCompareAtomic
  std::span<const iovec> result;   // kFetchAtomic, kCompareAtomic
  AtomicOp op{};
  AtomicType type{};
  std::uint64_t remote_data = 0;   // with kRemoteData, not for reads: reported at the target
  void* context = nullptr;
  std::uint32_t flags = 0;
};

enum class PeekMode { kPeek, kPeekAndClaim, kPeekAndDiscard };

struct EndpointOptions {
  std::size_t transmit_queue = 1024;      // sends in flight before EAGAIN
  std::size_t receive_queue = 65536;      // receives posted before EAGAIN
  std::size_t min_multi_receive = 64;     // FI_OPT_MIN_MULTI_RECV
  std::size_t unexpected_bytes = 64u << 20;  // copies of messages nobody asked for; beyond it senders must hold theirs
  const RegionTable* regions = nullptr;      // what peers may reach; null: nothing
  std::uint32_t receive_buffers = 256;       // of the queue pair: shared among the senders as credits
  bool express = false;  // ask for channels past the daemon to peers that hear from us often (DESIGN D8)
  bool direct = false;   // with a channel: large data in one copy, where the kernel lets processes read each other
  srd::TransportSettings transport = srd::virtual_machine();  // for what crosses an impaired fabric
};

/// What an endpoint has done, for tests and statistics.
struct EndpointCounters {
  std::uint64_t packets_sent = 0;
  std::uint64_t packets_received = 0;
  std::uint64_t packets_dropped = 0;  // malformed, out of sequence, or of a former incarnation
  std::uint64_t packets_resent = 0;   // after RNR, or because the fabric lost them
  std::uint64_t acknowledgements = 0;  // sent, of what came over the fabric
  std::uint64_t credit_packets = 0;   // sent only to say a credit
  std::uint64_t express_packets = 0;  // of packets_sent: through a channel, past the daemon
  std::uint64_t unexpected_bytes = 0;       // held now
  std::uint64_t unexpected_bytes_peak = 0;
};

class Endpoint {
 public:
  /// The queue pair must be open; the sink must outlive the endpoint.
  static std::unique_ptr<Endpoint> create(std::unique_ptr<device::QueuePair> queue_pair, const EndpointOptions& options,
                                          CompletionSink* sink);
  virtual ~Endpoint() = default;

  /// Address vector: `peer` now means this address. Messages that came before from it get this index from now on.
  virtual void set_peer(PeerIndex peer, const device::Address& address) = 0;
  virtual void remove_peer(PeerIndex peer) = 0;

  /// 0, or -EAGAIN (call progress() and try again: no other thread is needed to make room), -EMSGSIZE, -EINVAL,
  /// -ENETDOWN.
  virtual int send(const SendRequest& request) = 0;
  virtual int receive(const ReceiveRequest& request) = 0;

  /// Read, write or atomic operation on a peer's memory. Errors as send(); -EINVAL also for lengths that do not agree.
  /// Complete when the target has said so: the data is in its memory, which is FI_DELIVERY_COMPLETE. Atomic operations
  /// of one endpoint on one peer happen in the order they were posted; reads and writes in any.
  virtual int one_sided(const OneSidedRequest& request) = 0;

  /// Answers through the sink at once or, for a message still arriving, when it is known: kOk with length, tag, source
  /// and data, or kNoMessage.
  virtual int peek(const ReceiveRequest& request, PeekMode mode) = 0;
  /// Receives (or, with discard, drops) the message that an earlier peek-and-claim with this context took.
  virtual int claim(const ReceiveRequest& request, bool discard) = 0;

  /// Cancels one posted receive with this context: true when found; the sink gets kCanceled.
  virtual bool cancel(void* context, bool tagged) = 0;

  virtual void set_min_multi_receive(std::size_t bytes) = 0;

  /// Moves everything that can move. Returns how many packets were handled; 0 means idle.
  virtual unsigned progress() = 0;

  /// True when nothing of ours is in flight: what close waits for, bounded (DESIGN D7).
  virtual bool drained() const = 0;

  /// Before an endpoint is destroyed whose process knows that it has heard of everything, and not in a forked child: tells
  /// peers beyond a fabric that loses what has come from them, for nobody will be there to say it again.
  virtual void say_last_words() = 0;

  /// Before sleeping on the queue pair's descriptor: call progress() again after so many milliseconds even if nothing
  /// comes (an RNR delay ends, a silent peer is to be probed). -1: no need.
  virtual int wait_limit_ms() const = 0;

  /// Operations of ours towards this peer that are not complete; 0 for an index that was not set.
  virtual std::uint32_t outstanding(PeerIndex peer) const = 0;

  virtual EndpointCounters counters() const = 0;

  /// Appends a line for each operation that is not over: with whom, how much, what it waits for, since when. The time is
  /// that of the last look around before it was posted, hence "at most". And one for each peer to whom packets are on the
  /// fabric, or were lost there.
  virtual void dump(std::string& text) = 0;

  virtual device::QueuePair& queue_pair() = 0;
};

}  // namespace weft::rdm

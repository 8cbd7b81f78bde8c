// The ABI of the EFA function: the one header that the daemon's device (drivers/efa) and its clients (fabric/device)
// share. Versioned; no dependency but the C++ library. docs/efa-abi.md explains it with a picture.
//
// A client connects to the function server's SOCK_SEQPACKET socket: abstract name "\0weft-efa" in the instance's
// network namespace, or <runtime>/efa/<instance>.sock where there are no namespaces (DESIGN D9). It says Hello, gets
// the list of functions of its instance, and may then make ONE queue pair on the connection; closing the connection
// destroys it. CreateQpReply carries three descriptors by SCM_RIGHTS: a memfd of `QueueHeader::total_size` bytes that
// the daemon made and sealed, the doorbell eventfd (client writes), and the arrival pipe's reading end (daemon writes;
// a pipe, because its two ends have flags of their own and a client must not be able to make the daemon's write block).
//
// Memory:  QueueHeader | SendEntry[sq_depth] | SendStatus[sq_depth] | ReceiveEntry[cq_depth] | u32 rq[rq_depth]
//          | transmit buffers [tx_buffers x buffer_stride] | receive buffers [rx_buffers x buffer_stride]
//
// Rules. Depths are powers of two. Indices are free-running 32-bit counters, masked to index. An entry is published by
// storing its `sequence` (index + 1) last, with release; the reader polls that word with acquire, so a message crosses
// without a shared index. Each side keeps its own indices privately and never reads back what it published. The daemon
// copies an entry once into private memory and only then validates it; nothing a client can write makes it read or
// write outside that client's memory.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace weft::efa {

inline constexpr std::uint64_t kMagic = 0x3141464554464557;  // "WEFTEFA1" little endian
inline constexpr std::uint16_t kAbiMajor = 1;                // differs: refuse
inline constexpr std::uint16_t kAbiMinor = 3;                // differs: the lower one's features
inline constexpr std::uint64_t kFeatureExpress = 1;          // Hello, HelloReply: express channels (below)
inline constexpr std::uint64_t kFeatureFabric = 2;           // the client's transport recovers what a fabric loses. Packets
                                                             // between two that have it may cross the emulated fabric
inline constexpr char kSocketName[] = "weft-efa";
inline constexpr std::uint32_t kMtu = 8928;           // payload of one packet, as EFA's (facts ec2 6.3)
inline constexpr std::uint32_t kBufferStride = 9216;  // a buffer, cache-line aligned, with room for growth
inline constexpr std::uint32_t kInlineBytes = 88;     // what an entry of two cache lines carries itself
inline constexpr std::uint32_t kNoBuffer = 0xffffffff;
inline constexpr unsigned kMaxFunctions = 8;

// What a client may ask for; the daemon clamps to these, and rounds down to powers of two.
inline constexpr std::uint32_t kMaxSqDepth = 4096, kMaxCqDepth = 8192, kMaxBuffers = 4096;
inline constexpr std::uint32_t kMaxQueuePairs = 256;  // per function, EFA's ep_cnt (facts ec2 6.3)

/// Completion status of a sent packet: EFA's numbers (facts ec2 6.4).
enum class SendStatus : std::uint8_t {
  kOk = 0,
  kFlushed = 1,
  kLocalQpInternalError = 2,
  kLocalUnsupportedOp = 3,
  kLocalInvalidAh = 4,
  kLocalInvalidLkey = 5,
  kLocalBadLength = 6,
  kRemoteBadDestQpn = 9,
  kRemoteRnr = 10,
  kLocalUnrespRemote = 13,  // never the daemon's word: only the peer's side of a conversation knows that there was one
  kLocalUnreachRemote = 15,
};

/// Why, for people: EFA's status has no word for most of it. In the high four bits of a packet's status byte.
enum class SendHint : std::uint8_t {
  kNone = 0,
  kGroupEgress = 1,    // the sender's groups do not let it send to the peer's
  kGroupIngress = 2,   // the peer's groups do not let it receive from the sender's
  kNoSuchAddress = 3,  // no EFA function of this VPC has the address
  kElsewhere = 4,      // another availability zone
  kNoSuchQueuePair = 5,
  kOtherProcess = 6,   // the queue pair number is another process's now
  kOnWire = 7,         // with kOk: it crosses the emulated fabric, and only the peer can say that it came (decision 10)
};
inline constexpr unsigned kStatusBits = 4;

/// One packet to send. Written by the client, two cache lines.
struct alignas(64) SendEntry {
  std::atomic<std::uint32_t> sequence;  // index + 1, stored last
  std::uint32_t length;                 // payload bytes, at most kMtu
  std::uint32_t buffer;                 // transmit buffer, or kNoBuffer: the payload is inline
  std::uint32_t destination_qpn;
  std::uint8_t destination[16];         // the peer ENI's address, IPv4 as ::ffff:a.b.c.d
  std::uint32_t destination_qkey;       // 0: any incarnation of that queue pair; else it must match
  std::uint8_t path;                    // which of the ways through the fabric, modulo how many there are
  std::uint8_t flags;                   // SendFlags
  std::uint16_t reserved;
  std::byte inline_data[kInlineBytes];
};
static_assert(sizeof(SendEntry) == 128);

enum SendFlags : std::uint8_t {
  kAskProgress = 1,  // goes nowhere: the card answers with a ProgressReport of that destination, or with kRemoteRnr when
                     // the asker's own queue has no room for it. With kFeatureFabric only.
};

/// One packet received. Written by the daemon; the source is the daemon's word, not the sender's.
struct alignas(64) ReceiveEntry {
  std::atomic<std::uint32_t> sequence;  // index + 1, stored last
  std::uint16_t length;
  std::uint16_t flags;                  // ReceiveFlags; 0 to a client without kFeatureFabric
  std::uint32_t buffer;                 // receive buffer, now the client's until posted again, or kNoBuffer
  std::uint32_t source_qpn;
  std::uint8_t source[16];
  std::uint32_t source_qkey;            // which incarnation of the source queue pair
  std::uint32_t delivered_ns;           // low 32 bits of the daemon's monotonic clock at delivery
  std::byte inline_data[kInlineBytes];
};
static_assert(sizeof(ReceiveEntry) == 128);

enum ReceiveFlags : std::uint16_t {
  kOverFabric = 1,      // its sender was told kOnWire: it waits for the peer's acknowledgement
  kCongested = 2,       // marked on its way (ECN)
  kProgressReport = 4,  // the card's answer to kAskProgress: no packet, a ProgressReport; the source is who was asked about
};

/// How far a queue pair is with what was delivered to it: whether who is silent is busy or lost.
struct ProgressReport {
  std::uint32_t delivered;  // packets put into its queue, ever
  std::uint32_t consumed;   // of those, read, as its client last said
  std::uint32_t alive;      // 0: there is no such queue pair, or it is another process's now
  std::uint32_t reserved;
};
static_assert(sizeof(ProgressReport) <= kInlineBytes);

/// What only the client can count. Reads and writes of memory are packets like others to the daemon: EFA's counter names
/// (facts ec2 6.6), and the packets that carried them, which are not sends. And what its transport does where packets cross
/// the emulated fabric: the daemon does not know which of them it has seen before.
enum class ClientCounter : unsigned {
  kReadWrs,
  kReadBytes,
  kReadWrErr,
  kReadRespBytes,
  kWriteWrs,
  kWriteBytes,
  kWriteWrErr,
  kWriteRecvBytes,
  kRdmaTxPkts,
  kRdmaTxBytes,
  kRdmaRxPkts,
  kRdmaRxBytes,
  kRetransPkts,
  kRetransBytes,
  kRetransTimeoutEvents,
  kUnresponsiveRemoteEvents,
  kImpairedRemoteConnEvents,
};
inline constexpr unsigned kClientCounters = 17;

/// What a client has measured of the ways to one peer across the emulated fabric: its word, for statistics. Written now and
/// then, and not at all where nothing is impaired. `version` is odd while it is written, 0 before it ever was.
struct alignas(32) PeerRoundTrips {
  std::atomic<std::uint32_t> version;
  std::uint32_t reserved;
  std::atomic<std::uint64_t> peer[2];               // the address as in SendEntry, its bytes as they lie in memory
  std::atomic<std::uint32_t> path_ns[16];           // smoothed, without the time in the peer's ring; 0: not known
};
inline constexpr unsigned kTimedPeers = 8;          // the client's choice which; with more, they take turns
inline constexpr unsigned kTimedPaths = 16;

struct QueueHeader {
  // Fixed by the daemon before the client sees it.
  alignas(64) std::uint64_t magic;
  std::uint16_t major, minor;
  std::uint32_t header_size;  // sizeof(QueueHeader)
  std::uint64_t total_size;
  std::uint64_t features;
  std::uint64_t daemon_epoch;  // differs after a restart of the daemon
  std::uint32_t generation;    // of this queue pair number
  std::uint32_t qpn, qkey;     // the key is random and names this incarnation
  std::uint32_t sq_depth, cq_depth, rq_depth, tx_buffers, rx_buffers, buffer_stride, mtu;
  std::uint64_t sq_offset, status_offset, cq_offset, rq_offset, tx_offset, rx_offset;

  // Written by the daemon.
  alignas(64) std::atomic<std::uint32_t> sq_head;  // entries before it are done; their SendStatus is written
  std::atomic<std::uint32_t> sq_errors;            // how many of those are not 0, hint and all: unchanged, no need to look
  alignas(64) std::atomic<std::uint32_t> rq_head;  // posted receive buffers taken
  alignas(64) std::atomic<std::uint64_t> delivered;      // packets put into this queue pair, ever
  std::atomic<std::uint32_t> closed;                     // 1: the function is gone, nothing will move again
  alignas(64) std::atomic<std::uint32_t> daemon_asleep;  // 1: after publishing, write the doorbell eventfd
  std::atomic<std::uint32_t> notices;                    // counts up: a record waits on the socket, or a channel of this
                                                         // queue pair was revoked, let go by its sender or lost it: look

  // Written by the client.
  alignas(64) std::atomic<std::uint32_t> rq_tail;        // receive buffers posted
  alignas(64) std::atomic<std::uint32_t> cq_head;        // receive entries consumed
  alignas(64) std::atomic<std::uint32_t> client_asleep;  // not 0: after a delivery or completion, write the arrival
                                                         // pipe, once for each value; another value at each sleep
  alignas(64) std::atomic<std::uint64_t> counts[kClientCounters];  // by ClientCounter, since the queue pair was made: for
                                                                   // statistics, the client's word on itself
  alignas(64) PeerRoundTrips round_trips[kTimedPeers];             // from minor version 3 on
};
static_assert(sizeof(QueueHeader) <= 4096);

// ---- express channels (DESIGN D8, docs/efa-abi.md) ----
//
// One direction between two queue pairs of this host and one uid: memory that both map, in which the sender publishes
// packets and the receiver finds them, while the daemon sleeps. The daemon made it after it asked the same gates, and
// takes it back by `revoked`; who the sender is, is what the daemon told the receiver, never what a slot says.
//
// Memory:  ChannelHeader | ChannelSlot[slots] | buffers [buffers x buffer_stride]
//
// Sender:    for each packet: is `revoked` 0? Then fill the slot (and a buffer), store `sequence` last. Once it is not:
//            store `quiesced`, publish nothing any more, and let go of the memory. What was published stays delivered.
// Receiver:  polls the next slot's `sequence`. Lets go when `quiesced` or `sender_gone` was seen and the next slot,
//            looked at again after that, is empty. So nothing is lost and nothing comes twice.

inline constexpr std::uint64_t kChannelMagic = 0x314e484354464557;  // "WEFTCHN1" little endian
inline constexpr std::uint32_t kChannelSlots = 64;                  // no more than a window of credits fills
inline constexpr std::uint32_t kChannelBuffers = 64;
inline constexpr std::uint32_t kChannelInlineBytes = 120;
inline constexpr std::uint16_t kNoChannelBuffer = 0xffff;
inline constexpr unsigned kMaxChannelsIn = 32;  // of one receiving queue pair; others' packets go through the daemon

/// One packet. Up to 56 bytes of it are in the first cache line.
struct alignas(64) ChannelSlot {
  std::atomic<std::uint32_t> sequence;  // index + 1, stored last
  std::uint16_t length;                 // bytes of the packet, at most kMtu
  std::uint16_t buffer;                 // where they are, or kNoChannelBuffer: here
  std::byte inline_data[kChannelInlineBytes];
};
static_assert(sizeof(ChannelSlot) == 128);

enum class Revocation : std::uint32_t {
  kNone = 0,
  kPolicy = 1,        // a gate refuses, or something else must see the packets: go through the daemon
  kReceiverGone = 2,  // the receiving queue pair is no more
};

struct ChannelHeader {
  // Fixed by the daemon before anybody sees it.
  alignas(64) std::uint64_t magic;
  std::uint16_t major, minor;
  std::uint32_t header_size;  // sizeof(ChannelHeader)
  std::uint64_t total_size;
  std::uint32_t id;           // of this channel; never used twice by one daemon
  std::uint32_t slots, buffers, buffer_stride, mtu;
  std::uint64_t slot_offset, buffer_offset;

  // Written by the daemon.
  alignas(64) std::atomic<Revocation> revoked;
  std::atomic<std::uint32_t> sender_gone;  // 1: its process or queue pair is no more

  // Written by the sender.
  alignas(64) std::atomic<std::uint64_t> packets;  // published, ever, and their bytes: for the daemon's counters
  std::atomic<std::uint64_t> bytes;
  std::atomic<std::uint32_t> quiesced;             // 1: nothing will be published any more
  std::atomic<std::uint32_t> fences;               // 1: the sender fences between publishing and `receiver_asleep`;
                                                   // 0: the receiver must membarrier() between that and looking again
  std::atomic<std::uint64_t> token, token_address;  // who reads the sender's memory reads this, too (docs/efa-abi.md)

  // Written by the receiver.
  alignas(64) std::atomic<std::uint32_t> consumed;         // slots that are free again, and their buffers
  alignas(64) std::atomic<std::uint32_t> receiver_asleep;  // not 0: after publishing, write the wake pipe, once for each
                                                           // value; another value at each sleep
};
static_assert(sizeof(ChannelHeader) <= 4096);

// ---- messages on the socket, each one SEQPACKET record ----

enum class MessageType : std::uint32_t {
  kHello = 1,
  kHelloReply,
  kCreateQp,
  kCreateQpReply,
  kRequestChannel,  // sender to daemon; answered by kChannelGranted, sooner or later
  kChannelGranted,  // daemon to sender: memory and the writing end of the receiver's wake pipe; or an error
  kChannelOffered,  // daemon to receiver: memory
  kReleaseChannel,  // either to the daemon: it has let go
};

struct MessageHeader {
  std::uint64_t magic = kMagic;
  std::uint16_t major = kAbiMajor, minor = kAbiMinor;
  MessageType type{};
  std::uint32_t size = 0;   // of the whole record
  std::uint32_t error = 0;  // replies: 0 or an errno
};

struct Hello {
  MessageHeader header;
  std::uint64_t features = 0;
};

struct FunctionInfo {
  char eni_id[32];
  char instance[64];
  std::uint8_t mac[6];
  std::uint16_t device_index;
  std::uint8_t address[16];
  std::uint8_t prefix_length;  // of the subnet, in IPv4 bits
  std::uint8_t lacks_rdma;     // what the device of this instance type has not: 1 read, 2 write
  std::uint8_t reserved[2];
  std::uint16_t pci_domain;
  std::uint8_t pci_bus, pci_device, pci_function, pad[3];
  std::uint32_t mtu;
  std::uint64_t link_speed_bps;
};

struct HelloReply {
  MessageHeader header;
  std::uint64_t features = 0;
  std::uint64_t daemon_epoch = 0;
  std::uint32_t function_count = 0;
  std::uint32_t reserved = 0;
  FunctionInfo functions[kMaxFunctions];
};

struct CreateQp {
  MessageHeader header;
  std::uint32_t function = 0;  // index into HelloReply::functions
  std::uint32_t qpn = 0;       // 0: the daemon chooses (49152 and up); else EADDRINUSE if taken
  std::uint32_t sq_depth = 512, cq_depth = 1024, tx_buffers = 256, rx_buffers = 256;
};

struct CreateQpReply {
  MessageHeader header;
  std::uint32_t qpn = 0, qkey = 0;
};

/// May the connection's queue pair have a channel to this one? With the key 0 to whichever has the number now: the grant
/// says the key.
struct RequestChannel {
  MessageHeader header;
  std::uint8_t destination[16] = {};
  std::uint32_t qpn = 0, qkey = 0;
};

/// Errors: EACCES a gate refuses or the uids differ, ENOENT no such queue pair, EEXIST there is one that is not released by
/// both yet, EBUSY it was asked for already, or 64 requests are unanswered, EMFILE the receiver has kMaxChannelsIn, EAGAIN the
/// same, and one that was idle is being taken back, ENOBUFS the receiver does not read its records, ENOMEM.
struct ChannelGranted {
  MessageHeader header;
  std::uint32_t id = 0;
  std::uint32_t qpn = 0, qkey = 0;  // of the receiver; in a refusal the request's
  std::uint8_t destination[16] = {};
};

struct ChannelOffered {
  MessageHeader header;
  std::uint32_t id = 0;
  std::uint32_t qpn = 0, qkey = 0;  // the sender's
  std::uint8_t source[16] = {};
  std::int32_t pid = 0;             // of the sender, as the daemon sees it
  std::uint32_t reserved = 0;
};

struct ReleaseChannel {
  MessageHeader header;
  std::uint32_t id = 0;
  std::uint32_t reserved = 0;
};

}  // namespace weft::efa

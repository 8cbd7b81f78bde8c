// What endpoints say to each other: the RDM header behind srd::PacketHeader. docs/rdm-protocol.md draws every packet.
//
// Type numbers are EFA's where the meaning is equal (facts ec2 6.7). Little endian. An eager request is 16 + 24 bytes
// before its data, so that a message of up to 48 bytes with its tag and remote data is one inline entry of 88.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "fabric/rdm/atomic.hpp"
#include "fabric/rdm/regions.hpp"
#include "fabric/srd/credit.hpp"
#include "fabric/srd/packet.hpp"

namespace weft::rdm {

inline constexpr std::uint8_t kProtocolVersion = 1;

enum class PacketType : std::uint8_t {
  kCts = 3,
  kCtsData = 4,
  kReadData = 5,
  kAtomicResult = 8,
  kReceipt = 10,
  kDone = 32,  // Weft's own: EFA's emulation does not tell the initiator about errors
  kEagerMessage = 64,
  kEagerTagged = 65,
  kMediumMessage = 66,
  kMediumTagged = 67,
  kLongCtsMessage = 68,
  kLongCtsTagged = 69,
  kWrite = 70,
  kRead = 72,
  kAtomic = 74,
  kFetchAtomic = 75,
  kCompareAtomic = 76,
};

enum PacketOption : std::uint16_t {
  kHasRemoteData = 1,  // `remote_data` means something
  kWantsReceipt = 2,   // answer with a receipt when the data is in the receiver's buffer
  kDirect = 4,         // instead of data, where it is in the sender's memory: whoever can reach it there does so
};

/// In front of every RDM packet.
struct BaseHeader {
  PacketType type;
  std::uint8_t version;
  std::uint16_t options;
  std::uint32_t message;  // number of the message in the sequence (sender endpoint, receiver endpoint), from 0
};
static_assert(sizeof(BaseHeader) == 8);

/// Eager: the whole message follows. Also the first part of the medium and long requests.
struct RequestHeader {
  BaseHeader base;
  std::uint64_t tag;
  std::uint64_t remote_data;
};
static_assert(sizeof(RequestHeader) == 24);

/// Medium: one of several packets, each a request of its own right; any may arrive first.
struct MediumHeader {
  RequestHeader request;
  std::uint32_t total;
  std::uint32_t offset;
};
static_assert(sizeof(MediumHeader) == 32);

/// A part of the sender's memory (kDirect).
struct DirectPiece {
  std::uint64_t address;
  std::uint64_t length;
};

/// Long: the beginning of the message follows, the rest is sent when the receiver says so. kDirect: instead, as many
/// DirectPieces follow; a receiver that cannot read them says so by a CTS from the first byte on.
struct LongHeader {
  RequestHeader request;
  std::uint64_t total;
  std::uint32_t sender_operation;  // echoed by CTS
  std::uint32_t pieces;
};
static_assert(sizeof(LongHeader) == 40);

/// Clear to send: the bytes of the message before `window_end` may be under way.
struct CtsHeader {
  BaseHeader base;
  std::uint32_t sender_operation;
  std::uint32_t receiver_operation;  // to be named by the data
  std::uint64_t window_end;
  std::uint64_t wanted;  // bytes of the message that the receiver has room for; the rest is not to be sent
};
static_assert(sizeof(CtsHeader) == 32);

/// Data of a long message. Padded so that the data starts on a cache line in the transmit and the receive buffer.
struct CtsDataHeader {
  BaseHeader base;
  std::uint32_t receiver_operation;
  std::uint32_t reserved;
  std::uint64_t offset;
  std::uint8_t padding[24];
};
static_assert(sizeof(srd::PacketHeader) + sizeof(CtsDataHeader) == 64);

/// The message is in the receiver's buffer.
struct ReceiptHeader {
  BaseHeader base;
};

// One-sided operations. Here `BaseHeader::message` is the number of the operation in a sequence of their own, which never
// begins anew; answers echo it with the operation's id, so that a late one is not taken for another's.

/// A part of a write that lies in one remote piece: complete in itself, any may arrive first. kDirect: DirectPieces follow.
struct WriteHeader {
  BaseHeader base;
  std::uint32_t operation;
  std::uint32_t pieces;
  std::uint64_t total;  // bytes of the whole operation: done when as many have come
  std::uint64_t address;
  std::uint64_t key;
  std::uint64_t remote_data;
};
static_assert(sizeof(srd::PacketHeader) + sizeof(WriteHeader) == 64, "data begins on a cache line");

/// As many RemotePieces follow. kDirect: and DirectPieces, where the data is to be written to.
struct ReadHeader {
  BaseHeader base;
  std::uint32_t operation;
  std::uint16_t pieces, direct_pieces;
};
static_assert(sizeof(ReadHeader) == 16);

struct ReadDataHeader {
  BaseHeader base;
  std::uint32_t operation;
  std::uint32_t reserved;
  std::uint64_t offset;  // into the operation
  std::uint8_t padding[24];
};
static_assert(sizeof(srd::PacketHeader) + sizeof(ReadDataHeader) == 64);

/// Pieces (whole elements each), operands (not for kRead), comparands (kCompareAtomic only) follow.
struct AtomicHeader {
  BaseHeader base;
  std::uint32_t operation;
  std::uint32_t sequence;  // atomic operations of a session from 0: they happen in this order
  std::uint64_t remote_data;
  AtomicOp op;
  AtomicType type;
  std::uint8_t pieces;
  std::uint8_t reserved[5];
};
static_assert(sizeof(AtomicHeader) == 32);

/// What was there before follows.
struct AtomicResultHeader {
  BaseHeader base;
  std::uint32_t operation;
  std::uint32_t reserved;
};
static_assert(sizeof(AtomicResultHeader) == 16);

/// One of those that follow the base header of kDone: writes and atomics that are done, anything that failed.
struct DoneEntry {
  std::uint32_t operation;
  std::uint32_t number;
  RemoteStatus status;
};
static_assert(sizeof(DoneEntry) == 12);

inline constexpr std::size_t kWriteOverhead = sizeof(srd::PacketHeader) + sizeof(WriteHeader);
inline constexpr std::size_t kReadDataOverhead = sizeof(srd::PacketHeader) + sizeof(ReadDataHeader);
inline constexpr std::size_t kDoneOverhead = sizeof(srd::PacketHeader) + sizeof(BaseHeader);

/// One-sided operations that an endpoint may have begun at a peer without an answer: what a target keeps of them is
/// bounded by it. More than four credit windows, so that it does not hold up a stream of small ones.
inline constexpr std::uint32_t kMaxOneSided = 256;
static_assert(kMaxOneSided >= 4 * srd::kMaxWindow);

inline constexpr std::size_t kEagerOverhead = sizeof(srd::PacketHeader) + sizeof(RequestHeader);
inline constexpr std::size_t kMediumOverhead = sizeof(srd::PacketHeader) + sizeof(MediumHeader);
inline constexpr std::size_t kLongOverhead = sizeof(srd::PacketHeader) + sizeof(LongHeader);
inline constexpr std::size_t kCtsDataOverhead = sizeof(srd::PacketHeader) + sizeof(CtsDataHeader);

inline constexpr std::size_t kMediumMax = 64 * 1024;      // EFA's threshold (facts ec2 6.7)
/// Granted ahead: two windows of credits in whole packets (8832 data bytes at EFA's MTU), so that the pipe stays full
/// while a CTS is under way. Half of it used up brings the next CTS.
inline constexpr std::size_t kLongWindow = 128 * 8832;

/// Data bytes in one packet of a multi-packet message: whole cache lines, so that copies stay aligned.
constexpr std::size_t whole_lines(std::size_t mtu, std::size_t overhead) { return (mtu - overhead) / 64 * 64; }

constexpr bool is_tagged(PacketType type) { return (static_cast<unsigned>(type) & 1) != 0; }

/// Copies a header out of a received packet; false when the packet is too short for it.
template <typename Header>
bool read_header(std::span<const std::byte> packet, Header& header) {
  if (packet.size() < sizeof(Header)) return false;
  std::memcpy(&header, packet.data(), sizeof(Header));
  return true;
}

}  // namespace weft::rdm

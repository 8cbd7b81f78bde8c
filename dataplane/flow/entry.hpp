// A flow's key and its entry, for either family. An IPv4 entry is one cache line, an IPv6 entry two, of which a packet of
// a known flow reads the first and counts in the second.
//
// The key is normalised (lower address and port first) with the VPC, so both directions have one hash; `half[0]` is the
// end that owns key.address[0], `half[1]` the other. A packet sent by the end of half[i] has direction i.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/net/address.hpp"
#include "dataplane/net/headers.hpp"

namespace weft {

struct FlowKey4 {
  using Address = std::uint32_t;  // host order
  static constexpr std::uint8_t kIcmpProtocol = kProtocolIcmp;

  Address address[2] = {};    // address[0] <= address[1] (equal: port[0] <= port[1])
  std::uint16_t port[2] = {};  // ICMP query: identifier at the asker's end, request type << 8 at the other; others: 0
  std::uint8_t protocol = 0;
  std::uint8_t reserved = 0;  // always 0: hash() relies on it
  std::uint16_t vpc = 0;
  bool operator==(const FlowKey4& other) const noexcept { return std::memcmp(this, &other, sizeof *this) == 0; }
};
static_assert(sizeof(FlowKey4) == 16);

struct FlowKey6 {
  using Address = IpAddress;
  static constexpr std::uint8_t kIcmpProtocol = kProtocolIcmpv6;

  Address address[2] = {};
  std::uint16_t port[2] = {};
  std::uint8_t protocol = 0;
  std::uint8_t reserved = 0;
  std::uint16_t vpc = 0;
  /// Five words, because memcmp() of 40 bytes is a call.
  bool operator==(const FlowKey6& other) const noexcept {
    std::uint64_t own[5], others[5], difference = 0;
    std::memcpy(own, this, sizeof own);
    std::memcpy(others, &other, sizeof others);
    for (unsigned i = 0; i < 5; ++i) difference |= own[i] ^ others[i];
    return difference == 0;
  }
};
static_assert(sizeof(FlowKey6) == 40);

/// The key of a packet and which end sent it: direction 0 means the sender is end 0.
template <typename Key>
struct NormalisedKey {
  Key key;
  std::uint8_t direction = 0;
};
using NormalisedKey4 = NormalisedKey<FlowKey4>;
using NormalisedKey6 = NormalisedKey<FlowKey6>;

namespace detail {

inline bool above(std::uint32_t a, std::uint32_t b) noexcept { return a > b; }

/// As numbers; octet by octet would be a loop.
inline bool above(const IpAddress& a, const IpAddress& b) noexcept {
  return a.word(0) > b.word(0) || (a.word(0) == b.word(0) && a.word(1) > b.word(1));
}

template <typename Key>
inline NormalisedKey<Key> normalised(std::uint16_t vpc, const typename Key::Address& source,
                                     const typename Key::Address& destination, std::uint8_t protocol,
                                     std::uint16_t source_port, std::uint16_t destination_port) noexcept {
  const bool swapped = above(source, destination) || (source == destination && source_port > destination_port);
  NormalisedKey<Key> result;
  result.direction = swapped ? 1 : 0;
  result.key.address[0] = swapped ? destination : source;
  result.key.address[1] = swapped ? source : destination;
  result.key.port[0] = swapped ? destination_port : source_port;
  result.key.port[1] = swapped ? source_port : destination_port;
  result.key.protocol = protocol;
  result.key.vpc = vpc;
  return result;
}

/// A 64x64 -> 128-bit multiply, folded.
inline std::uint64_t multiply_fold(std::uint64_t a, std::uint64_t b) noexcept {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

/// One more multiply, so that every bit of what was mixed reaches every bit of the hash.
inline std::uint32_t finish_hash(std::uint64_t mixed) noexcept {
  mixed *= 0xd6e8feb86659fd93ULL;
  return static_cast<std::uint32_t>(mixed ^ mixed >> 32);
}

}  // namespace detail

inline NormalisedKey4 normalise(std::uint16_t vpc, std::uint32_t source, std::uint32_t destination,
                                std::uint8_t protocol, std::uint16_t source_port,
                                std::uint16_t destination_port) noexcept {
  return detail::normalised<FlowKey4>(vpc, source, destination, protocol, source_port, destination_port);
}

inline NormalisedKey6 normalise(std::uint16_t vpc, const IpAddress& source, const IpAddress& destination,
                                std::uint8_t protocol, std::uint16_t source_port,
                                std::uint16_t destination_port) noexcept {
  return detail::normalised<FlowKey6>(vpc, source, destination, protocol, source_port, destination_port);
}

/// Multiplies the two halves of the key. About as fast as two CRC32 instructions and the same on every machine. A factor
/// of zero would lose the other half of the key; no key makes one: address[0] <= address[1] forbids the first constant
/// (on a little-endian machine), `reserved` == 0 the second.
inline std::uint32_t hash(const FlowKey4& key) noexcept {
  std::uint64_t addresses, ports;
  std::memcpy(&addresses, key.address, sizeof addresses);
  std::memcpy(&ports, key.port, sizeof ports);
  return detail::finish_hash(detail::multiply_fold(addresses ^ 0x1f83d9abfb41bd6bULL, ports ^ 0x9e37f9a97f4a7c15ULL));
}

/// Each address to one word, then both with the ports. An address whose half equals its constant loses its other half,
/// so whoever makes such addresses up makes keys that collide: they crowd their own two buckets and nobody else's
/// (flow/README.md).
inline std::uint32_t hash(const FlowKey6& key) noexcept {
  std::uint64_t word[5];
  std::memcpy(word, &key, sizeof word);
  const std::uint64_t first = detail::multiply_fold(word[0] ^ 0x243f6a8885a308d3ULL, word[1] ^ 0x13198a2e03707344ULL);
  const std::uint64_t second = detail::multiply_fold(word[2] ^ 0xa4093822299f31d0ULL, word[3] ^ 0x082efa98ec4e6c89ULL);
  return detail::finish_hash(detail::multiply_fold(first ^ word[4] ^ 0x1f83d9abfb41bd6bULL, second ^ 0x9e37f9a97f4a7c15ULL));
}

/// EC2's classes of idle time-out (facts ec2 2.4; what is not published has its default in flow/timeouts.hpp).
enum class TrackState : std::uint8_t {
  kUntracked,
  kUdpSingle,   // one direction, or one request and one response: UdpTimeout
  kUdpStream,   // more than that: UdpStreamTimeout
  kTcpOpening,  // SYN seen, not both ways established
  kTcpEstablished,
  kIcmp,
  kOther,       // tracked by addresses and protocol: 600 s
  kTcpClosing,  // FIN both ways or RST; last, see TrackByte::unusual()
};
inline constexpr unsigned kTrackStates = 8;

/// The state, and whether an end of the flow has idle time-outs of its own, in one byte: so one load and one compare
/// tell a packet of a common flow that neither matters, and only flows that have it pay for it.
class TrackByte {
 public:
  static constexpr unsigned kValues = 16;

  constexpr TrackByte(TrackState state = TrackState::kUntracked) : raw_(static_cast<std::uint8_t>(state)) {}
  constexpr TrackByte& operator=(TrackState state) {
    raw_ = static_cast<std::uint8_t>((raw_ & kOwnTimeouts) | static_cast<std::uint8_t>(state));
    return *this;
  }
  constexpr operator TrackState() const { return static_cast<TrackState>(raw_ & (kOwnTimeouts - 1)); }

  constexpr void set_own_timeouts(bool own) {
    raw_ = static_cast<std::uint8_t>((raw_ & (kOwnTimeouts - 1)) | (own ? kOwnTimeouts : 0));
  }
  constexpr bool own_timeouts() const { return (raw_ & kOwnTimeouts) != 0; }
  /// Closing, or with own time-outs: whoever meets the entry looks closer.
  constexpr bool unusual() const { return raw_ >= static_cast<std::uint8_t>(TrackState::kTcpClosing); }
  constexpr unsigned value() const { return raw_; }  // below kValues

 private:
  static constexpr std::uint8_t kOwnTimeouts = kTrackStates;
  std::uint8_t raw_;
};
static_assert(sizeof(TrackByte) == 1);

struct FlowHalf {
  std::uint16_t eni = 0xffff;    // EniSlot of this end
  std::uint8_t tracked : 1 = 1;  // a tracked half lets replies pass by state and survives a group change
  std::uint8_t remote : 1 = 0;   // seat (D16): the end is on another host and judged there
  std::uint8_t fin : 1 = 0;      // this end has sent FIN
  std::uint8_t judged : 1 = 0;   // route and network ACLs of what this end sends are judged, under both halves' epoch
  std::uint8_t counted : 1 = 0;  // against the conntrack allowance of its ENI's instance (worker/connection_counts.hpp)
  std::uint8_t spare : 3 = 0;
  std::uint8_t reserved = 0;
  std::uint32_t epoch = 0;  // policy epoch at which this half was judged
};
static_assert(sizeof(FlowHalf) == 8);

template <typename KeyType>
struct alignas(64) FlowEntry {
  using Key = KeyType;

  Key key;
  FlowHalf half[2];
  std::uint32_t last_seen = 0;  // ticks of the worker's clock, kFlowTickNs each; of an unused entry the next unused one
  std::uint8_t initiator = 0;   // which end sent the first packet
  TrackByte state;
  std::uint16_t exchanges = 0;  // changes of direction seen, saturating with its parity kept: the last sender
  std::uint32_t packets[2] = {};
  std::uint64_t bytes[2] = {};
};
using FlowEntry4 = FlowEntry<FlowKey4>;
using FlowEntry6 = FlowEntry<FlowKey6>;
static_assert(sizeof(FlowEntry4) == 64);
static_assert(sizeof(FlowEntry6) == 128 && offsetof(FlowEntry6, packets) == 64);

inline constexpr std::uint64_t kFlowTickNs = 1'000'000;

}  // namespace weft

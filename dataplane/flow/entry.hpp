// A flow's key and its entry. An IPv4 entry is one cache line.
//
// The key is normalised (lower address and port first) with the VPC, so both directions have one hash; `half[0]` is the
// end that owns key.address[0], `half[1]` the other. A packet sent by the end of half[i] has direction i.
#pragma once

#include <cstdint>
#include <cstring>

namespace weft {

struct FlowKey4 {
  std::uint32_t address[2] = {};  // host order, address[0] <= address[1] (equal: port[0] <= port[1])
  std::uint16_t port[2] = {};     // ICMP query: identifier at the asker's end, request type << 8 at the other; others: 0
  std::uint8_t protocol = 0;
  std::uint8_t reserved = 0;  // always 0: hash() relies on it
  std::uint16_t vpc = 0;
  bool operator==(const FlowKey4& other) const noexcept { return std::memcmp(this, &other, sizeof *this) == 0; }
};
static_assert(sizeof(FlowKey4) == 16);

/// The key of a packet and which end sent it: direction 0 means the sender is end 0.
struct NormalisedKey4 {
  FlowKey4 key;
  std::uint8_t direction = 0;
};

inline NormalisedKey4 normalise(std::uint16_t vpc, std::uint32_t source, std::uint32_t destination,
                                std::uint8_t protocol, std::uint16_t source_port,
                                std::uint16_t destination_port) noexcept {
  const bool swapped = source > destination || (source == destination && source_port > destination_port);
  NormalisedKey4 result;
  result.direction = swapped ? 1 : 0;
  result.key.address[0] = swapped ? destination : source;
  result.key.address[1] = swapped ? source : destination;
  result.key.port[0] = swapped ? destination_port : source_port;
  result.key.port[1] = swapped ? source_port : destination_port;
  result.key.protocol = protocol;
  result.key.vpc = vpc;
  return result;
}

/// A 64x64 -> 128-bit multiply of the two halves, folded, then one more multiply so that every bit of the key reaches
/// every bit of the hash. About as fast as two CRC32 instructions and the same on every machine. A factor of zero would
/// lose the other half of the key; no key makes one: address[0] <= address[1] forbids the first constant (on a
/// little-endian machine), `reserved` == 0 the second.
inline std::uint32_t hash(const FlowKey4& key) noexcept {
  __extension__ using Wide = unsigned __int128;
  constexpr std::uint64_t kAddresses = 0x1f83d9abfb41bd6bULL;
  constexpr std::uint64_t kPorts = 0x9e37f9a97f4a7c15ULL;
  constexpr std::uint64_t kFinish = 0xd6e8feb86659fd93ULL;
  std::uint64_t addresses, ports;
  std::memcpy(&addresses, key.address, sizeof addresses);
  std::memcpy(&ports, key.port, sizeof ports);
  const Wide product = static_cast<Wide>(addresses ^ kAddresses) * (ports ^ kPorts);
  std::uint64_t mixed = static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  mixed *= kFinish;
  return static_cast<std::uint32_t>(mixed ^ mixed >> 32);
}

/// EC2's classes of idle time-out (facts ec2 2.4; what is not published has its default in flow/timeouts.hpp).
enum class TrackState : std::uint8_t {
  kUntracked,
  kUdpSingle,   // one direction, or one request and one response: UdpTimeout
  kUdpStream,   // more than that: UdpStreamTimeout
  kTcpOpening,  // SYN seen, not both ways established
  kTcpEstablished,
  kTcpClosing,  // FIN both ways or RST
  kIcmp,
  kOther,  // tracked by addresses and protocol: 600 s
};
inline constexpr unsigned kTrackStates = 8;

struct FlowHalf {
  std::uint16_t eni = 0xffff;    // EniSlot of this end
  std::uint8_t tracked : 1 = 1;  // a tracked half lets replies pass by state and survives a group change
  std::uint8_t remote : 1 = 0;   // seat (D16): the end is on another host and judged there
  std::uint8_t fin : 1 = 0;      // this end has sent FIN
  std::uint8_t spare : 5 = 0;
  std::uint8_t reserved = 0;
  std::uint32_t epoch = 0;  // policy epoch at which this half was judged
};
static_assert(sizeof(FlowHalf) == 8);

struct alignas(64) FlowEntry4 {
  FlowKey4 key;
  FlowHalf half[2];
  std::uint32_t last_seen = 0;  // ticks of the worker's clock, kFlowTickNs each
  std::uint8_t initiator = 0;   // which end sent the first packet
  TrackState state = TrackState::kUntracked;
  std::uint16_t exchanges = 0;  // changes of direction seen, saturating with its parity kept: the last sender
  std::uint32_t packets[2] = {};
  std::uint64_t bytes[2] = {};
};
static_assert(sizeof(FlowEntry4) == 64);

inline constexpr std::uint64_t kFlowTickNs = 1'000'000;

}  // namespace weft

// The flow table of one worker (DESIGN D2): one entry decides a hop, both directions meet in it.
//
// An IPv4 entry is one cache line. The key is normalised (lower address and port first) with the VPC, so both
// directions have one hash; `half[0]` is the end that owns key.address[0], `half[1]` the other. A packet sent by the end
// of half[i] has direction i. Equality is of the whole key and of the ENI the packet came in at.
// Thread: the owning worker; other threads read copies that the worker makes (for_each between bursts).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace weft {

struct FlowKey4 {
  std::uint32_t address[2] = {};  // host order, address[0] <= address[1] (equal: port[0] <= port[1])
  std::uint16_t port[2] = {};     // ICMP echo: both the identifier, other ICMP: type << 8 | code; others: 0
  std::uint8_t protocol = 0;
  std::uint8_t reserved = 0;
  std::uint16_t vpc = 0;
  bool operator==(const FlowKey4&) const = default;
};
static_assert(sizeof(FlowKey4) == 16);

/// The key of a packet and which end sent it: direction 0 means the sender is end 0.
struct NormalisedKey4 {
  FlowKey4 key;
  std::uint8_t direction = 0;
};
NormalisedKey4 normalise(std::uint16_t vpc, std::uint32_t source, std::uint32_t destination, std::uint8_t protocol,
                         std::uint16_t source_port, std::uint16_t destination_port) noexcept;
std::uint32_t hash(const FlowKey4& key) noexcept;

/// EC2's classes of idle time-out (facts ec2 2.4; what is not published has its default in flow/timeouts.hpp).
enum class TrackState : std::uint8_t {
  kUntracked,
  kUdpSingle,    // one direction, or one request and one response: UdpTimeout
  kUdpStream,    // more than that: UdpStreamTimeout
  kTcpOpening,   // SYN seen, not both ways established
  kTcpEstablished,
  kTcpClosing,   // FIN both ways or RST
  kIcmp,
  kOther,        // tracked by addresses and protocol: 600 s
};

struct FlowHalf {
  std::uint16_t eni = 0xffff;   // EniSlot of this end
  std::uint8_t tracked : 1 = 1; // a tracked half lets replies pass by state and survives a group change
  std::uint8_t remote : 1 = 0;  // seat (D16): the end is on another host and judged there
  std::uint8_t fin : 1 = 0;     // this end has sent FIN
  std::uint8_t spare : 5 = 0;
  std::uint8_t reserved = 0;
  std::uint32_t epoch = 0;      // policy epoch at which this half was judged
};
static_assert(sizeof(FlowHalf) == 8);

struct alignas(64) FlowEntry4 {
  FlowKey4 key;
  FlowHalf half[2];
  std::uint32_t last_seen = 0;  // ticks of the worker's clock, kFlowTickNs each
  std::uint8_t initiator = 0;   // which end sent the first packet
  TrackState state = TrackState::kUntracked;
  std::uint16_t exchanges = 0;  // changes of direction seen, saturating: UDP single or stream
  std::uint32_t packets[2] = {};
  std::uint64_t bytes[2] = {};
};
static_assert(sizeof(FlowEntry4) == 64);

inline constexpr std::uint64_t kFlowTickNs = 1'000'000;

/// For a flow's first packet: call it once, after insert() and after both halves are filled in, instead of track().
/// Sets initiator and the first state; kUntracked when neither half is tracked.
void begin(FlowEntry4& entry, std::uint8_t direction, std::uint8_t tcp_flags, std::uint32_t now) noexcept;
/// State and time-outs: called for every later packet that passes through an entry. TCP flags as in the header (0
/// otherwise).
void track(FlowEntry4& entry, std::uint8_t direction, std::uint8_t tcp_flags, std::uint32_t now) noexcept;
bool expired(const FlowEntry4& entry, std::uint32_t now) noexcept;
/// A SYN on a connection that both ends have closed is a new connection: erase the entry and ask the gates again, so
/// that a port pair used again does not pass by the state of its predecessor.
bool starts_anew(const FlowEntry4& entry, std::uint8_t tcp_flags) noexcept;

class FlowTable4 {
 public:
  /// Room for `capacity` entries, allocated now. At most 128 bytes a flow, all tables counted.
  explicit FlowTable4(std::uint32_t capacity);
  ~FlowTable4();
  FlowTable4(const FlowTable4&) = delete;
  FlowTable4& operator=(const FlowTable4&) = delete;

  void prefetch(std::uint32_t hash) const noexcept;
  /// The entry whose end `direction` is `eni`, the ENI the packet came in at: the same tuple seen at another ENI (a
  /// middlebox) is another flow (DESIGN D2). Null when there is none. Expired entries are not found.
  /// Everywhere `hash` is weft::hash(key).
  FlowEntry4* find(const FlowKey4& key, std::uint32_t hash, std::uint8_t direction, std::uint16_t eni,
                   std::uint32_t now) noexcept;
  /// A new entry with the key set and everything else fresh; null when the table is full. No live entry may have the
  /// key and the ends the caller gives it; an expired one may, and leaves when the clock hand comes by. The caller
  /// fills in both halves at once, then calls begin(). Entries do not move.
  FlowEntry4* insert(const FlowKey4& key, std::uint32_t hash, std::uint32_t now) noexcept;
  void erase(FlowEntry4* entry) noexcept;

  /// Ageing by a clock hand: looks at `buckets` buckets and erases what has expired, calling gone(entry) first.
  template <typename Gone>
  void age(unsigned buckets, std::uint32_t now, Gone&& gone) noexcept;
  std::uint32_t buckets() const noexcept;  // one turn of the clock hand
  /// Every entry, expired ones too. `visit` may erase the entry it is given and no other, and may not insert.
  template <typename Visit>
  void for_each(Visit&& visit);

  std::uint32_t size() const noexcept;
  std::uint32_t capacity() const noexcept;

 private:
  struct Storage;
  std::unique_ptr<Storage> storage_;
};

}  // namespace weft

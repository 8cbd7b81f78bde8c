// A burst: up to kBurst packets on their way through the stages, held as parallel arrays (DESIGN D1).
//
// Whoever holds a burst owns its packets. Each stage looks at packets whose fate is pending and leaves every packet with
// exactly one fate; the last stage has given each away, and debug builds assert that the numbers add up.
#pragma once

#include <cstdint>
#include <type_traits>

#include <rte_mbuf.h>

#include "dataplane/flow/entry.hpp"
#include "dataplane/observe/capture_ring.hpp"
#include "dataplane/observe/drop_reason.hpp"
#include "dataplane/worker/lanes.hpp"
#include "drivers/port.hpp"

namespace weft {

inline constexpr unsigned kBurst = kLanes;
inline constexpr std::uint32_t kNoFlowEntry = 0xffffffff;

enum class Fate : std::uint8_t {
  kPending,    // some later stage decides
  kForward,    // to `destination`, with new MAC addresses
  kReply,      // a finished frame of the fabric's own, to `destination`
  kDelivered,  // the port has it
  kDropped,    // for `reason`; the last stage counts, logs and frees it
  kConsumed,   // the fabric has dealt with it; the last stage frees it
  kAway,       // another worker has it
  kHeld,       // a fragment that waits for its datagram's first one, or a packet on its way through the underlay
  kAgain,      // it comes back from the internet gateway, in another burst
};

/// What a packet is to the flow table.
enum class FlowKind : std::uint8_t {
  kFlow,     // makes and finds an entry
  kAnswer,   // finds an entry and makes none: the answer to an ICMP query
  kAlone,    // judged by the rules alone, an ICMP message that is neither query nor answer
  kRelated,  // an ICMP error: passes by the entry of the packet it is about, whose key it carries
  kArp,
};

struct Burst {
  unsigned count = 0;
  bool from_port = true;      // false: handed over by another worker, which has checked the source
  bool offloads = false;      // some packet is a chain, or has a checksum or segmentation to finish
  bool fragments_known = false;  // fragments carry what their first one says (FragmentPorts::write())
  bool leaves = false;        // some packet goes to the internet gateway
  bool captures = false;      // somebody captures (worker/capture.hpp): record[] is written
  bool sent_noted = false;    // record[] has what is to be known of how these packets were sent
  std::uint32_t plain = 0;    // bit i: packet i is a common one (worker/parse_plain.hpp) from its own addresses
  std::uint32_t ipv6 = 0;     // bit i: packet i has key6 and no key. Mostly 0, and then no loop asks each packet
  std::uint32_t fragments = 0;  // bit i: packet i is a part of a datagram

  std::uint32_t bytes = 0, longest = 0;  // of the plain packets' lengths: the sum, and the greatest

  rte_mbuf* packet[kBurst];
  EniSlot source[kBurst];
  alignas(16) EniSlot destination[kBurst];
  alignas(16) Fate fate[kBurst];
  DropReason reason[kBurst];
  FlowKind kind[kBurst];
  std::uint8_t direction[kBurst];  // which end of the key sends
  std::uint8_t tcp_flags[kBurst];
  std::uint32_t hash[kBurst];
  std::uint32_t entry[kBurst];  // behind decide(): index of the flow's entry, or kNoFlowEntry
  alignas(16) FlowKey4 key[kBurst];  // of an IPv6 packet nobody's
  FlowKey6 key6[kBurst];
  CaptureRecord* record[kBurst];  // of the packet as its ENI sent it; null: not captured

  /// A bit for each packet.
  std::uint32_t all() const noexcept { return static_cast<std::uint32_t>((std::uint64_t{1} << count) - 1); }
  std::uint32_t with_fate(Fate which) const noexcept {
    return all() & lanes_equal(reinterpret_cast<const std::uint8_t(&)[kBurst]>(fate), static_cast<std::uint8_t>(which));
  }
  /// Those that some stage still has to look at, and parse_plain() has not.
  std::uint32_t pending_rest() const noexcept { return with_fate(Fate::kPending) & ~plain; }
  bool pending(unsigned i) const noexcept { return fate[i] == Fate::kPending; }
  void drop(unsigned i, DropReason why) noexcept {
    fate[i] = Fate::kDropped;
    reason[i] = why;
  }
  /// One more packet; there is room.
  void take(rte_mbuf* one, EniSlot from) noexcept {
    packet[count] = one;
    source[count++] = from;
  }
  void forward(unsigned i, EniSlot to) noexcept {
    fate[i] = Fate::kForward;
    destination[i] = to;
  }
  template <typename Entry>
  const typename Entry::Key& key_of(unsigned i) const noexcept {
    if constexpr (std::is_same_v<Entry, FlowEntry4>) return key[i];
    else return key6[i];
  }
  bool is_plain(unsigned i) const noexcept { return (plain >> i & 1U) != 0; }
  bool is_ipv6(unsigned i) const noexcept { return (ipv6 >> i & 1U) != 0; }
  bool is_fragment(unsigned i) const noexcept { return (fragments >> i & 1U) != 0; }
  std::uint32_t source_address(unsigned i) const noexcept { return key[i].address[direction[i]]; }
  std::uint32_t destination_address(unsigned i) const noexcept { return key[i].address[1 - direction[i]]; }
  const IpAddress& source_address6(unsigned i) const noexcept { return key6[i].address[direction[i]]; }
  const IpAddress& destination_address6(unsigned i) const noexcept { return key6[i].address[1 - direction[i]]; }
};
static_assert(kBurst <= 32, "Burst::ipv6 and Burst::fragments have a bit for each");

}  // namespace weft

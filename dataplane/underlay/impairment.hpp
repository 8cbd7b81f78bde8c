// What may be wrong with a way through the underlay, and how the ways are laid out: pure values, shared by the topology
// file, the API and the machinery. No clock, no DPDK.
//
// Between two racks there are as many *paths* as spines; path p of a pair goes up through spine p and down again. Two
// hosts of one rack meet in their rack's switch: one path. Paths are numbered from 0, equal in cost, and chosen by the
// outer UDP source port (facts fabric 5.8). Before and behind its path a packet crosses the *link* of a host: the one that
// joins the host to its rack's switch, shared by all it sends, and by all that comes to it. Everything is per direction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weft::underlay {

/// How a path loses packets. kNth: exactly the nth, 2nth, 3nth ... packet. kGilbertElliott: two states; `loss` in the bad one,
/// none in the good one, changing state per packet with `to_bad` and `to_good` (Gilbert 1960, Elliott 1963).
struct Loss {
  enum class Kind : std::uint8_t { kNone, kBernoulli, kGilbertElliott, kNth };
  Kind kind = Kind::kNone;
  double loss = 0;  // probability, 0 to 1
  double to_bad = 0, to_good = 0;
  std::uint32_t nth = 0;
  bool operator==(const Loss&) const = default;
};

/// Down for `down_ns` out of every `period_ns`, from the moment it is set.
struct Flap {
  std::uint64_t period_ns = 0, down_ns = 0;
  bool operator==(const Flap&) const = default;
};

/// All of it together; the defaults impair nothing.
struct Impairment {
  std::uint64_t rate_bps = 0;           // 0: no limit
  std::uint64_t latency_ns = 0;         // one way, added
  std::uint64_t jitter_ns = 0;          // uniform in 0..jitter on top; does not reorder
  std::uint32_t queue_bytes = 0;        // before the rate; 0: 256 KiB. A packet that does not fit is dropped
  std::uint32_t ecn_bytes = 0;          // a packet that finds more than this waiting is marked CE if it is ECT; 0: never
  Loss loss{};
  double duplicate = 0;                 // probability of a second copy
  double reorder = 0;                   // probability that a packet is held back by `reorder_ns`
  std::uint64_t reorder_ns = 0;
  double corrupt = 0;                   // probability that one bit of it flips; a receiver's checksum finds it
  bool down = false;
  Flap flap{};
  bool operator==(const Impairment&) const = default;
};

/// The user's `fabric:` in the topology file: where hosts stand.
struct Layout {
  std::uint32_t spines = 1;             // paths between racks
  std::uint64_t seed = 1;               // of everything random
  Impairment rack{};                    // of every way within a rack
  Impairment spine{};                   // of every path between racks
  Impairment host{};                    // of every host's link, each direction; it neither duplicates nor reorders
  bool operator==(const Layout&) const = default;
};

/// One `weft fault set`: what is wrong, and where. Of paths, those of which a field that is empty means every one; or of the
/// link of one host, both directions, and then the other fields are empty.
struct Fault {
  std::string name;                     // unique; `weft fault clear NAME`
  std::optional<std::uint32_t> path{};
  std::string from{}, to{};             // instances
  Impairment impairment{};              // added to the layout's: latencies add, a rate is the smaller, the rest is the fault's
  std::string host{};                   // an instance's, whose host's link it is
  bool operator==(const Fault&) const = default;
};

}  // namespace weft::underlay

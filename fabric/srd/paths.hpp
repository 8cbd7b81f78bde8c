// Which way a packet goes. One per peer that is reached over the wire; made with the first packet that is on it.
//
// Two random choices, and the one with less of srtt * (1 + in flight). A path that lost a packet, or is four times
// slower than the median, is left alone for 1 ms, doubled to 10; then one packet tries it, and its acknowledgement
// brings it back.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "fabric/srd/loss.hpp"
#include "fabric/srd/random.hpp"
#include "fabric/srd/settings.hpp"

namespace weft::srd {

class Paths {
 public:
  static constexpr std::uint8_t kNone = 255;

  /// 1 to kMaxPaths.
  explicit Paths(std::uint32_t count) : count_(count), usable_(all()) {}

  /// `avoid` is only chosen where there is no other.
  std::uint8_t choose(Random& random, std::uint64_t now_ns, std::uint8_t avoid);

  /// Returns the transmission's number in the path's own count.
  std::uint32_t sent(std::uint8_t path);
  /// It is not in flight any more, whatever became of it.
  void left(std::uint8_t path) { --paths_[path].in_flight; }
  /// That transmission has come.
  void acknowledged(std::uint8_t path, std::uint32_t sequence) { paths_[path].order.acknowledged(sequence); }
  bool overtaken(std::uint8_t path, std::uint32_t sequence) const { return paths_[path].order.overtaken(sequence); }
  void sample(std::uint8_t path, std::uint32_t round_trip_ns, std::uint64_t now_ns);
  void lost(std::uint8_t path, std::uint64_t now_ns) { suspect(path, now_ns); }

  std::uint32_t count() const { return count_; }
  std::uint32_t median_ns() const { return median_ns_; }
  /// The median of the shortest seen of each: what the median would be in an empty network.
  std::uint32_t base_ns() const { return base_ns_; }
  std::uint32_t slowest_ns() const { return slowest_ns_; }
  /// The smoothed round trip of one, below count(); 0: it is not known.
  std::uint32_t smoothed_ns(std::uint8_t path) const { return paths_[path].smoothed_ns; }
  /// The smoothed round trip of the quickest that is not left alone; 0: none is known.
  std::uint32_t quickest_ns() const;
  bool usable(std::uint8_t path) const { return (usable_ >> path & 1) != 0; }
  /// How many are left alone, or tried again and not heard of yet.
  std::uint32_t suspects() const;
  /// How often one was left when all were well, since this was last asked.
  std::uint32_t take_impairments() { return std::exchange(impairments_, 0); }

 private:
  static constexpr std::uint64_t kSuspectFirstNs = 1'000'000;
  static constexpr std::uint64_t kSuspectLastNs = 10'000'000;
  static constexpr std::uint32_t kSamplesPerMedian = 8;

  struct Path {
    std::uint64_t suspect_until_ns = 0;
    PathOrder order;
    std::uint32_t smoothed_ns = 0;
    std::uint32_t shortest_ns = 0;
    std::uint32_t next_sequence = 0;
    std::uint32_t in_flight = 0;
    std::uint32_t strikes = 0;
  };

  std::uint64_t all() const { return ~std::uint64_t{0} >> (64 - count_); }
  void suspect(std::uint8_t path, std::uint64_t now_ns);
  void bring_back(std::uint64_t now_ns);
  std::uint8_t least_suspect(std::uint8_t avoid) const;
  std::uint64_t cost(std::uint8_t path) const;
  void measure();

  std::uint32_t count_;
  std::uint32_t median_ns_ = 0;
  std::uint32_t base_ns_ = 0;
  std::uint32_t slowest_ns_ = 0;
  std::uint32_t samples_ = 0;
  std::uint32_t impairments_ = 0;
  std::uint64_t usable_;        // a bit per path
  std::uint64_t on_trial_ = 0;  // was suspect; the next acknowledgement decides
  std::uint64_t next_back_ns_ = ~std::uint64_t{0};
  std::array<Path, kMaxPaths> paths_{};
};

}  // namespace weft::srd

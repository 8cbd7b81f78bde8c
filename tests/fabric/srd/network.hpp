// A network that may do to a packet what networks do: one direction, some paths, everything by a seed.
#pragma once

#include <cstdint>
#include <vector>

#include "fabric/srd/random.hpp"

namespace weft::srd::test {

enum class Loss : std::uint8_t { kNone, kBernoulli, kGilbertElliott, kNth };

/// Probabilities are in 1/1000.
struct PathCondition {
  std::uint64_t latency_ns = 10'000;
  std::uint64_t jitter_ns = 0;  // without overtaking
  Loss loss = Loss::kNone;
  std::uint32_t loss_rate = 0;  // of kNth: every how many; of kGilbertElliott: bad times begin
  std::uint32_t duplicated = 0;
  std::uint32_t overtaken = 0;  // comes up to four latencies later than those behind it
  std::uint32_t corrupted = 0;
  std::uint32_t marked = 0;
  std::uint64_t down_every_ns = 0;  // 0: never; else down for down_ns of each such time
  std::uint64_t down_ns = 0;

  /// The share of packets that come out whole.
  double passes() const;
};

struct Copy {
  std::uint64_t at_ns;
  bool corrupted;
  bool marked;
};

class Network {
 public:
  Network(std::vector<PathCondition> paths, std::uint64_t seed);

  /// When copies of a packet sent now come out: none, one or two.
  std::vector<Copy> carry(std::uint32_t path, std::uint64_t now_ns);

  /// It neither loses nor changes nor repeats anything, and keeps order.
  bool perfect() const;

 private:
  struct Path {
    PathCondition condition;
    std::uint64_t last_at_ns = 0;
    std::uint32_t count = 0;
    bool bad = false;
  };

  bool chance(std::uint32_t in_thousand) { return random_.below(1'000) < in_thousand; }
  bool lost(Path& path, std::uint64_t now_ns);
  Copy copy(Path& path, std::uint64_t now_ns);

  Random random_;
  std::vector<Path> paths_;
};

}  // namespace weft::srd::test

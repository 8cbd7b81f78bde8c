// The slow, obvious twins: a level that is filled step by step, and a list of times.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>

namespace weft::test {

__extension__ using Wide = __int128;

/// Whole tokens arrive when (time since start) * rate passes a whole number of seconds; a full bucket loses them.
struct SlowBucket {
  std::uint64_t rate, burst, start_ns;
  Wide level;
  std::uint64_t last_ns;

  SlowBucket(std::uint64_t tokens_per_second, std::uint64_t most, std::uint64_t now_ns)
      : rate(tokens_per_second), burst(most), start_ns(now_ns), level(most), last_ns(now_ns) {}

  Wide arrived(std::uint64_t now_ns) const { return static_cast<Wide>(now_ns - start_ns) * rate / 1'000'000'000; }
  void fill(std::uint64_t now_ns) {
    level = std::min<Wide>(level + arrived(now_ns) - arrived(last_ns), burst);
    last_ns = now_ns;
  }
  std::uint64_t take(std::uint64_t need, std::uint64_t most, std::uint64_t now_ns) {
    fill(now_ns);
    if (level < std::min(need, burst)) return 0;
    const auto taken = std::max<std::uint64_t>(need, std::min<Wide>(most, level));
    level -= taken;
    return taken;
  }
};

/// Passes when fewer than `limit` have passed in the second that ends now.
struct SlowWindow {
  std::uint64_t limit;
  std::deque<std::uint64_t> passed{};

  bool pass(std::uint64_t now_ns) {
    std::uint64_t recent = 0;
    for (const std::uint64_t at : passed) recent += at + 1'000'000'000 > now_ns ? 1 : 0;
    if (recent >= limit) return false;
    passed.push_back(now_ns);
    if (passed.size() > 4 * limit) passed.pop_front();
    return true;
  }
};

}  // namespace weft::test

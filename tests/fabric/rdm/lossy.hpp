// A fabric between the endpoints of a cluster that loses, doubles, delays and so reorders: by a seed.
#pragma once

#include <random>

#include "tests/fabric/rdm/cluster.hpp"

namespace weft::rdm::testing {

struct Weather {
  unsigned lost = 0, doubled = 0;     // of a thousand packets
  std::uint64_t latency_ns = 20'000;  // and up to as much again, at random
  std::uint8_t dead_path = 255;       // loses everything
};

inline void set_weather(LoopbackDaemon& daemon, const Weather& weather, std::uint64_t seed) {
  auto random = std::make_shared<std::mt19937_64>(seed);
  daemon.set_fabric([weather, random](EniSlot, EniSlot, std::uint8_t path, std::uint64_t now_ns, std::uint32_t) {
    EfaPassage passage;
    passage.lost = (*random)() % 1000 < weather.lost || path == weather.dead_path;
    passage.at_ns = now_ns + weather.latency_ns + (*random)() % (weather.latency_ns + 1);
    if ((*random)() % 1000 < weather.doubled) passage.copy_at_ns = passage.at_ns + (*random)() % (weather.latency_ns + 1);
    return passage;
  });
}

}  // namespace weft::rdm::testing

// A lane's own random numbers: SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators"). Small,
// good enough for coin tosses, and the same on every machine, which std's distributions are not.
#pragma once

#include <cstdint>

namespace weft::underlay {

class Generator {
 public:
  explicit constexpr Generator(std::uint64_t seed) : state_(seed) {}

  constexpr std::uint64_t next() noexcept { return mix(state_ += 0x9e3779b97f4a7c15); }

  /// Never for 0, always for 1. Draws nothing where there is nothing to decide.
  constexpr bool chance(double probability) noexcept {
    if (probability <= 0) return false;
    constexpr double kUnit = 1.0 / 9007199254740992.0;  // 2^-53: as many bits as a double holds
    return static_cast<double>(next() >> 11) * kUnit < probability;
  }

  /// Uniform in 0..most, both included.
  constexpr std::uint64_t up_to(std::uint64_t most) noexcept {
    if (most == 0) return 0;
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>(static_cast<Wide>(next()) * (static_cast<Wide>(most) + 1) >> 64);
  }

  /// One seed from several numbers; every one of them changes all of it.
  static constexpr std::uint64_t seed(std::uint64_t seed, std::uint64_t source, std::uint64_t destination,
                                      std::uint64_t path) noexcept {
    std::uint64_t mixed = mix(seed + 0x9e3779b97f4a7c15);
    for (const std::uint64_t part : {source, destination, path}) mixed = mix((mixed ^ part) + 0x9e3779b97f4a7c15);
    return mixed;
  }

 private:
  static constexpr std::uint64_t mix(std::uint64_t value) noexcept {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
  }

  std::uint64_t state_;
};

}  // namespace weft::underlay

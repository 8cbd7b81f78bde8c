// A configuration whose instances have become hosts: what each way between two hosts is like. Immutable, shared by all workers.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/underlay/configuration.hpp"

namespace weft::underlay {

/// Where an instance stands. The underlay knows hosts only: a fault of an instance is one of its host.
struct Host {
  std::uint16_t zone = 0, rack = 0, number = 0;  // the rack inside its zone, the number inside its rack
  bool operator==(const Host&) const = default;
  std::uint64_t key() const noexcept {
    return std::uint64_t{zone} << 32 | std::uint64_t{rack} << 16 | number;
  }
};

/// What a packet crosses: the link of the host that sends it, a path, the link of the host that it is for.
enum class Hop : std::uint8_t { kPath, kUplink, kDownlink };

/// What waits before an uplink is in the memory of the host that sends, where a card takes it from when it can: no switch's
/// buffer, so `queue` and `ecn` are not about it. As much as two windows of an SRD flow; more is dropped.
inline constexpr std::uint32_t kUplinkQueueBytes = 8 << 20;

struct PlacedFault {
  std::optional<std::uint32_t> path{};
  std::optional<Host> from{}, to{};
  std::optional<Host> host{};  // of its link, and of no path
  Impairment impairment{};

  bool concerns(const Host& source, const Host& destination) const noexcept {
    if (host) return *host == source || *host == destination;
    return (!from || *from == source) && (!to || *to == destination);
  }
};

struct Plan {
  std::uint64_t version = 0;  // another one whenever anything below is another
  Layout layout{};
  std::vector<PlacedFault> faults{};

  /// Ways from one host to another: none on one host, one in a rack, a spine each between racks.
  std::uint32_t paths(const Host& from, const Host& to) const noexcept;
  /// False: nothing is wrong between them on any path, and nobody need ask further.
  bool concerns(const Host& from, const Host& to) const noexcept;
  /// The layout's and all faults' that concern it, in their order. Of the path only.
  Impairment impairment(const Host& from, const Host& to, std::uint32_t path) const noexcept;

  /// Something is set for the link of that host: what it exchanges with another host crosses it.
  bool links(const Host& host) const noexcept;
  /// The same of its link in one direction, which is no path.
  Impairment link_impairment(const Host& host, Hop direction) const noexcept;
  /// What the layout alone says of every link.
  Impairment usual_link(Hop direction) const noexcept;
};

/// The outer UDP source port by which switches choose among equal paths (facts fabric 5.8).
constexpr std::uint16_t outer_source_port(std::uint32_t hash) noexcept {
  return static_cast<std::uint16_t>(0xC000U | (hash & 0x3fffU));
}
/// The path of that port among `paths`, which is not 0. Multiplied first, as switches hash what they choose by: neighbouring
/// ports would else be neighbouring paths.
constexpr std::uint32_t path_of(std::uint16_t source_port, std::uint32_t paths) noexcept {
  const std::uint32_t spread = (source_port & 0x3fffU) * 0x9e3779b1U;  // 2^32 by the golden ratio: Knuth, TAOCP 3, 6.4
  return static_cast<std::uint32_t>(std::uint64_t{spread} * paths >> 32);
}

}  // namespace weft::underlay

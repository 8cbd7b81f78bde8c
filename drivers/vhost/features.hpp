// The virtio and vhost-user features that matter here (virtio 1.2, 5.1.3 and 6; QEMU docs/interop/vhost-user.rst).
#pragma once

#include <cstdint>

#include "drivers/vhost/frames.hpp"

namespace weft {

enum class Feature : unsigned {
  kGuestChecksum = 1,
  kMtu = 3,
  kGuestTso4 = 7,
  kGuestTso6 = 8,
  kGuestEcn = 9,
  kGuestUfo = 10,
  kHostUfo = 14,
  kMergedBuffers = 15,
  kLogAll = 26,      // VHOST_F_LOG_ALL
  kEventIndex = 29,
  kVersion1 = 32,
  kRingPacked = 34,
};

constexpr std::uint64_t bit(unsigned number) { return std::uint64_t{1} << number; }
constexpr std::uint64_t bit(Feature feature) { return bit(static_cast<unsigned>(feature)); }
constexpr bool has(std::uint64_t features, Feature feature) { return (features & bit(feature)) != 0; }

/// What rte_vhost would offer and we do not: UDP super-segments, which the engine has no words for, and the log of
/// written pages, which live migration needs and this device does not keep.
inline constexpr std::uint64_t kNotOffered = bit(Feature::kGuestUfo) | bit(Feature::kHostUfo) | bit(Feature::kLogAll);

/// Of the vhost-user protocol: several queues, the MTU, the driver's status. Not acknowledged messages: with those a
/// front end goes on after a message that failed half way.
inline constexpr std::uint64_t kProtocol = bit(0) | bit(4) | bit(16);

constexpr GuestOffloads guest_offloads(std::uint64_t features) {
  return {.merged_buffers = has(features, Feature::kMergedBuffers),
          .long_header = has(features, Feature::kMergedBuffers) || has(features, Feature::kVersion1) ||
                         has(features, Feature::kRingPacked),
          .checksum = has(features, Feature::kGuestChecksum),
          .tso4 = has(features, Feature::kGuestTso4),
          .tso6 = has(features, Feature::kGuestTso6),
          .tso_ecn = has(features, Feature::kGuestEcn)};
}

}  // namespace weft

// The MAC by which the guest of a trusted virtual function is to be reached: the one it last sent from. Nothing else about a
// trusted function is learned, and of the others nothing at all.
//
// Thread: any worker; a reader sees an old or the new MAC, never half of one.
#pragma once

#include <atomic>
#include <cstring>
#include <cstdint>
#include <memory>

#include "dataplane/net/address.hpp"

namespace weft {

class ClaimedMacs {
 public:
  /// False: no guest can be at such an address, which is a group's or nobody's.
  bool claim(std::uint16_t slot, const MacAddress& mac, const MacAddress& own) noexcept {
    const std::uint64_t claimed = number(mac);
    if (mac.is_multicast() || claimed == 0) return false;
    const std::uint64_t now = mac == own ? 0 : claimed;
    if (macs_[slot].load(std::memory_order_relaxed) != now) macs_[slot].store(now, std::memory_order_relaxed);
    return true;
  }
  MacAddress of(std::uint16_t slot, const MacAddress& own) const noexcept {
    const std::uint64_t claimed = macs_[slot].load(std::memory_order_relaxed);
    if (claimed == 0) return own;
    MacAddress mac;
    std::memcpy(mac.octets.data(), &claimed, mac.octets.size());
    return mac;
  }
  void forget(std::uint16_t slot) noexcept { macs_[slot].store(0, std::memory_order_relaxed); }

 private:
  static std::uint64_t number(const MacAddress& mac) noexcept {
    std::uint64_t number = 0;
    std::memcpy(&number, mac.octets.data(), mac.octets.size());
    return number;
  }

  static constexpr std::size_t kSlots = 65536;
  std::unique_ptr<std::atomic<std::uint64_t>[]> macs_ = std::make_unique<std::atomic<std::uint64_t>[]>(kSlots);  // 0: its own
};

}  // namespace weft

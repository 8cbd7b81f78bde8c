#include "drivers/efa/held_packets.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <tuple>

namespace weft::efa {

bool HeldPackets::later(const Arrival& one, const Arrival& other) noexcept {
  return std::tie(one.at_ns, one.number) > std::tie(other.at_ns, other.number);
}

bool HeldPackets::take_memory() noexcept {
  try {
    arrivals_.reserve(kMost);
    packets_.resize(kMost);
    free_.reserve(kMost);
    payloads_ = std::make_unique_for_overwrite<std::byte[]>(std::size_t{kMost} * kBufferStride);
  } catch (const std::bad_alloc&) {
    return false;  // asked again with the next packet
  }
  for (std::uint32_t place = kMost; place-- > 0;) free_.push_back(place);
  return true;
}

bool HeldPackets::hold(const HeldPacket& packet, const std::byte* payload, std::uint64_t at_ns) noexcept {
  if (payloads_ == nullptr && !take_memory()) return false;
  if (free_.empty()) return false;
  const std::uint32_t place = free_.back();
  free_.pop_back();
  packets_[place] = packet;
  std::memcpy(payload_at(place), payload, packet.length);
  arrivals_.push_back({at_ns, number_++, place});
  std::push_heap(arrivals_.begin(), arrivals_.end(), later);
  return true;
}

void HeldPackets::delay_next(std::uint64_t at_ns, std::uint16_t flags) noexcept {
  std::pop_heap(arrivals_.begin(), arrivals_.end(), later);
  HeldPacket& packet = packets_[arrivals_.back().place];
  packet.lands = false;
  packet.flags |= flags;
  arrivals_.back().at_ns = at_ns;
  arrivals_.back().number = number_++;
  std::push_heap(arrivals_.begin(), arrivals_.end(), later);
}

void HeldPackets::forget_next() noexcept {
  std::pop_heap(arrivals_.begin(), arrivals_.end(), later);
  free_.push_back(arrivals_.back().place);
  arrivals_.pop_back();
}

}  // namespace weft::efa

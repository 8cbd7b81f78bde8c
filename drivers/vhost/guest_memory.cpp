#include "drivers/vhost/guest_memory.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include <rte_vhost.h>

namespace weft {

bool GuestMemory::load(int vid) {
  count_ = 0;
  rte_vhost_memory* table = nullptr;
  if (rte_vhost_get_mem_table(vid, &table) != 0) return false;
  const std::unique_ptr<rte_vhost_memory, decltype(&std::free)> owner(table, &std::free);
  for (std::uint32_t i = 0; i < table->nregions && count_ < region_.size(); ++i) {
    const rte_vhost_mem_region& from = table->regions[i];
    if (from.size == 0 || from.guest_phys_addr + from.size < from.guest_phys_addr) continue;
    region_[count_++] = {from.guest_phys_addr, from.size, reinterpret_cast<std::byte*>(from.host_user_addr)};
  }
  return count_ != 0;
}

const GuestMemory::Region* GuestMemory::region_of(std::uint64_t guest_address) const noexcept {
  for (unsigned i = 0; i < count_; ++i)
    if (guest_address - region_[i].guest_address < region_[i].bytes) return &region_[i];
  return nullptr;
}

std::byte* GuestMemory::at(std::uint64_t guest_address, std::uint64_t bytes) const noexcept {
  const Region* const region = region_of(guest_address);
  if (region == nullptr) return nullptr;
  const std::uint64_t offset = guest_address - region->guest_address;
  return bytes <= region->bytes - offset ? region->data + offset : nullptr;
}

bool GuestMemory::add(std::uint64_t guest_address, std::uint32_t bytes, GuestPieces& pieces) const noexcept {
  while (bytes != 0) {
    const Region* const region = region_of(guest_address);
    if (region == nullptr) return false;
    const std::uint64_t offset = guest_address - region->guest_address;
    const auto here = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, region->bytes - offset));
    if (!pieces.add(region->data + offset, here)) return false;
    guest_address += here;
    bytes -= here;
  }
  return true;
}

bool GuestMemory::holds(const void* address, std::uint64_t bytes) const noexcept {
  const auto* const first = static_cast<const std::byte*>(address);
  return std::any_of(region_.begin(), region_.begin() + count_, [&](const Region& region) {
    if (first < region.data) return false;
    const auto offset = static_cast<std::uint64_t>(first - region.data);
    return offset < region.bytes && bytes <= region.bytes - offset;
  });
}

}  // namespace weft

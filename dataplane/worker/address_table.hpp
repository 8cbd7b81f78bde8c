// (VPC, IPv4 address) -> ENI slot: open addressing with linear probing, at most half full, built once per snapshot.
// Asked for the first packet of a flow and for ARP, never per packet of a known flow.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "drivers/port.hpp"

namespace weft {

class AddressTable {
 public:
  AddressTable() : AddressTable(0) {}
  explicit AddressTable(std::size_t addresses) : cells_(std::bit_ceil(2 * addresses + 2)) {}

  /// An address of one VPC once; the constructor said how many at most.
  void insert(std::uint16_t vpc, std::uint32_t address, EniSlot slot) noexcept {
    std::size_t at = home(vpc, address);
    while (cells_[at].slot != kNoEni) at = (at + 1) & (cells_.size() - 1);
    cells_[at] = {address, vpc, slot};
  }

  /// kNoEni when no ENI of the VPC has the address.
  EniSlot find(std::uint16_t vpc, std::uint32_t address) const noexcept {
    for (std::size_t at = home(vpc, address);; at = (at + 1) & (cells_.size() - 1)) {
      const Cell& cell = cells_[at];
      if (cell.slot == kNoEni || (cell.address == address && cell.vpc == vpc)) return cell.slot;
    }
  }

 private:
  struct Cell {
    std::uint32_t address = 0;
    std::uint16_t vpc = 0;
    EniSlot slot = kNoEni;
  };
  std::size_t home(std::uint16_t vpc, std::uint32_t address) const noexcept {
    const std::uint64_t key = std::uint64_t{vpc} << 32 | address;
    return (key * 0x9e3779b97f4a7c15ULL >> 32) & (cells_.size() - 1);
  }

  std::vector<Cell> cells_;
};

}  // namespace weft

// Who has an address: (VPC, address) -> ENI slot, for both families. Asked for the first packet of a flow, for ARP and
// for what an ENI sends from another than its primary address; never per packet of a known flow from the primary one.
//
//   AddressTable  single addresses: open addressing with linear probing, at most half full
//   PrefixTable   prefixes delegated to ENIs: sorted; they overlap neither each other nor a single address (facts ec2 1.4)
//
// Both are built once per snapshot.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "dataplane/net/address.hpp"
#include "drivers/port.hpp"

namespace weft {

class AddressTable {
 public:
  AddressTable() : AddressTable(0) {}
  explicit AddressTable(std::size_t addresses) : cells_(std::bit_ceil(2 * addresses + 2)) {}

  /// An address of one VPC once; the constructor said how many at most.
  void insert(std::uint16_t vpc, const IpAddress& address, EniSlot slot) noexcept {
    std::size_t at = home(vpc, address);
    while (cells_[at].slot != kNoEni) at = (at + 1) & (cells_.size() - 1);
    cells_[at] = {address, vpc, slot};
  }

  /// kNoEni when no ENI of the VPC has the address.
  EniSlot find(std::uint16_t vpc, const IpAddress& address) const noexcept {
    for (std::size_t at = home(vpc, address);; at = (at + 1) & (cells_.size() - 1)) {
      const Cell& cell = cells_[at];
      if (cell.slot == kNoEni || (cell.vpc == vpc && cell.address == address)) return cell.slot;
    }
  }

 private:
  struct Cell {
    IpAddress address;
    std::uint16_t vpc = 0;
    EniSlot slot = kNoEni;
  };
  std::size_t home(std::uint16_t vpc, const IpAddress& address) const noexcept {
    const std::uint64_t mixed = (std::hash<IpAddress>{}(address) ^ vpc) * 0x9e3779b97f4a7c15ULL;
    return (mixed >> 32) & (cells_.size() - 1);
  }

  std::vector<Cell> cells_;
};

class PrefixTable {
 public:
  /// In any order; finish() before the first find().
  void insert(std::uint16_t vpc, const IpPrefix& prefix, EniSlot slot) { cells_.push_back({vpc, prefix, slot}); }
  void finish() { std::sort(cells_.begin(), cells_.end(), before); }

  EniSlot find(std::uint16_t vpc, const IpAddress& address) const noexcept {
    const Cell wanted{vpc, {address, 128}, kNoEni};
    const auto after = std::upper_bound(cells_.begin(), cells_.end(), wanted, before);
    if (after == cells_.begin()) return kNoEni;
    const Cell& cell = *(after - 1);  // the last that begins at or before the address
    return cell.vpc == vpc && cell.prefix.contains(address) ? cell.slot : kNoEni;
  }

 private:
  struct Cell {
    std::uint16_t vpc;
    IpPrefix prefix;
    EniSlot slot;
  };
  static bool before(const Cell& a, const Cell& b) noexcept {
    return a.vpc != b.vpc ? a.vpc < b.vpc : a.prefix < b.prefix;
  }

  std::vector<Cell> cells_;
};

}  // namespace weft

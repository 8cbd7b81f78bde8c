// The 1:1 NAT of the internet gateway as two maps: private -> public and back (facts ec2 3.1, 3.3). IPv4 only: IPv6 goes
// through the gateway unchanged (facts ec2 1.10). Built once per snapshot; looked up for every packet through the gateway.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/model/deployment.hpp"

namespace weft {

/// Open addressing with linear probing, at most half full. Host order; 0.0.0.0 is nobody's, and marks a free cell.
class AddressMap {
 public:
  AddressMap() : AddressMap(0) {}
  explicit AddressMap(std::size_t addresses);

  void insert(std::uint32_t from, std::uint32_t to) noexcept;  // the first of two for one address stays
  std::optional<std::uint32_t> find(std::uint32_t from) const noexcept {
    for (std::size_t at = home(from); cells_[at].from != 0; at = (at + 1) & (cells_.size() - 1))
      if (cells_[at].from == from) return cells_[at].to;
    return std::nullopt;
  }

 private:
  struct Cell {
    std::uint32_t from = 0, to = 0;
  };
  std::size_t home(std::uint32_t from) const noexcept { return (from * 0x9e3779b1U >> 7) & (cells_.size() - 1); }

  std::vector<Cell> cells_;
};

/// An IPv4 prefix as the range of its addresses, in host order.
struct Ipv4Range {
  std::uint32_t first = 1, last = 0;  // nobody

  static Ipv4Range of(const IpPrefix& prefix) noexcept;
  bool contains(std::uint32_t address) const noexcept { return address >= first && address <= last; }
};

struct PublicAddresses {
  AddressMap public_of;   // of a private address: primary, secondary, or in a delegated prefix
  AddressMap private_of;  // of a public one
  Ipv4Range inside;       // the VPC
  Ipv4Range pool;         // what the VPC's public addresses come from: nobody outside has one of them

  /// Whoever is outside has neither an address of the VPC's nor one that nobody can have (RFC 1812 5.3.7).
  bool is_outside(std::uint32_t address) const noexcept {
    const unsigned net = address >> 24;
    return net != 0 && net != 127 && net < 224 && !inside.contains(address) && !pool.contains(address) &&
           !private_of.find(address);
  }

  /// An Elastic IP takes the place of the public address that the ENI's primary address had (facts ec2 3.1).
  static PublicAddresses compile(const Deployment& deployment);
};

}  // namespace weft

// From a private address to the ENI that has it: primary, secondary, IPv6, or inside a prefix delegated to it (facts
// ec2 1.3, 1.4). That is what membership of a security group means for a rule (facts ec2 2.2).
#pragma once

#include <unordered_map>
#include <vector>

#include "dataplane/policy/address_number.hpp"
#include "dataplane/policy/gate.hpp"

namespace weft {

class AddressIndex {
 public:
  static constexpr PolicyEni kNobody = 0xffffffff;

  AddressIndex() = default;
  /// `enis` as flatten_enis() gives them. No two have the same address: the model sees to that.
  explicit AddressIndex(const std::vector<const Eni*>& enis);

  PolicyEni find(const IpAddress& address) const noexcept;

 private:
  struct Delegated {
    AddressNumber last;
    PolicyEni eni = kNobody;
  };
  std::unordered_map<IpAddress, PolicyEni> addresses_;
  std::vector<AddressNumber> first_;  // of the delegated prefixes, which are disjoint; sorted
  std::vector<Delegated> delegated_;
};

}  // namespace weft

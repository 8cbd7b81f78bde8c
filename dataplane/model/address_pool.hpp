// Which addresses and delegated prefixes of a VPC are taken, and by whom; the lowest that is free. One for both
// families.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "dataplane/net/address.hpp"

namespace weft {

/// Of a subnet's block, /16 to /28 or an IPv6 /64: not the first four, nor the last (facts ec2 1.6).
bool is_usable(const IpPrefix& subnet, const IpAddress& ip);

/// A delegated prefix, /28 or /80, that lies in the subnet's block and holds none of its reserved addresses.
bool is_usable(const IpPrefix& subnet, const IpPrefix& prefix);

/// The first and the last address that an interface may have, and how many there are: "251", or "2^64 - 5".
IpAddress first_usable(const IpPrefix& subnet);
IpAddress last_usable(const IpPrefix& subnet);
std::string count_usable(const IpPrefix& subnet);

class AddressPool {
 public:
  /// Who has the address, or a delegated prefix around it; null: nobody.
  const std::string* holder(const IpAddress& ip) const;
  /// Who has the prefix, or an address inside it; null: nobody.
  const std::string* holder(const IpPrefix& prefix) const;

  /// False when somebody has it already.
  bool take(const IpAddress& ip, const std::string& who);
  bool take(const IpPrefix& prefix, const std::string& who);

  /// The lowest free one of the subnet's block, now taken. Nothing is ever given back, so the search goes on where the
  /// last one ended.
  std::optional<IpAddress> take_lowest(const IpPrefix& subnet, const std::string& who);
  std::optional<IpPrefix> take_lowest_prefix(const IpPrefix& subnet, const std::string& who);

 private:
  std::map<IpAddress, std::string> addresses_;
  std::map<IpPrefix, std::string> prefixes_;
  std::map<IpPrefix, std::uint64_t> next_address_, next_prefix_;  // per block: nothing free lies below
};

}  // namespace weft

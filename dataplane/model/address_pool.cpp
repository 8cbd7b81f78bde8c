#include "dataplane/model/address_pool.hpp"

namespace weft {
namespace {

constexpr std::uint64_t kFirstUsable = 4;  // network, router, DNS and one for the future come before (facts ec2 1.6)
constexpr std::uint8_t kV4PrefixLength = 96 + 28, kV6PrefixLength = 80;  // facts ec2 1.4

std::uint64_t low_half(const IpAddress& ip) {
  std::uint64_t value = 0;
  for (std::size_t i = 8; i < 16; ++i) value = value << 8 | ip.octets[i];
  return value;
}

IpAddress with_low_half(IpAddress ip, std::uint64_t value) {
  for (std::size_t i = 16; i-- > 8; value >>= 8) ip.octets[i] = static_cast<std::uint8_t>(value);
  return ip;
}

// No block here is larger than a /64, so offsets inside it are 64 bits, and all that differs is in the low half.
std::uint64_t last_offset(const IpPrefix& block) {
  const unsigned host_bits = 128u - block.length;
  return host_bits >= 64 ? ~0ull : (1ull << host_bits) - 1;
}

IpAddress nth(const IpPrefix& block, std::uint64_t offset) {
  return with_low_half(block.address, low_half(block.address) + offset);
}

std::uint64_t offset_of(const IpPrefix& block, const IpAddress& ip) { return low_half(ip) - low_half(block.address); }

std::uint8_t delegated_length(bool v4) { return v4 ? kV4PrefixLength : kV6PrefixLength; }

IpPrefix delegated_around(const IpAddress& ip) { return IpPrefix::make(ip, delegated_length(ip.is_v4())); }

}  // namespace

bool is_usable(const IpPrefix& subnet, const IpAddress& ip) {
  if (!subnet.contains(ip)) return false;
  const std::uint64_t offset = offset_of(subnet, ip);
  return offset >= kFirstUsable && offset < last_offset(subnet);
}

bool is_usable(const IpPrefix& subnet, const IpPrefix& prefix) {
  return prefix.length == delegated_length(prefix.is_v4()) && subnet.contains(prefix) &&
         is_usable(subnet, prefix.address) && is_usable(subnet, nth(prefix, last_offset(prefix)));
}

IpAddress first_usable(const IpPrefix& subnet) { return nth(subnet, kFirstUsable); }
IpAddress last_usable(const IpPrefix& subnet) { return nth(subnet, last_offset(subnet) - 1); }

std::string count_usable(const IpPrefix& subnet) {
  return subnet.is_v4() ? std::to_string(last_offset(subnet) - kFirstUsable) : "2^64 - 5";
}

const std::string* AddressPool::holder(const IpAddress& ip) const {
  if (auto found = addresses_.find(ip); found != addresses_.end()) return &found->second;
  auto found = prefixes_.find(delegated_around(ip));
  return found == prefixes_.end() ? nullptr : &found->second;
}

const std::string* AddressPool::holder(const IpPrefix& prefix) const {
  if (auto found = prefixes_.find(prefix); found != prefixes_.end()) return &found->second;
  auto inside = addresses_.lower_bound(prefix.address);
  return inside != addresses_.end() && prefix.contains(inside->first) ? &inside->second : nullptr;
}

bool AddressPool::take(const IpAddress& ip, const std::string& who) {
  return holder(ip) == nullptr && addresses_.emplace(ip, who).second;
}

bool AddressPool::take(const IpPrefix& prefix, const std::string& who) {
  return holder(prefix) == nullptr && prefixes_.emplace(prefix, who).second;
}

std::optional<IpAddress> AddressPool::take_lowest(const IpPrefix& subnet, const std::string& who) {
  std::uint64_t& offset = next_address_.try_emplace(subnet, kFirstUsable).first->second;
  while (offset < last_offset(subnet)) {
    const IpAddress ip = nth(subnet, offset);
    if (take(ip, who)) return nth(subnet, offset++);
    // Over a delegated prefix in one step: a /80 has more addresses than anybody can count.
    const IpPrefix around = delegated_around(ip);
    if (!prefixes_.contains(around))
      ++offset;
    else if (const std::uint64_t end = offset_of(subnet, around.address) + last_offset(around);
             end < last_offset(subnet))
      offset = end + 1;
    else
      offset = last_offset(subnet);
  }
  return std::nullopt;
}

std::optional<IpPrefix> AddressPool::take_lowest_prefix(const IpPrefix& subnet, const std::string& who) {
  const std::uint8_t length = delegated_length(subnet.is_v4());
  if (length <= subnet.length) return std::nullopt;  // it would hold the reserved addresses
  const std::uint64_t step = last_offset(IpPrefix::make(subnet.address, length)) + 1;
  const std::uint64_t count = 1ull << (length - subnet.length);
  std::uint64_t& index = next_prefix_.try_emplace(subnet, 1).first->second;  // the first holds the reserved addresses
  for (; index + 1 < count; ++index) {                                       // and so does the last
    const IpPrefix prefix = IpPrefix::make(nth(subnet, index * step), length);
    if (take(prefix, who)) return ++index, prefix;
  }
  return std::nullopt;
}

}  // namespace weft

// ICMP errors that the fabric sends itself, in the name of the subnet's router: the packet was too big for the internet
// gateway, or its time to live ended there (RFC 792, 1191, 1812 4.3; ICMPv6: RFC 4443).
#pragma once

#include <array>
#include <cstdint>

#include <rte_mbuf.h>

#include "dataplane/net/address.hpp"
#include "drivers/port.hpp"

namespace weft {

struct IcmpError {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint16_t mtu = 0;  // next-hop MTU of "too big"; else 0
};

/// The error never grows beyond this with its IP header (RFC 1812 4.3.2.3; RFC 4443 2.4 c).
inline constexpr std::size_t kIcmpErrorBytes = 576;
inline constexpr std::size_t kIcmpv6ErrorBytes = 1280;

/// Nobody answers an ICMP error, a later fragment, or what was sent to or by more than one (RFC 1122 3.2.2).
bool may_be_answered_by_error(const rte_mbuf* packet) noexcept;

/// A finished frame from the router to the sender of `about`, a packet of the router's family as its sender has sent it.
/// Null without a buffer.
rte_mbuf* make_icmp_error(const rte_mbuf* about, const IcmpError& error, const IpAddress& router,
                          const MacAddress& router_mac, rte_mempool* pool) noexcept;

/// How many errors an ENI may get (RFC 1812 4.3.2.8 wants a limit; the number is ours): a bucket of tokens, shared by the
/// few ENIs whose slots are equal modulo the table's size.
class IcmpErrorBudget {
 public:
  static constexpr std::uint32_t kPerSecond = 1000;
  static constexpr std::uint32_t kBurst = 100;

  bool take(EniSlot eni, std::uint64_t now_ns) noexcept;

 private:
  static constexpr std::uint64_t kCostNs = 1'000'000'000 / kPerSecond;
  static constexpr std::uint64_t kFullNs = kCostNs * kBurst;
  /// The time up to which the tokens are used: a bucket is full when that is kFullNs ago.
  std::array<std::uint64_t, 256> used_until_ns_{};
};

}  // namespace weft

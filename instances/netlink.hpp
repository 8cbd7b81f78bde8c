// A few rtnetlink requests (RFC 3549, rtnetlink(7)), each acknowledged: what `ip link`, `ip address`, `ip route` and
// `ip rule` would do, without needing iproute2 or a fork.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "instances/holder.hpp"

namespace weft::holder {

/// One request, grown attribute by attribute.
class NetlinkRequest {
 public:
  NetlinkRequest(std::uint16_t type, std::uint16_t flags, std::span<const std::byte> fixed_header);
  NetlinkRequest& attribute(std::uint16_t type, std::span<const std::byte> value);
  NetlinkRequest& attribute(std::uint16_t type, std::uint32_t value);
  std::span<const std::byte> bytes();

 private:
  std::vector<std::byte> bytes_;
};

template <typename Header>
NetlinkRequest netlink_request(std::uint16_t type, std::uint16_t flags, const Header& header) {
  return {type, flags, std::as_bytes(std::span(&header, 1))};
}

/// A socket in the network namespace that the caller is in.
class Netlink {
 public:
  static Result<Netlink> open();
  /// Sends and waits for the kernel's word; `step` is named in the error. `as_good_as_done`: an errno that is none.
  Result<void> apply(const std::string& step, NetlinkRequest request, int as_good_as_done = 0);

 private:
  explicit Netlink(UniqueFd socket) : socket_(std::move(socket)) {}
  UniqueFd socket_;
};

}  // namespace weft::holder

// Which queue a card with symmetric RSS would put a flow into, from the flow's key (net/symmetric_rss.hpp).
#pragma once

#include <type_traits>

#include "dataplane/flow/entry.hpp"
#include "dataplane/net/symmetric_rss.hpp"

namespace weft {

/// What a card computes of the flow's packets that are whole. Of fragments it hashes the addresses only.
template <typename Key>
std::uint16_t rss_of(const Key& key) noexcept {
  const auto address = [&key](unsigned end) {
    if constexpr (std::is_same_v<typename Key::Address, std::uint32_t>) return Ipv4Address{key.address[end]};
    else return key.address[end];
  };
  const bool ports = key.protocol == kProtocolTcp || key.protocol == kProtocolUdp;
  return symmetric_rss(address(0), address(1), ports ? key.port[0] : 0, ports ? key.port[1] : 0);
}

}  // namespace weft

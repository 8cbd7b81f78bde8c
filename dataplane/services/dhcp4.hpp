// DHCPv4 (RFC 2131, options RFC 2132): the router's address is the server, and the only lease there is belongs to the
// ENI: its primary private IPv4 (facts ec2 1.7, statement 8). There is no state: every answer follows from the view.
#pragma once

#include <cstddef>
#include <span>

#include "dataplane/services/refusal.hpp"
#include "dataplane/services/view.hpp"

namespace weft::services {

inline constexpr std::uint16_t kDhcp4ServerPort = 67;
inline constexpr std::uint16_t kDhcp4ClientPort = 68;

/// Where the answer goes (RFC 2131 4.1).
struct Dhcp4Target {
  Ipv4Address address;
  MacAddress mac;
};

/// `request` and `out` are payloads of UDP; `target` is set when the outcome is kAnswered.
Answer answer_dhcp4(const ServiceView& view, std::span<const std::byte> request, std::span<std::byte> out,
                    Dhcp4Target& target) noexcept;

}  // namespace weft::services

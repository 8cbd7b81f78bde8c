// The VPC's resolver (facts ec2 1.9): RFC 1035 with EDNS0 (RFC 6891), over UDP. It is the authority for the instances'
// names and forwards nothing: what is not the VPC's is REFUSED.
#pragma once

#include <cstddef>
#include <span>

#include "dataplane/services/refusal.hpp"
#include "dataplane/services/view.hpp"

namespace weft::services {

inline constexpr std::uint16_t kDnsPort = 53;

enum class DnsTransport : std::uint8_t { kUdp, kTcp };  // over TCP the client's UDP size does not limit the answer

/// `request` and `out` are DNS messages.
Answer answer_dns(const ServiceView& view, std::span<const std::byte> request, std::span<std::byte> out,
                  DnsTransport transport = DnsTransport::kUdp) noexcept;

}  // namespace weft::services

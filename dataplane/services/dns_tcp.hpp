// The resolver over TCP (RFC 7766): messages, each behind its length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/services/tcp_connections.hpp"
#include "dataplane/services/view.hpp"

namespace weft::services {

/// The first query of `asked`. One that cannot be answered ends the connection.
Reaction react_dns(const ServiceView& view, std::span<const std::byte> asked, std::span<std::byte> room) noexcept;

}  // namespace weft::services

// The resolver over TCP (RFC 7766), without a connection: every segment says enough to be answered by itself. Our
// sequence numbers are those that the client acknowledges, and a segment that is sent again gets the same answer again.
//
// What that costs: a query must be whole in one segment, as every resolver library sends it, and its answer is one
// segment too. Of several queries in one segment the first is acknowledged; the client sends the others again.
#pragma once

#include <cstddef>
#include <span>

#include "dataplane/services/frame.hpp"
#include "dataplane/services/refusal.hpp"
#include "dataplane/services/view.hpp"

namespace weft::services {

/// `request` is TCP to a resolver's address and no fragment; `out` takes a frame.
Answer answer_dns_tcp(const ServiceView& view, const Request& request, std::span<std::byte> out) noexcept;

}  // namespace weft::services

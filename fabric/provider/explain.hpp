// One sentence on standard error when communication fails for good. MPI libraries turn every such failure into
// "internal error", libfabric's log is silent by default, and the user is left with neither (facts fabric 7, "MPI
// hangs", "SG rules for EFA"). FI_WEFT_EXPLAIN=0 keeps quiet.
#pragma once

#include <cstdint>

#include "fabric/rdm/endpoint.hpp"

namespace weft::provider {

/// Says why, the first time a process meets this status; nothing for statuses that are ordinary (truncated, cancelled).
/// `address`: of the ENI whose endpoint failed; number and hint: of error_text.hpp.
void explain_once(rdm::Status status, const std::uint8_t (&address)[16], int provider_error, const char* hint) noexcept;
void explain_device_gone(const std::uint8_t (&address)[16]) noexcept;

}  // namespace weft::provider

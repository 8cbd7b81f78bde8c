// What went wrong, in the numbers and words that users of EFA search for, plus what to check.
#pragma once

#include <cstddef>

#include "fabric/rdm/endpoint.hpp"

namespace weft::provider {

/// libfabric's error number of a failed operation (positive, FI_E...).
int fabric_error(rdm::Status status) noexcept;

/// prov_errno of a failed operation: EFA's completion status where the device gave one, EFA's 4126 for a peer that
/// cannot be reached (libfabric prov/efa/src/efa_errno.h).
int provider_error(rdm::Status status, int device_status) noexcept;

/// fi_cq_strerror: a sentence for a number from provider_error(). Never null.
const char* error_text(int provider_error) noexcept;

/// Which of its causes it was, and what to do, or null. The address itself says so in fi_cq_err_entry::err_data.
const char* hint_text(efa::SendHint hint) noexcept;

/// The sentence, and the hint if `hint` is one of hint_text()'s; anything else is not looked at. In `text`, or, where that
/// is null, in memory of the calling thread until its next call.
const char* full_text(int provider_error, const void* hint, char* text, std::size_t size) noexcept;

}  // namespace weft::provider

// fi_getinfo: what this provider answers to an application's hints.
#pragma once

#include <rdma/fabric.h>
#include <rdma/fi_endpoint.h>

#include <cstdint>

#include "drivers/efa/abi.hpp"

namespace weft::provider {

/// The provider's getinfo entry.
int get_info(std::uint32_t version, const char* node, const char* service, std::uint64_t flags, const fi_info* hints,
             fi_info** result) noexcept;

/// Whether `offer` satisfies `hints` (not null): 0 or -FI_ENODATA. libfabric's rules, facts fabric 1.5.
int check_hints(const fi_info& offer, const fi_info& hints, std::uint32_t version) noexcept;

/// Turns the offer into the answer: echoes what the hints chose, leaves out what they did not ask for. `hints` may be
/// null and must have passed check_hints.
void answer_hints(fi_info& answer, const fi_info* hints, std::uint32_t version) noexcept;

/// "weft0-rdm", or "weft0-dgrm" for FI_EP_DGRAM, for the function with device index 0; `size` at least 24.
void domain_name(const efa::FunctionInfo& function, fi_ep_type type, char* name, std::size_t size) noexcept;

}  // namespace weft::provider

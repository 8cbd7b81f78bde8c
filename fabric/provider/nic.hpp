// The `fid_nic` in a fi_info: which card this would be. Open MPI 5 and MPICH read the PCI address for locality, and
// fi_dupinfo/fi_freeinfo call our dup and close on it, so they are mandatory (facts fabric 1.2).
#pragma once

#include <rdma/fabric.h>

#include "drivers/efa/abi.hpp"

namespace weft::provider {

/// Null when out of memory.
fid_nic* make_nic(const efa::FunctionInfo& function) noexcept;

}  // namespace weft::provider

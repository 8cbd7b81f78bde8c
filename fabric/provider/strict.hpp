// EFA strict mode (WEFT_EFA_STRICT=1): only what the device itself can, with its limits and its error numbers, so that a
// program that would fail on an EFA fails here. As libfabric's `efa-direct` fabric: datagrams up to the MTU and RDMA,
// no tags, no atomics, no order (facts ec2 6.3, fabric 2.3).
#pragma once

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>

#include <cstddef>
#include <cstdint>

#include "drivers/efa/abi.hpp"
#include "fabric/provider/settings.hpp"
#include "fabric/rdm/endpoint.hpp"

namespace weft::provider {

struct Outgoing;
struct Incoming;
struct Domain;

namespace strict {

inline constexpr std::size_t kMessage = efa::kMtu;
inline constexpr std::size_t kRdma = std::size_t{1} << 30;
inline constexpr std::size_t kInline = 32;
inline constexpr std::size_t kSendPieces = 2, kReceivePieces = 3, kRdmaPieces = 1;
inline constexpr std::size_t kTransmitQueue = 4096, kReceiveQueue = 8192;
inline constexpr std::size_t kQueues = 512, kRegions = 262144;  // per device; 256 queue pairs are weftd's own limit
inline constexpr int kMrMode = FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;
inline constexpr std::uint64_t kMode = FI_CONTEXT2;
inline constexpr std::uint64_t kKeyMask = 0xffffffff;  // a key has four bytes

/// Cuts the whole offer down to the device's. `function`: null where no daemon says what the instance type has.
void limit(fi_info& offer, const efa::FunctionInfo* function) noexcept;

// 0 or what the call answers. In strict mode only.
ssize_t check(const Outgoing& message) noexcept;
ssize_t check(const Incoming& request) noexcept;
ssize_t check(const rdm::OneSidedRequest& request, std::size_t length, const Domain& domain) noexcept;

}  // namespace strict
}  // namespace weft::provider

// What weft offers, as one unfiltered fi_info for each type of endpoint: the table of facts fabric 8, restricted to what works today. info_check.cpp compares hints with it, info_alter.cpp turns it into the answer.
#pragma once

#include <rdma/fabric.h>
#include <rdma/fi_endpoint.h>

#include "fabric/rdm/endpoint.hpp"

namespace weft::provider {

// Capabilities by what they apply to; the sets that libfabric's getinfo_test lets each attribute carry.
inline constexpr std::uint64_t kTransmitCaps = FI_MSG | FI_TAGGED | FI_RMA | FI_ATOMIC | FI_SEND | FI_READ | FI_WRITE | FI_FENCE;
inline constexpr std::uint64_t kReceiveCaps = FI_MSG | FI_TAGGED | FI_RMA | FI_ATOMIC | FI_RECV | FI_REMOTE_READ |
                                              FI_REMOTE_WRITE | FI_MULTI_RECV | FI_DIRECTED_RECV | FI_SOURCE |
                                              FI_RMA_EVENT;
inline constexpr std::uint64_t kDomainCaps = FI_LOCAL_COMM | FI_REMOTE_COMM;
inline constexpr std::uint64_t kCaps = kTransmitCaps | kReceiveCaps | kDomainCaps;

// Secondary capabilities are always in the answer, primary ones when asked for (fi_getinfo(3), "Capabilities").
inline constexpr std::uint64_t kSecondaryCaps =
    FI_MULTI_RECV | FI_SOURCE | FI_RMA_EVENT | FI_FENCE | FI_LOCAL_COMM | FI_REMOTE_COMM;
inline constexpr std::uint64_t kPrimaryCaps = kCaps & ~kSecondaryCaps;
inline constexpr std::uint64_t kDirectionCaps = FI_SEND | FI_RECV;  // of messages
inline constexpr std::uint64_t kRemoteDirectionCaps = FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE;

// Atomic operations of one endpoint on one peer happen in the order they were posted; messages match in that order.
inline constexpr std::uint64_t kOrder =
    FI_ORDER_SAS | FI_ORDER_ATOMIC_RAR | FI_ORDER_ATOMIC_RAW | FI_ORDER_ATOMIC_WAR | FI_ORDER_ATOMIC_WAW;

inline constexpr std::uint64_t kTransmitFlags =
    FI_INJECT | FI_COMPLETION | FI_INJECT_COMPLETE | FI_TRANSMIT_COMPLETE | FI_DELIVERY_COMPLETE;
inline constexpr std::uint64_t kReceiveFlags = FI_COMPLETION | FI_MULTI_RECV;

inline constexpr std::size_t kLargestQueue = 65536;  // more than the default `size` may be asked for, up to this
inline constexpr std::uint64_t kTagFormat = 0xaaaaaaaaaaaaaaaa;  // 64 bits in any division
inline constexpr std::uint32_t kProtocol = FI_PROV_SPECIFIC | 0x57454654u;  // "WEFT": the RDM wire format, version 1
inline constexpr std::uint32_t kProtocolVersion = 1;

// Datagram endpoints: messages only, as they are.
inline constexpr std::uint64_t kDatagramTransmitCaps = FI_MSG | FI_SEND;
inline constexpr std::uint64_t kDatagramReceiveCaps = FI_MSG | FI_RECV | FI_SOURCE;
inline constexpr std::uint64_t kDatagramCaps = kDatagramTransmitCaps | kDatagramReceiveCaps | kDomainCaps;
inline constexpr std::uint64_t kDatagramTransmitFlags =
    FI_INJECT | FI_COMPLETION | FI_INJECT_COMPLETE | FI_TRANSMIT_COMPLETE;
inline constexpr std::uint32_t kDatagramProtocol = FI_PROV_SPECIFIC | 0x57454647u;  // "WEFG"

/// The whole offer for endpoints of this type: FI_EP_RDM or FI_EP_DGRAM. Null when out of memory; free with fi_freeinfo.
/// Names, addresses and nic are left to the caller.
fi_info* make_offer(fi_ep_type type) noexcept;

}  // namespace weft::provider

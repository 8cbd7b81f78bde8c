// What the whole provider shares: its descriptor (libfabric's log wants it) and whether this process is a fork.
#pragma once

#include <rdma/providers/fi_log.h>
#include <rdma/providers/fi_prov.h>

#include <atomic>

namespace weft::provider {

inline constexpr char kProviderName[] = "weft";  // unless it is loaded as "efa", provider.cpp
inline constexpr char kFabricName[] = "weft";
inline constexpr unsigned kProviderVersion = FI_VERSION(117, 0);  // as Debian's built-in providers count

extern fi_provider weft_provider;

/// Set in a child by fork(): the queues belong to the parent, so every op answers -FI_EOPNOTSUPP there.
extern std::atomic<bool> is_forked_child;
inline bool forked() noexcept { return is_forked_child.load(std::memory_order_relaxed); }

}  // namespace weft::provider

#define WEFT_LOG(level, subsystem, ...) \
  FI_LOG(&::weft::provider::weft_provider, FI_LOG_##level, FI_LOG_##subsystem, __VA_ARGS__)

// fid_fabric: the parent of domains and event queues. Holds nothing but the count of its children.
#pragma once

#include <rdma/fabric.h>

#include <atomic>

namespace weft::provider {

struct Fabric : fid_fabric {
  std::atomic<int> children{0};  // fi_close answers -FI_EBUSY while there are some

  static Fabric* of(fid_fabric* fabric) { return static_cast<Fabric*>(fabric); }
};

/// The provider's fabric entry.
int open_fabric(fi_fabric_attr* attributes, fid_fabric** fabric, void* context) noexcept;

}  // namespace weft::provider

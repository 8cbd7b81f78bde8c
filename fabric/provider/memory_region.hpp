// fid_mr: memory that peers may read and write under its key. Local buffers need no registration; who registers them
// all the same (FI_MR_LOCAL habits) gets a region that nobody can reach.
#pragma once

#include <rdma/fi_domain.h>

#include "fabric/provider/counter.hpp"
#include "fabric/provider/domain.hpp"

namespace weft::provider {

class MemoryRegion final : public fid_mr {
 public:
  explicit MemoryRegion(Domain& parent) : domain(parent) { domain.children.fetch_add(1); }
  ~MemoryRegion();

  static MemoryRegion* of(struct fid* generic) { return from_fid<MemoryRegion, fid_mr>(generic); }

  int bind(struct fid* other, std::uint64_t flags);

  /// A peer's operation on this region is complete; under the domain's lock.
  void count(bool is_read) {
    if (Counter* counter = is_read ? reads_ : writes_; counter != nullptr) counter->count(false);
  }

  Domain& domain;

 private:
  Counter* reads_ = nullptr;
  Counter* writes_ = nullptr;
};

}  // namespace weft::provider

// Memory registration. Weft needs none: local buffers are read and written by the process itself, and there is no
// remote access yet. Applications that register anyway (FI_MR_LOCAL habits) get a region that costs an allocation, with
// a key of its own.
#include <rdma/fi_errno.h>

#include <mutex>
#include <new>

#include "fabric/provider/domain.hpp"
#include "fabric/provider/provider.hpp"
#include "fabric/provider/stubs.hpp"

namespace weft::provider {
namespace {

struct MemoryRegion : fid_mr {
  Domain& domain;
  explicit MemoryRegion(Domain& parent) : domain(parent) { domain.children.fetch_add(1); }
  ~MemoryRegion() { domain.children.fetch_sub(1); }
};

int close_region(fid* generic) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  auto* region = from_fid<MemoryRegion, fid_mr>(generic);
  {
    std::lock_guard guard(region->domain.lock);
    region->domain.region_keys.erase(region->key);
  }
  delete region;
  return 0;
}

int control_region(fid*, int command, void*) noexcept { return command == FI_ENABLE ? 0 : -FI_ENOSYS; }

constinit fi_ops region_object_ops = {
    .size = sizeof(fi_ops),
    .close = close_region,
    .bind = unsupported,
    .control = control_region,
    .ops_open = unsupported,
    .tostr = unsupported,
    .ops_set = unsupported,
};

int add_region(Domain& domain, std::uint64_t key, void* context, fid_mr** result) {
  auto* region = new (std::nothrow) MemoryRegion(domain);
  if (region == nullptr) return -FI_ENOMEM;
  bool fresh = false;
  {
    std::lock_guard guard(domain.lock);
    fresh = domain.region_keys.insert(key).second;
  }
  if (!fresh) {
    delete region;
    return -FI_ENOKEY;  // fi_mr(3): the requested key is in use
  }
  region->fid = {.fclass = FI_CLASS_MR, .context = context, .ops = &region_object_ops};
  region->mem_desc = region;
  region->key = key;
  *result = region;
  return 0;
}

int register_buffers(fid* generic, const iovec* buffers, std::size_t count, std::uint64_t, std::uint64_t,
                     std::uint64_t key, std::uint64_t, fid_mr** result, void* context) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  if (generic->fclass != FI_CLASS_DOMAIN || buffers == nullptr || count == 0 || count > 4) return -FI_EINVAL;
  return add_region(*from_fid<Domain, fid_domain>(generic), key, context, result);
}

int register_buffer(fid* generic, const void* buffer, std::size_t size, std::uint64_t access, std::uint64_t offset,
                    std::uint64_t key, std::uint64_t flags, fid_mr** result, void* context) noexcept {
  const iovec whole{const_cast<void*>(buffer), size};
  return register_buffers(generic, &whole, 1, access, offset, key, flags, result, context);
}

int register_attributes(fid* generic, const fi_mr_attr* attributes, std::uint64_t flags, fid_mr** result) noexcept {
  return register_buffers(generic, attributes->mr_iov, attributes->iov_count, attributes->access, attributes->offset,
                          attributes->requested_key, flags, result, attributes->context);
}

}  // namespace

constinit fi_ops_mr memory_region_ops = {
    .size = sizeof(fi_ops_mr),
    .reg = register_buffer,
    .regv = register_buffers,
    .regattr = register_attributes,
};

}  // namespace weft::provider

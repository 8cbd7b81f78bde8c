#include "fabric/provider/memory_region.hpp"

#include <rdma/fi_errno.h>

#include <mutex>
#include <new>

#include "fabric/provider/endpoint.hpp"
#include "fabric/provider/provider.hpp"
#include "fabric/provider/stubs.hpp"
#include "fabric/provider/strict.hpp"

namespace weft::provider {
namespace {

constexpr std::uint64_t kSingleUse = 1ull << 41;  // FI_MR_SINGLE_USE of libfabric 2: a hint

int close_region(fid* generic) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  delete MemoryRegion::of(generic);
  return 0;
}

int bind_region(fid* generic, fid* other, std::uint64_t flags) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  return MemoryRegion::of(generic)->bind(other, flags);
}

int control_region(fid*, int command, void*) noexcept { return command == FI_ENABLE ? 0 : -FI_ENOSYS; }

constinit fi_ops region_object_ops = {
    .size = sizeof(fi_ops),
    .close = close_region,
    .bind = bind_region,
    .control = control_region,
    .ops_open = unsupported,
    .tostr = unsupported,
    .ops_set = unsupported,
};

/// The lengths together may not pass the end of the address space: peers' addresses are compared with them.
bool describe(const iovec* buffers, std::size_t count, std::uint64_t access, const Domain& domain, rdm::Region* region) {
  for (std::size_t i = 0; i < count; ++i) {
    if (__builtin_add_overflow(region->size, std::uint64_t{buffers[i].iov_len}, &region->size)) return false;
  }
  region->memory.assign({buffers, count});
  region->start = domain.virtual_addresses ? reinterpret_cast<std::uintptr_t>(buffers[0].iov_base) : 0;
  if ((access & FI_REMOTE_READ) != 0) region->access |= rdm::kRemoteRead;
  if ((access & FI_REMOTE_WRITE) != 0) region->access |= rdm::kRemoteWrite;
  return true;
}

int register_buffers(fid* generic, const iovec* buffers, std::size_t count, std::uint64_t access, std::uint64_t offset,
                     std::uint64_t key, std::uint64_t flags, fid_mr** result, void* context) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  // Not ignored: some change what `buffers` is (FI_MR_DMABUF of libfabric 2).
  if ((flags & ~(FI_RMA_EVENT | kSingleUse)) != 0) return -FI_EBADFLAGS;
  if (generic->fclass != FI_CLASS_DOMAIN || buffers == nullptr || count == 0 || count > rdm::kMaxIov || offset != 0)
    return -FI_EINVAL;
  if (settings.strict && count > 1) return -FI_EINVAL;
  Domain& domain = *from_fid<Domain, fid_domain>(generic);
  if (!domain.provider_keys && key == FI_KEY_NOTAVAIL) return -FI_EKEYREJECTED;
  rdm::Region description;
  if (!describe(buffers, count, access, domain, &description)) return -FI_EINVAL;
  auto* region = new (std::nothrow) MemoryRegion(domain);
  if (region == nullptr) return -FI_ENOMEM;
  description.owner = region;
  bool fresh = false, full = false;
  {
    std::lock_guard guard(domain.lock);
    full = settings.strict && domain.regions.size() >= strict::kRegions;
  }
  if (full) {
    region->key = FI_KEY_NOTAVAIL;
    delete region;
    return -FI_ENOMEM;  // as the device says it
  }
  {
    std::lock_guard guard(domain.lock);
    const std::uint64_t mask = settings.strict ? strict::kKeyMask : ~std::uint64_t{0};
    region->key = domain.provider_keys ? domain.next_key() & mask : key;
    fresh = domain.regions.add(region->key, description);
    while (!fresh && domain.provider_keys) fresh = domain.regions.add(region->key = domain.next_key() & mask, description);
  }
  if (!fresh) {
    region->key = FI_KEY_NOTAVAIL;
    delete region;
    return -FI_ENOKEY;  // fi_mr(3): the requested key is in use
  }
  region->fid = {.fclass = FI_CLASS_MR, .context = context, .ops = &region_object_ops};
  region->mem_desc = region;
  *result = region;
  return 0;
}

int register_buffer(fid* generic, const void* buffer, std::size_t size, std::uint64_t access, std::uint64_t offset,
                    std::uint64_t key, std::uint64_t flags, fid_mr** result, void* context) noexcept {
  const iovec whole{const_cast<void*>(buffer), size};
  return register_buffers(generic, &whole, 1, access, offset, key, flags, result, context);
}

int register_attributes(fid* generic, const fi_mr_attr* attributes, std::uint64_t flags, fid_mr** result) noexcept {
  if (attributes == nullptr) return -FI_EINVAL;
  return register_buffers(generic, attributes->mr_iov, attributes->iov_count, attributes->access, attributes->offset,
                          attributes->requested_key, flags, result, attributes->context);
}

}  // namespace

MemoryRegion::~MemoryRegion() {
  {
    std::lock_guard guard(domain.lock);
    if (key != FI_KEY_NOTAVAIL) domain.regions.remove(key);
    if (reads_ != nullptr) --reads_->bindings;
    if (writes_ != nullptr) --writes_->bindings;
  }
  domain.children.fetch_sub(1);
}

// fi_mr(3): a counter for what peers do to the region (FI_RMA_EVENT), or the endpoint that it is for. We need no
// endpoint: every one of the domain reaches every region.
int MemoryRegion::bind(struct fid* other, std::uint64_t flags) {
  if (other->fclass == FI_CLASS_EP) return &EndpointBase::of(other)->domain == &domain ? 0 : -FI_EINVAL;
  if (other->fclass != FI_CLASS_CNTR) return -FI_EINVAL;
  Counter& counter = *Counter::of(other);
  if ((flags & ~(FI_REMOTE_READ | FI_REMOTE_WRITE)) != 0) return -FI_EBADFLAGS;
  if (&counter.domain != &domain || flags == 0) return -FI_EINVAL;
  std::lock_guard guard(domain.lock);
  if (((flags & FI_REMOTE_READ) != 0 && reads_ != nullptr) || ((flags & FI_REMOTE_WRITE) != 0 && writes_ != nullptr))
    return -FI_EINVAL;
  if ((flags & FI_REMOTE_READ) != 0) reads_ = &counter, ++counter.bindings;
  if ((flags & FI_REMOTE_WRITE) != 0) writes_ = &counter, ++counter.bindings;
  counter.watch_domain();
  return 0;
}

constinit fi_ops_mr memory_region_ops = {
    .size = sizeof(fi_ops_mr),
    .reg = register_buffer,
    .regv = register_buffers,
    .regattr = register_attributes,
};

}  // namespace weft::provider

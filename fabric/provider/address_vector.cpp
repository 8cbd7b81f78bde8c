#include "fabric/provider/address_vector.hpp"

#include <rdma/fi_errno.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <new>

#include "fabric/provider/endpoint_base.hpp"
#include "fabric/provider/event_queue.hpp"
#include "fabric/provider/names.hpp"
#include "fabric/provider/provider.hpp"
#include "fabric/provider/stubs.hpp"

namespace weft::provider {
namespace {

int close_vector(fid* generic) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  auto* vector = AddressVector::of(generic);
  if (vector->bindings != 0) return -FI_EBUSY;
  delete vector;
  return 0;
}

int bind_vector(fid* generic, fid* other, std::uint64_t flags) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  return AddressVector::of(generic)->bind(other, flags);
}

int insert_addresses(fid_av* vector, const void* addresses, std::size_t count, fi_addr_t* indices,
                     std::uint64_t flags, void* context) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  return AddressVector::of(vector)->insert(static_cast<const sockaddr_in*>(addresses), count, indices, flags, context);
}

int remove_addresses(fid_av* vector, fi_addr_t* indices, std::size_t count, std::uint64_t flags) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  if (flags != 0) return -FI_EINVAL;
  return AddressVector::of(vector)->remove(indices, count);
}

int look_up(fid_av* vector, fi_addr_t index, void* address, std::size_t* size) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  return AddressVector::of(vector)->lookup(index, address, size);
}

const char* print(fid_av*, const void* address, char* text, std::size_t* size) noexcept {
  sockaddr_in value;
  std::memcpy(&value, address, sizeof value);
  *size = print_address(value, text, *size);
  return text;
}

constinit fi_ops object_ops = {
    .size = sizeof(fi_ops),
    .close = close_vector,
    .bind = bind_vector,
    .control = unsupported,
    .ops_open = unsupported,
    .tostr = unsupported,
    .ops_set = unsupported,
};

constinit fi_ops_av vector_ops = {
    .size = sizeof(fi_ops_av),
    .insert = insert_addresses,
    .insertsvc = insert_service,
    .insertsym = insert_symmetric,
    .remove = remove_addresses,
    .lookup = look_up,
    .straddr = print,
    .av_set = unsupported,
};

std::uint64_t key_of(const sockaddr_in& address) {
  return std::uint64_t{address.sin_addr.s_addr} << 16 | address.sin_port;
}

bool valid(const sockaddr_in& address) {
  return address.sin_family == AF_INET && !is_any(address) && address.sin_port != 0;
}

}  // namespace

AddressVector::AddressVector(Domain& parent, const fi_av_attr& attributes, void* context)
    : fid_av{}, domain(parent), asynchronous_((attributes.flags & FI_EVENT) != 0) {
  fid = {.fclass = FI_CLASS_AV, .context = context, .ops = &object_ops};
  ops = &vector_ops;
  domain.children.fetch_add(1);
}

int AddressVector::bind(struct fid* other, std::uint64_t flags) {
  if (other->fclass != FI_CLASS_EQ || flags != 0) return -FI_EINVAL;
  if (event_queue_ != nullptr) return -FI_EINVAL;
  event_queue_ = EventQueue::of(other);
  return 0;
}

fi_addr_t AddressVector::insert_one(const sockaddr_in& address) {
  const auto [found, fresh] = by_address_.try_emplace(key_of(address), 0);
  if (!fresh) {
    ++entries_[found->second].uses;
    return found->second;
  }
  std::uint32_t index = static_cast<std::uint32_t>(entries_.size());
  if (free_.empty()) {
    entries_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  entries_[index] = {.address = address, .uses = 1};
  found->second = index;
  for (EndpointBase* endpoint : endpoints_) endpoint->set_peer(index, device_address(address));
  return index;
}

// Returns how many were inserted; with FI_EVENT 0, and the event queue gets the number and each failure (fi_av(3)).
int AddressVector::insert(const sockaddr_in* addresses, std::size_t count, fi_addr_t* indices, std::uint64_t flags,
                          void* context) {
  if (asynchronous_ && event_queue_ == nullptr) return -FI_ENOEQ;
  if ((flags & ~(FI_MORE | FI_SYNC_ERR)) != 0) return -FI_EBADFLAGS;
  auto* errors = (flags & FI_SYNC_ERR) != 0 ? static_cast<int*>(context) : nullptr;
  if ((flags & FI_SYNC_ERR) != 0 && (errors == nullptr || asynchronous_)) return -FI_EINVAL;
  int inserted = 0;
  for (std::size_t i = 0; i < count; ++i) {
    sockaddr_in address;  // the caller's bytes need not be aligned
    std::memcpy(&address, reinterpret_cast<const char*>(addresses) + i * sizeof address, sizeof address);
    fi_addr_t index = FI_ADDR_NOTAVAIL;
    if (valid(address)) {
      std::lock_guard guard(domain.lock);
      index = insert_one(address);
      ++inserted;
    }
    if (indices != nullptr) indices[i] = index;
    const int error = index == FI_ADDR_NOTAVAIL ? FI_EADDRNOTAVAIL : 0;
    if (errors != nullptr) errors[i] = error;
    if (asynchronous_ && error != 0) {
      fi_eq_err_entry entry{};
      entry.fid = &fid;
      entry.context = context;
      entry.data = i;
      entry.err = error;
      event_queue_->write_error(entry);
    }
  }
  if (!asynchronous_) return inserted;
  const fi_eq_entry entry{.fid = &fid, .context = context, .data = static_cast<std::uint64_t>(inserted)};
  event_queue_->write(FI_AV_COMPLETE, &entry, sizeof entry);
  return 0;
}

int AddressVector::remove(const fi_addr_t* indices, std::size_t count) {
  std::lock_guard guard(domain.lock);
  for (std::size_t i = 0; i < count; ++i) {
    if (indices[i] >= entries_.size() || entries_[indices[i]].uses == 0) return -FI_EINVAL;
    const auto index = static_cast<std::uint32_t>(indices[i]);
    Entry& entry = entries_[index];
    if (--entry.uses != 0) continue;
    by_address_.erase(key_of(entry.address));
    free_.push_back(index);
    for (EndpointBase* endpoint : endpoints_) endpoint->remove_peer(index);
  }
  return 0;
}

int AddressVector::lookup(fi_addr_t index, void* address, std::size_t* size) {
  std::lock_guard guard(domain.lock);
  if (index >= entries_.size() || entries_[index].uses == 0) return -FI_EINVAL;
  std::memcpy(address, &entries_[index].address, std::min(*size, sizeof(sockaddr_in)));
  *size = sizeof(sockaddr_in);
  return 0;
}

void AddressVector::attach(EndpointBase& endpoint) {
  endpoints_.push_back(&endpoint);
  for (std::uint32_t index = 0; index < entries_.size(); ++index) {
    if (entries_[index].uses != 0) endpoint.set_peer(index, device_address(entries_[index].address));
  }
}

void AddressVector::detach(EndpointBase& endpoint) { std::erase(endpoints_, &endpoint); }

fi_addr_t AddressVector::find(const device::Address& address) const {
  const auto found = by_address_.find(key_of(socket_address(address.ip, address.qpn)));
  return found != by_address_.end() ? found->second : FI_ADDR_NOTAVAIL;
}

int open_address_vector(fid_domain* parent, fi_av_attr* attributes, fid_av** result, void* context) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  auto* domain = Domain::of(parent);
  const fi_av_attr none{};
  const fi_av_attr& chosen = attributes != nullptr ? *attributes : none;
  if (chosen.name != nullptr) return -FI_ENOSYS;  // no shared vectors (FI_SHARED_AV)
  if ((chosen.flags & ~(FI_EVENT | FI_READ | FI_SYMMETRIC)) != 0 || chosen.type > FI_AV_TABLE) return -FI_EINVAL;
  if (domain->av_type != FI_AV_UNSPEC && chosen.type != FI_AV_UNSPEC && chosen.type != domain->av_type)
    return -FI_EINVAL;
  auto* vector = new (std::nothrow) AddressVector(*domain, chosen, context);
  if (vector == nullptr) return -FI_ENOMEM;
  if (attributes != nullptr && attributes->type == FI_AV_UNSPEC)
    attributes->type = domain->av_type != FI_AV_UNSPEC ? domain->av_type : FI_AV_TABLE;
  *result = vector;
  return 0;
}

}  // namespace weft::provider

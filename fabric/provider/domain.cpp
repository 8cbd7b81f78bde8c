#include "fabric/provider/domain.hpp"

#include <arpa/inet.h>
#include <rdma/fi_errno.h>
#include <sys/random.h>

#include <cstring>
#include <memory>
#include <new>
#include <strings.h>

#include "fabric/device/queue_pair.hpp"
#include "fabric/provider/address_vector.hpp"
#include "fabric/provider/completion_queue.hpp"
#include "fabric/provider/counter.hpp"
#include "fabric/provider/dump.hpp"
#include "fabric/provider/endpoint.hpp"
#include "fabric/provider/event_queue.hpp"
#include "fabric/provider/info.hpp"
#include "fabric/provider/poll_set.hpp"
#include "fabric/provider/progress_thread.hpp"
#include "fabric/provider/provider.hpp"
#include "fabric/provider/stubs.hpp"

namespace weft::provider {
namespace {

int close_domain(fid* generic) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  auto* domain = from_fid<Domain, fid_domain>(generic);
  if (domain->children.load() != 0) return -FI_EBUSY;
  delete domain;
  return 0;
}

// An event queue may be bound for asynchronous registration (FI_REG_MR); ours is always synchronous, so it is noted
// and stays silent.
int bind_domain(fid* generic, fid* other, std::uint64_t flags) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  if (other->fclass != FI_CLASS_EQ || (flags & ~FI_REG_MR) != 0) return -FI_EINVAL;
  from_fid<Domain, fid_domain>(generic)->event_queue = EventQueue::of(other);
  return 0;
}

constinit fi_ops object_ops = {
    .size = sizeof(fi_ops),
    .close = close_domain,
    .bind = bind_domain,
    .control = unsupported,
    .ops_open = unsupported,
    .tostr = unsupported,
    .ops_set = unsupported,
};

constinit fi_ops_domain domain_ops = {
    .size = sizeof(fi_ops_domain),
    .av_open = open_address_vector,
    .cq_open = open_completion_queue,
    .endpoint = open_endpoint,
    .scalable_ep = unsupported,
    .cntr_open = open_counter,
    .poll_open = open_poll_set,
    .stx_ctx = unsupported,
    .srx_ctx = unsupported,
    .query_atomic = query_atomic,
    .query_collective = unsupported,
    .endpoint2 = unsupported,
};

// The function whose domain has this name, or the first where the application gave none.
const efa::FunctionInfo* find(const device::FunctionList& list, const char* name) {
  for (const efa::FunctionInfo& function : list.functions) {
    if (name == nullptr) return &function;
    for (const fi_ep_type type : {FI_EP_RDM, FI_EP_DGRAM}) {
      char candidate[32];
      domain_name(function, type, candidate, sizeof candidate);
      if (strcasecmp(name, candidate) == 0) return &function;
    }
  }
  return nullptr;
}

}  // namespace

Domain::Domain(Fabric& parent, bool locked) : fid_domain{}, fabric(parent), lock(locked) { fabric.children.fetch_add(1); }
Domain::~Domain() { fabric.children.fetch_sub(1); }

std::uint64_t Domain::next_key() {
  // SplitMix64 from a random start: every number once, in no order that can be guessed from a few. FI_KEY_NOTAVAIL and
  // keys in use are the caller's to skip.
  if (key_state_ == 0 && getrandom(&key_state_, sizeof key_state_, GRND_NONBLOCK) != sizeof key_state_)
    key_state_ = reinterpret_cast<std::uintptr_t>(this);
  std::uint64_t key = key_state_ += 0x9e3779b97f4a7c15;
  key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9;
  key = (key ^ (key >> 27)) * 0x94d049bb133111eb;
  return key ^ (key >> 31);
}

int open_domain(fid_fabric* parent, fi_info* info, fid_domain** result, void* context) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  const device::FunctionList list = device::list_functions();
  const efa::FunctionInfo* function = find(list, info->domain_attr->name);
  if (function == nullptr) {
    WEFT_LOG(WARN, DOMAIN, "no EFA function for domain %s (%s): start weftd (weft up), and run inside an instance that has an "
             "interface of type efa (weft exec, weft mpirun)\n",
             info->domain_attr->name != nullptr ? info->domain_attr->name : "weft0-rdm",
             fi_strerror(list.error != 0 ? list.error : FI_ENODEV));
    return -FI_ENODEV;
  }
  const bool automatic = info->domain_attr->data_progress == FI_PROGRESS_AUTO;
  // An application that serialises its calls does not serialise them with our thread.
  const bool locked = info->domain_attr->threading != FI_THREAD_DOMAIN || automatic;
  auto* domain = new (std::nothrow) Domain(*Fabric::of(parent), locked);
  if (domain == nullptr) return -FI_ENOMEM;
  domain->fid = {.fclass = FI_CLASS_DOMAIN, .context = context, .ops = &object_ops};
  domain->ops = &domain_ops;
  domain->mr = &memory_region_ops;
  domain->eni_id.assign(function->eni_id, strnlen(function->eni_id, sizeof function->eni_id));
  domain->instance.assign(function->instance, strnlen(function->instance, sizeof function->instance));
  char name[32];
  domain_name(*function, info->ep_attr != nullptr ? info->ep_attr->type : FI_EP_RDM, name, sizeof name);
  domain->name = name;
  std::memcpy(domain->address, function->address, sizeof domain->address);
  domain->device_reads = (function->lacks_rdma & 1) == 0;
  domain->device_writes = (function->lacks_rdma & 2) == 0;
  const int mode = info->domain_attr->mr_mode;
  domain->virtual_addresses = mode == FI_MR_BASIC || (mode & FI_MR_VIRT_ADDR) != 0;
  domain->provider_keys = mode == FI_MR_BASIC || (mode & FI_MR_PROV_KEY) != 0;
  domain->av_type = info->domain_attr->av_type;
  if (automatic) {
    domain->progress_thread = ProgressThread::start(domain->lock);
    if (domain->progress_thread == nullptr) {
      delete domain;
      return -FI_ENOMEM;
    }
  }
  watch_dump_signal();
  char ip[INET_ADDRSTRLEN] = "?";
  inet_ntop(AF_INET, domain->address + 12, ip, sizeof ip);  // IPv6-mapped
  WEFT_LOG(INFO, DOMAIN, "%s is ENI %s (%s) of instance %s: packets of %u bytes through the EFA function of weftd at %s\n",
           domain->name.c_str(), domain->eni_id.c_str(), ip, domain->instance.c_str(), function->mtu, list.where.c_str());
  *result = domain;
  return 0;
}

}  // namespace weft::provider

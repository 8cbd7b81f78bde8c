#include "fabric/provider/fabric.hpp"

#include <rdma/fi_errno.h>

#include <new>
#include <strings.h>

#include "fabric/provider/completion_queue.hpp"
#include "fabric/provider/counter.hpp"
#include "fabric/provider/domain.hpp"
#include "fabric/provider/event_queue.hpp"
#include "fabric/provider/object.hpp"
#include "fabric/provider/provider.hpp"
#include "fabric/provider/stubs.hpp"

namespace weft::provider {
namespace {

int close_fabric(fid* generic) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  auto* fabric = from_fid<Fabric, fid_fabric>(generic);
  if (fabric->children.load() != 0) return -FI_EBUSY;
  delete fabric;
  return 0;
}

// fi_trywait(3): 0 when it is safe to sleep on the objects' descriptors, -FI_EAGAIN when one has something already.
int try_wait(fid_fabric*, fid** objects, int count) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  for (int i = 0; i < count; ++i) {
    int result = -FI_EINVAL;
    switch (objects[i]->fclass) {
      case FI_CLASS_CQ: result = CompletionQueue::of(objects[i])->try_wait(); break;
      case FI_CLASS_CNTR: result = Counter::of(objects[i])->try_wait(); break;
      case FI_CLASS_EQ: result = EventQueue::of(objects[i])->try_wait(); break;
      default: break;
    }
    if (result != 0) return result;
  }
  return 0;
}

constinit fi_ops object_ops = {
    .size = sizeof(fi_ops),
    .close = close_fabric,
    .bind = unsupported,
    .control = unsupported,
    .ops_open = unsupported,
    .tostr = unsupported,
    .ops_set = unsupported,
};

constinit fi_ops_fabric fabric_ops = {
    .size = sizeof(fi_ops_fabric),
    .domain = open_domain,
    .passive_ep = unsupported,
    .eq_open = open_event_queue,
    .wait_open = unsupported,
    .trywait = try_wait,
    .domain2 = unsupported,
};

}  // namespace

int open_fabric(fi_fabric_attr* attributes, fid_fabric** result, void* context) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  if (attributes->name != nullptr && strcasecmp(attributes->name, kFabricName) != 0) return -FI_ENODATA;
  auto* fabric = new (std::nothrow) Fabric;
  if (fabric == nullptr) return -FI_ENOMEM;
  fabric->fid = {.fclass = FI_CLASS_FABRIC, .context = context, .ops = &object_ops};
  fabric->ops = &fabric_ops;
  fabric->api_version = attributes->api_version;
  *result = fabric;
  return 0;
}

}  // namespace weft::provider

#include "fabric/provider/poll_set.hpp"

#include <rdma/fi_errno.h>

#include <algorithm>
#include <mutex>
#include <new>
#include <vector>

#include "fabric/provider/completion_queue.hpp"
#include "fabric/provider/counter.hpp"
#include "fabric/provider/domain.hpp"
#include "fabric/provider/provider.hpp"
#include "fabric/provider/stubs.hpp"

namespace weft::provider {
namespace {

struct PollSet final : fid_poll {
  explicit PollSet(Domain& parent) : fid_poll{}, domain(parent) { domain.children.fetch_add(1); }
  ~PollSet() { domain.children.fetch_sub(1); }

  static PollSet* of(fid_poll* set) { return static_cast<PollSet*>(set); }

  Domain& domain;
  std::vector<struct fid*> members;  // under the domain's lock
};

bool is_of(const fid& object, const Domain& domain) {
  auto* generic = const_cast<fid*>(&object);
  if (object.fclass == FI_CLASS_CQ) return &CompletionQueue::of(generic)->domain == &domain;
  return object.fclass == FI_CLASS_CNTR && &Counter::of(generic)->domain == &domain;
}

// A member cannot be closed: its own close looks at this.
int& bindings_of(fid& object) {
  return object.fclass == FI_CLASS_CQ ? CompletionQueue::of(&object)->bindings : Counter::of(&object)->bindings;
}

bool has_news(fid& object) {
  return object.fclass == FI_CLASS_CQ ? CompletionQueue::of(&object)->has_entries() : Counter::of(&object)->has_news();
}

int add(fid_poll* generic, fid* object, std::uint64_t flags) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  PollSet& set = *PollSet::of(generic);
  if (flags != 0 || object == nullptr || !is_of(*object, set.domain)) return -FI_EINVAL;
  std::lock_guard guard(set.domain.lock);
  if (std::ranges::find(set.members, object) != set.members.end()) return 0;
  set.members.push_back(object);
  ++bindings_of(*object);
  return 0;
}

int remove(fid_poll* generic, fid* object, std::uint64_t flags) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  PollSet& set = *PollSet::of(generic);
  std::lock_guard guard(set.domain.lock);
  if (flags != 0 || std::erase(set.members, object) == 0) return -FI_EINVAL;
  --bindings_of(*object);
  return 0;
}

// The contexts of those that have something; how many.
int poll(fid_poll* generic, void** contexts, int count) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  PollSet& set = *PollSet::of(generic);
  std::lock_guard guard(set.domain.lock);
  int found = 0;
  for (fid* member : set.members) {
    if (found == count) break;
    if (has_news(*member)) contexts[found++] = member->context;
  }
  return found;
}

int close_set(fid* generic) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  auto* set = from_fid<PollSet, fid_poll>(generic);
  {
    std::lock_guard guard(set->domain.lock);
    for (fid* member : set->members) --bindings_of(*member);
  }
  delete set;
  return 0;
}

constinit fi_ops object_ops = {
    .size = sizeof(fi_ops),
    .close = close_set,
    .bind = unsupported,
    .control = unsupported,
    .ops_open = unsupported,
    .tostr = unsupported,
    .ops_set = unsupported,
};

constinit fi_ops_poll poll_ops = {
    .size = sizeof(fi_ops_poll),
    .poll = poll,
    .poll_add = add,
    .poll_del = remove,
};

}  // namespace

int open_poll_set(fid_domain* domain, fi_poll_attr* attributes, fid_poll** result) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  if (attributes != nullptr && attributes->flags != 0) return -FI_EINVAL;
  auto* set = new (std::nothrow) PollSet(*Domain::of(domain));
  if (set == nullptr) return -FI_ENOMEM;
  set->fid = {.fclass = FI_CLASS_POLL, .context = nullptr, .ops = &object_ops};
  set->ops = &poll_ops;
  *result = set;
  return 0;
}

}  // namespace weft::provider

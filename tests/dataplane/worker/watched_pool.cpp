// ThreadSanitizer does not see into DPDK's libraries. A buffer that goes back to its pool there and comes out in another
// thread has, for all it knows, passed without any order. So in its builds pools are a stack under a mutex, which it sees.
// (DPDK's rings are inline; meson.build has them use the C11 atomics.)
#include "tests/dataplane/worker/watched_pool.hpp"

#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "tests/sanitized.hpp"

namespace weft::test {
namespace {

struct Stack {
  std::mutex mutex;
  std::vector<void*> objects;
};

Stack& stack_of(const rte_mempool* pool) { return *static_cast<Stack*>(pool->pool_data); }

int make(rte_mempool* pool) {
  pool->pool_data = new Stack;
  return 0;
}

void end(rte_mempool* pool) { delete &stack_of(pool); }

int put(rte_mempool* pool, void* const* objects, unsigned count) {
  Stack& stack = stack_of(pool);
  const std::lock_guard lock(stack.mutex);
  stack.objects.insert(stack.objects.end(), objects, objects + count);
  return 0;
}

int take(rte_mempool* pool, void** objects, unsigned count) {
  Stack& stack = stack_of(pool);
  const std::lock_guard lock(stack.mutex);
  if (stack.objects.size() < count) return -ENOBUFS;
  std::copy(stack.objects.end() - count, stack.objects.end(), objects);
  stack.objects.resize(stack.objects.size() - count);
  return 0;
}

unsigned count_of(const rte_mempool* pool) {
  const std::lock_guard lock(stack_of(pool).mutex);
  return static_cast<unsigned>(stack_of(pool).objects.size());
}

}  // namespace

void watch_pools() {
  if constexpr (!kThreadSanitized) return;
  rte_mempool_ops ops{};
  std::snprintf(ops.name, sizeof(ops.name), "watched");
  ops.alloc = make;
  ops.free = end;
  ops.enqueue = put;
  ops.dequeue = take;
  ops.get_count = count_of;
  if (rte_mempool_register_ops(&ops) < 0 || rte_mbuf_set_user_mempool_ops("watched") != 0) std::abort();
}

}  // namespace weft::test

#include "dataplane/observe/counters.hpp"

#include <sys/mman.h>

#include <new>

namespace weft {

// Fresh pages are zero, and a Counter of zero bytes is a Counter of zero: constructing 65536 lines would touch them all.
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && sizeof(Counter) == sizeof(std::uint64_t));

EniCounterTable::EniCounterTable() {
  void* mapped = ::mmap(nullptr, kLines * sizeof(EniCounters), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  lines_.reset(static_cast<EniCounters*>(mapped));
}

void EniCounterTable::Unmap::operator()(EniCounters* lines) const noexcept {
  ::munmap(lines, kLines * sizeof(EniCounters));
}

}  // namespace weft

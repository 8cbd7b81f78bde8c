// Small things every libfabric object here is made of: the way back from a `fid`, and the lock.
//
// Our objects inherit from libfabric's C structs (Endpoint is a fid_ep), so a pointer that the application holds *is*
// the object: a static_cast leads back. libfabric's structs all begin with their `struct fid`.
#pragma once

#include <rdma/fabric.h>
#include <sched.h>

#include <atomic>

namespace weft::provider {

/// From the generic `fid` an op was called with to our object, by way of the libfabric struct it inherits from.
template <typename Object, typename Base>
Object* from_fid(fid* generic) noexcept {
  return static_cast<Object*>(reinterpret_cast<Base*>(generic));
}

/// A lock held for tens of nanoseconds, by one thread in almost every program: a spin lock that yields when it has to
/// wait (on two cores the holder may be the one that was descheduled). Switched off for FI_THREAD_DOMAIN, where the
/// application promises to serialise.
class Lock {
 public:
  explicit constexpr Lock(bool enabled = true) : enabled_(enabled) {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  void lock() noexcept {
    if (!enabled_) return;
    for (unsigned spins = 0; held_.exchange(true, std::memory_order_acquire); ++spins) {
      while (held_.load(std::memory_order_relaxed)) {
        if (++spins % 64 == 0) sched_yield();
      }
    }
  }
  void unlock() noexcept {
    if (enabled_) held_.store(false, std::memory_order_release);
  }

 private:
  const bool enabled_;
  std::atomic<bool> held_{false};
};

}  // namespace weft::provider

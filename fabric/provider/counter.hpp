// fid_cntr: how many operations of an endpoint completed, and how many failed.
#pragma once

#include <rdma/fi_eq.h>

#include <atomic>

#include "fabric/provider/domain.hpp"
#include "fabric/provider/watcher.hpp"

namespace weft::provider {

class Counter final : public fid_cntr {
 public:
  Counter(Domain& domain, const fi_cntr_attr& attributes, void* context);
  ~Counter();

  static Counter* of(struct fid* generic) { return from_fid<Counter, fid_cntr>(generic); }
  static Counter* of(fid_cntr* counter) { return static_cast<Counter*>(counter); }

  // The libfabric calls.
  std::uint64_t read(const std::atomic<std::uint64_t>& which) noexcept;
  int change(std::atomic<std::uint64_t>& which, std::uint64_t value, bool add) noexcept;
  int wait(std::uint64_t threshold, int timeout_ms) noexcept;
  int try_wait() noexcept;

  /// fi_poll; under the domain's lock. Whether it has changed since it was last read.
  bool has_news() {
    watcher.progress();
    return value.load() + errors.load() != seen_;
  }
  /// A region's from now on, under the domain's lock.
  void watch_domain();

  // From endpoints, under the domain's lock.
  void count(bool failed) {
    (failed ? errors : value).fetch_add(1, std::memory_order_relaxed);
    watcher.notify();
  }

  Domain& domain;
  Watcher watcher;
  int bindings = 0;
  std::atomic<std::uint64_t> value{0}, errors{0};

 private:
  std::uint64_t seen_ = 0;  // the sum of both at the last reading
};

int open_counter(fid_domain* domain, fi_cntr_attr* attributes, fid_cntr** counter, void* context) noexcept;

}  // namespace weft::provider

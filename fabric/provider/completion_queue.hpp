// fid_cq. Reading it drives the endpoints bound to it: there is no other thread.
#pragma once

#include <rdma/fi_eq.h>

#include "fabric/provider/completion_ring.hpp"
#include "fabric/provider/domain.hpp"
#include "fabric/provider/watcher.hpp"

namespace weft::provider {

class CompletionQueue final : public fid_cq {
 public:
  CompletionQueue(Domain& domain, const fi_cq_attr& attributes, void* context);
  ~CompletionQueue() {
    domain.queues.fetch_sub(1);
    domain.children.fetch_sub(1);
  }

  static CompletionQueue* of(struct fid* generic) { return from_fid<CompletionQueue, fid_cq>(generic); }
  static CompletionQueue* of(fid_cq* queue) { return static_cast<CompletionQueue*>(queue); }

  // The libfabric calls.
  ssize_t read(void* buffer, std::size_t count, fi_addr_t* sources) noexcept;
  ssize_t sleep_and_read(void* buffer, std::size_t count, fi_addr_t* sources, int timeout_ms) noexcept;
  ssize_t read_error(fi_cq_err_entry* error) noexcept;
  int signal() noexcept;
  int try_wait() noexcept;

  /// fi_poll; under the domain's lock.
  bool has_entries() {
    if (ring_.empty()) watcher.progress();
    return !ring_.empty();
  }

  // From endpoints, under the domain's lock.
  void push(const CompletionEntry& entry) {
    ring_.push(entry);
    watcher.notify();
  }
  void push_error(const fi_cq_err_entry& error) {
    ring_.push_error(error);
    watcher.notify();
  }
  /// The application does not read: posting answers -FI_EAGAIN and nothing is taken from the network, so that the ring
  /// stays bounded.
  bool full() const { return ring_.size() >= limit_; }

  Domain& domain;
  Watcher watcher;
  int bindings = 0;  // endpoints that hold a pointer to us

 private:
  ssize_t take(void* buffer, std::size_t count, fi_addr_t* sources);

  const std::size_t entry_size_;
  const bool can_sleep_;
  const std::size_t limit_;
  CompletionRing ring_;
};

int open_completion_queue(fid_domain* domain, fi_cq_attr* attributes, fid_cq** queue, void* context) noexcept;

}  // namespace weft::provider

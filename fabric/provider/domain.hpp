// fid_domain: one EFA function, opened. Its lock covers everything below it: endpoints, queues, counters and address
// vectors. One lock, because a completion touches an endpoint, a queue and a counter at once, and nearly every program
// drives one endpoint per domain.
#pragma once

#include <rdma/fi_domain.h>

#include <atomic>
#include <string>
#include <unordered_set>

#include "fabric/provider/fabric.hpp"
#include "fabric/provider/object.hpp"

namespace weft::provider {

class EventQueue;

struct Domain : fid_domain {
  Domain(Fabric& parent, bool locked) : fabric(parent), lock(locked) { fabric.children.fetch_add(1); }
  ~Domain() { fabric.children.fetch_sub(1); }

  Fabric& fabric;
  Lock lock;
  std::atomic<int> children{0};
  std::string eni_id;            // which function endpoints open
  std::string name;              // "weft0-rdm"
  std::uint8_t address[16]{};    // of the ENI
  fi_av_type av_type = FI_AV_UNSPEC;
  EventQueue* event_queue = nullptr;

  std::unordered_set<std::uint64_t> region_keys;  // under `lock`

  static Domain* of(fid_domain* domain) { return static_cast<Domain*>(domain); }
};

int open_domain(fid_fabric* fabric, fi_info* info, fid_domain** domain, void* context) noexcept;

extern fi_ops_mr memory_region_ops;

}  // namespace weft::provider

// fid_domain: one EFA function, opened. Its lock covers everything below it: endpoints, queues, counters and address
// vectors. One lock, because a completion touches an endpoint, a queue and a counter at once, and nearly every program
// drives one endpoint per domain.
#pragma once

#include <rdma/fi_atomic.h>
#include <rdma/fi_domain.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "fabric/provider/fabric.hpp"
#include "fabric/provider/object.hpp"
#include "fabric/rdm/regions.hpp"

namespace weft::provider {

class Counter;
class EndpointBase;
class EventQueue;
class ProgressThread;

struct Domain : fid_domain {
  Domain(Fabric& parent, bool locked);
  ~Domain();

  Fabric& fabric;
  Lock lock;
  std::atomic<int> children{0};
  std::string eni_id;            // which function endpoints open
  std::string instance;          // whose that is
  std::string name;              // "weft0-rdm"
  std::uint8_t address[16]{};    // of the ENI
  bool device_reads = true, device_writes = true;  // RDMA that the real device of this instance type has
  std::atomic<std::size_t> queues{0};              // completion queues open
  fi_av_type av_type = FI_AV_UNSPEC;
  EventQueue* event_queue = nullptr;

  bool virtual_addresses = false;  // FI_MR_VIRT_ADDR was agreed on; otherwise peers count from 0
  bool provider_keys = false;      // FI_MR_PROV_KEY was agreed on; otherwise keys are the application's
  rdm::RegionTable regions;        // under `lock`

  // A counter of a region (fi_mr_bind) belongs to no endpoint, yet reading it must make progress on all: whichever of
  // them the packets come through. Both lists under `lock`.
  std::vector<EndpointBase*> endpoints;       // enabled ones
  std::vector<Counter*> region_counters;

  std::unique_ptr<ProgressThread> progress_thread;  // where FI_PROGRESS_AUTO was asked for; else null

  /// Under `lock`. No peer should meet a region by counting.
  std::uint64_t next_key();

  static Domain* of(fid_domain* domain) { return static_cast<Domain*>(domain); }

 private:
  std::uint64_t key_state_ = 0;
};

int query_atomic(fid_domain* domain, fi_datatype type, fi_op op, fi_atomic_attr* attributes,
                 std::uint64_t flags) noexcept;  // atomic.cpp

int open_domain(fid_fabric* fabric, fi_info* info, fid_domain** domain, void* context) noexcept;

extern fi_ops_mr memory_region_ops;

}  // namespace weft::provider

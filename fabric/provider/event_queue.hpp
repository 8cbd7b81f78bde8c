// fid_eq: control events. Ours come from address vectors opened with FI_EVENT, and from the application itself
// (fi_eq_write). Small and rare, so: a mutex, a deque, an eventfd made when somebody wants to sleep.
#pragma once

#include <rdma/fi_eq.h>

#include <atomic>
#include <cstddef>
#include <deque>
#include <mutex>
#include <vector>

#include "fabric/provider/fabric.hpp"
#include "fabric/provider/object.hpp"

namespace weft::provider {

class EventQueue final : public fid_eq {
 public:
  EventQueue(Fabric& fabric, const fi_eq_attr& attributes, void* context);
  ~EventQueue();

  static EventQueue* of(struct fid* generic) { return from_fid<EventQueue, fid_eq>(generic); }
  static EventQueue* of(fid_eq* queue) { return static_cast<EventQueue*>(queue); }

  // The libfabric calls.
  ssize_t read(std::uint32_t* event, void* buffer, std::size_t size, std::uint64_t flags);
  ssize_t sleep_and_read(std::uint32_t* event, void* buffer, std::size_t size, int timeout_ms, std::uint64_t flags);
  ssize_t read_error(fi_eq_err_entry* error, std::uint64_t flags);
  ssize_t write(std::uint32_t event, const void* buffer, std::size_t size);
  int try_wait();
  int wait_descriptor(int* descriptor);

  void write_error(const fi_eq_err_entry& error);

  std::atomic<int> bindings{0};  // of endpoints; fi_close answers -FI_EBUSY while there are some

 private:
  struct Event {
    std::uint32_t type = 0;
    bool is_error = false;
    std::vector<std::byte> data;
  };
  void append(Event event);
  void update_descriptor();

  Fabric& fabric_;
  const fi_wait_obj wait_;
  std::mutex mutex_;
  std::deque<Event> events_;
  int descriptor_ = -1;
};

int open_event_queue(fid_fabric* fabric, fi_eq_attr* attributes, fid_eq** queue, void* context) noexcept;

}  // namespace weft::provider

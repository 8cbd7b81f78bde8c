#include "fabric/provider/event_queue.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <new>

#include "fabric/provider/error_text.hpp"
#include "fabric/provider/provider.hpp"
#include "fabric/provider/stubs.hpp"

namespace weft::provider {
namespace {

int close_queue(fid* generic) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  auto* queue = EventQueue::of(generic);
  if (queue->bindings.load() != 0) return -FI_EBUSY;
  delete queue;
  return 0;
}

int control_queue(fid* generic, int command, void* argument) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  if (command != FI_GETWAIT) return -FI_ENOSYS;
  return EventQueue::of(generic)->wait_descriptor(static_cast<int*>(argument));
}

ssize_t read_queue(fid_eq* queue, std::uint32_t* event, void* buffer, std::size_t size, std::uint64_t flags) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  return EventQueue::of(queue)->read(event, buffer, size, flags);
}

ssize_t read_error_of(fid_eq* queue, fi_eq_err_entry* error, std::uint64_t flags) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  return EventQueue::of(queue)->read_error(error, flags);
}

ssize_t write_queue(fid_eq* queue, std::uint32_t event, const void* buffer, std::size_t size, std::uint64_t) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  return EventQueue::of(queue)->write(event, buffer, size);
}

ssize_t sleep_on_queue(fid_eq* queue, std::uint32_t* event, void* buffer, std::size_t size, int timeout_ms,
                       std::uint64_t flags) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  return EventQueue::of(queue)->sleep_and_read(event, buffer, size, timeout_ms, flags);
}

const char* error_text_of(fid_eq*, int provider_error, const void*, char* text, std::size_t size) noexcept {
  const char* sentence = weft::provider::error_text(provider_error);
  if (text != nullptr && size != 0) std::snprintf(text, size, "%s", sentence);
  return sentence;
}

constinit fi_ops object_ops = {
    .size = sizeof(fi_ops),
    .close = close_queue,
    .bind = unsupported,
    .control = control_queue,
    .ops_open = unsupported,
    .tostr = unsupported,
    .ops_set = unsupported,
};

constinit fi_ops_eq queue_ops = {
    .size = sizeof(fi_ops_eq),
    .read = read_queue,
    .readerr = read_error_of,
    .write = write_queue,
    .sread = sleep_on_queue,
    .strerror = error_text_of,
};

}  // namespace

EventQueue::EventQueue(Fabric& fabric, const fi_eq_attr& attributes, void* context)
    : fid_eq{}, fabric_(fabric), wait_(attributes.wait_obj) {
  fid = {.fclass = FI_CLASS_EQ, .context = context, .ops = &object_ops};
  ops = &queue_ops;
  fabric_.children.fetch_add(1);
}

EventQueue::~EventQueue() {
  if (descriptor_ >= 0) close(descriptor_);
  fabric_.children.fetch_sub(1);
}

ssize_t EventQueue::read(std::uint32_t* event, void* buffer, std::size_t size, std::uint64_t flags) {
  std::lock_guard guard(mutex_);
  if (events_.empty()) return -FI_EAGAIN;
  const Event& first = events_.front();
  if (first.is_error) return -FI_EAVAIL;
  if (size < first.data.size()) return -FI_ETOOSMALL;
  if (event != nullptr) *event = first.type;
  const auto length = static_cast<ssize_t>(first.data.size());
  if (!first.data.empty()) std::memcpy(buffer, first.data.data(), first.data.size());
  if ((flags & FI_PEEK) == 0) {
    events_.pop_front();
    update_descriptor();
  }
  return length;
}

ssize_t EventQueue::sleep_and_read(std::uint32_t* event, void* buffer, std::size_t size, int timeout_ms,
                                   std::uint64_t flags) {
  int descriptor = -1;
  if (int error = wait_descriptor(&descriptor); error != 0) return error;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    if (ssize_t result = read(event, buffer, size, flags); result != -FI_EAGAIN) return result;
    int remaining = -1;
    if (timeout_ms >= 0) {
      const auto left = deadline - std::chrono::steady_clock::now();
      if (left <= left.zero()) return -FI_EAGAIN;
      remaining = static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
    }
    pollfd waiting{.fd = descriptor, .events = POLLIN, .revents = 0};
    poll(&waiting, 1, remaining);
  }
}

ssize_t EventQueue::read_error(fi_eq_err_entry* error, std::uint64_t flags) {
  std::lock_guard guard(mutex_);
  if (events_.empty() || !events_.front().is_error) return -FI_EAGAIN;
  // err_data is the caller's buffer, for data that we never have; its size came to the struct with API 1.5.
  std::memcpy(error, events_.front().data.data(), offsetof(fi_eq_err_entry, err_data));
  if (fabric_.api_version >= FI_VERSION(1, 5)) error->err_data_size = 0;
  if ((flags & FI_PEEK) == 0) {
    events_.pop_front();
    update_descriptor();
  }
  return sizeof *error;
}

ssize_t EventQueue::write(std::uint32_t event, const void* buffer, std::size_t size) {
  if (buffer == nullptr && size != 0) return -FI_EINVAL;
  const auto* bytes = static_cast<const std::byte*>(buffer);
  append({.type = event, .is_error = false, .data = {bytes, bytes + size}});
  return static_cast<ssize_t>(size);
}

void EventQueue::write_error(const fi_eq_err_entry& error) {
  const auto* bytes = reinterpret_cast<const std::byte*>(&error);
  append({.type = 0, .is_error = true, .data = {bytes, bytes + sizeof error}});
}

void EventQueue::append(Event event) {
  std::lock_guard guard(mutex_);
  events_.push_back(std::move(event));
  update_descriptor();
}

// The descriptor is readable exactly while there are events: FI_WAIT_FD users poll it themselves.
void EventQueue::update_descriptor() {
  if (descriptor_ < 0) return;
  eventfd_t ignored = 0;
  if (events_.empty()) {
    eventfd_read(descriptor_, &ignored);
  } else {
    eventfd_write(descriptor_, 1);
  }
}

int EventQueue::wait_descriptor(int* descriptor) {
  if (wait_ == FI_WAIT_NONE) return -FI_ENOSYS;
  std::lock_guard guard(mutex_);
  if (descriptor_ < 0) {
    descriptor_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (descriptor_ < 0) return -errno;
    update_descriptor();
  }
  *descriptor = descriptor_;
  return 0;
}

int EventQueue::try_wait() {
  std::lock_guard guard(mutex_);
  return events_.empty() ? 0 : -FI_EAGAIN;
}

int open_event_queue(fid_fabric* fabric, fi_eq_attr* attributes, fid_eq** result, void* context) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  const fi_eq_attr none{};
  const fi_eq_attr& chosen = attributes != nullptr ? *attributes : none;
  if (chosen.wait_obj != FI_WAIT_NONE && chosen.wait_obj != FI_WAIT_UNSPEC && chosen.wait_obj != FI_WAIT_FD)
    return -FI_ENOSYS;
  auto* queue = new (std::nothrow) EventQueue(*Fabric::of(fabric), chosen, context);
  if (queue == nullptr) return -FI_ENOMEM;
  *result = queue;
  return 0;
}

}  // namespace weft::provider

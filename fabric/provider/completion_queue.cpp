#include "fabric/provider/completion_queue.hpp"

#include <rdma/fi_errno.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <new>

#include "fabric/provider/error_text.hpp"
#include "fabric/provider/provider.hpp"
#include "fabric/provider/strict.hpp"
#include "fabric/provider/stubs.hpp"

namespace weft::provider {
namespace {

// At least this many unread completions are kept before back-pressure, whatever size was asked for.
constexpr std::size_t kSmallestLimit = 65536;

std::size_t size_of(fi_cq_format format) {
  switch (format) {
    case FI_CQ_FORMAT_MSG: return sizeof(fi_cq_msg_entry);
    case FI_CQ_FORMAT_DATA: return sizeof(fi_cq_data_entry);
    case FI_CQ_FORMAT_TAGGED: return sizeof(fi_cq_tagged_entry);
    default: return sizeof(fi_cq_entry);  // FI_CQ_FORMAT_CONTEXT, and what FI_CQ_FORMAT_UNSPEC gets
  }
}

int close_queue(fid* generic) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  auto* queue = CompletionQueue::of(generic);
  if (queue->bindings != 0) return -FI_EBUSY;
  delete queue;
  return 0;
}

int control_queue(fid* generic, int command, void* argument) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  auto* queue = CompletionQueue::of(generic);
  if (command != FI_GETWAIT) return -FI_ENOSYS;
  std::lock_guard guard(queue->domain.lock);
  return queue->watcher.descriptor(static_cast<int*>(argument));
}

ssize_t read_queue(fid_cq* queue, void* buffer, std::size_t count) noexcept {
  return CompletionQueue::of(queue)->read(buffer, count, nullptr);
}

ssize_t read_queue_from(fid_cq* queue, void* buffer, std::size_t count, fi_addr_t* sources) noexcept {
  return CompletionQueue::of(queue)->read(buffer, count, sources);
}

ssize_t read_error_of(fid_cq* queue, fi_cq_err_entry* error, std::uint64_t) noexcept {
  return CompletionQueue::of(queue)->read_error(error);
}

ssize_t sleep_on_queue(fid_cq* queue, void* buffer, std::size_t count, const void*, int timeout_ms) noexcept {
  return CompletionQueue::of(queue)->sleep_and_read(buffer, count, nullptr, timeout_ms);
}

ssize_t sleep_on_queue_from(fid_cq* queue, void* buffer, std::size_t count, fi_addr_t* sources, const void*,
                            int timeout_ms) noexcept {
  return CompletionQueue::of(queue)->sleep_and_read(buffer, count, sources, timeout_ms);
}

int signal_queue(fid_cq* queue) noexcept { return CompletionQueue::of(queue)->signal(); }

const char* error_text_of(fid_cq*, int provider_error, const void* hint, char* text, std::size_t size) noexcept {
  return full_text(provider_error, hint, text, size);
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

constinit fi_ops_cq queue_ops = {
    .size = sizeof(fi_ops_cq),
    .read = read_queue,
    .readfrom = read_queue_from,
    .readerr = read_error_of,
    .sread = sleep_on_queue,
    .sreadfrom = sleep_on_queue_from,
    .signal = signal_queue,
    .strerror = error_text_of,
};

}  // namespace

CompletionQueue::CompletionQueue(Domain& parent, const fi_cq_attr& attributes, void* context)
    : fid_cq{},
      domain(parent),
      watcher(parent.lock, attributes.wait_obj),
      entry_size_(size_of(attributes.format)),
      can_sleep_(attributes.wait_obj != FI_WAIT_NONE),
      limit_(std::max(attributes.size, kSmallestLimit)) {
  fid = {.fclass = FI_CLASS_CQ, .context = context, .ops = &object_ops};
  ops = &queue_ops;
  domain.queues.fetch_add(1);
  domain.children.fetch_add(1);
}

// Copies successes up to the first error. Every format is a prefix of the tagged one.
ssize_t CompletionQueue::take(void* buffer, std::size_t count, fi_addr_t* sources) {
  auto* out = static_cast<std::byte*>(buffer);
  std::size_t taken = 0;
  for (; taken < count && !ring_.empty() && !ring_.front().is_error; ++taken) {
    const CompletionEntry& first = ring_.front();
    std::memcpy(out + taken * entry_size_, &first.entry, entry_size_);
    if (sources != nullptr) sources[taken] = first.source;
    ring_.pop();
  }
  if (taken != 0) return static_cast<ssize_t>(taken);
  if (ring_.empty()) return -FI_EAGAIN;
  return ring_.front().is_error ? -FI_EAVAIL : 0;  // 0: the caller asked for none
}

ssize_t CompletionQueue::read(void* buffer, std::size_t count, fi_addr_t* sources) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  ssize_t result = 0;
  {
    std::lock_guard guard(domain.lock);
    if (watcher.armed()) watcher.disarm();
    if (ring_.empty() || count == 0) watcher.progress();  // reading none is how applications only drive progress
    result = take(buffer, count, sources);
  }
  if (result == -FI_EAGAIN) {
    watcher.empty_poll();
  } else {
    watcher.full_poll();
  }
  return result;
}

ssize_t CompletionQueue::sleep_and_read(void* buffer, std::size_t count, fi_addr_t* sources, int timeout_ms) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  if (!can_sleep_) return -FI_ENOSYS;
  return watcher.sleep_until(timeout_ms, [&] {
    if (ring_.empty()) watcher.progress();
    return take(buffer, count, sources);
  });
}

ssize_t CompletionQueue::read_error(fi_cq_err_entry* error) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  std::lock_guard guard(domain.lock);
  if (ring_.empty() || !ring_.front().is_error) return -FI_EAGAIN;
  // Up to err_data: before API 1.5 that was all. Since then it is the caller's buffer, or, without one, a pointer of ours:
  // the hint for fi_cq_strerror, which lives as long as the provider. A copy of it would be no use there.
  const fi_cq_err_entry& first = ring_.front_error();
  std::memcpy(error, &first, offsetof(fi_cq_err_entry, err_data));
  if (domain.fabric.api_version >= FI_VERSION(1, 5)) {
    if (error->err_data_size == 0) error->err_data = first.err_data;
    error->err_data_size = error->err_data_size == 0 ? first.err_data_size : 0;
  }
  ring_.pop();
  return 1;
}

int CompletionQueue::signal() noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  if (!can_sleep_) return -FI_ENOSYS;
  std::lock_guard guard(domain.lock);
  watcher.wake();
  return 0;
}

int CompletionQueue::try_wait() noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  std::lock_guard guard(domain.lock);
  if (ring_.empty()) watcher.progress();
  return ring_.empty() && watcher.arm() ? 0 : -FI_EAGAIN;
}

int open_completion_queue(fid_domain* domain, fi_cq_attr* attributes, fid_cq** result, void* context) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  const fi_cq_attr none{};
  const fi_cq_attr& chosen = attributes != nullptr ? *attributes : none;
  if (!Watcher::supports(chosen.wait_obj)) return -FI_ENOSYS;
  if (chosen.format > FI_CQ_FORMAT_TAGGED) return -FI_EINVAL;
  if (settings.strict && Domain::of(domain)->queues.load() >= strict::kQueues) return -FI_ENOMEM;  // as the device says it
  auto* queue = new (std::nothrow) CompletionQueue(*Domain::of(domain), chosen, context);
  if (queue == nullptr) return -FI_ENOMEM;
  *result = queue;
  return 0;
}

}  // namespace weft::provider

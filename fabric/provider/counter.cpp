#include "fabric/provider/counter.hpp"

#include <rdma/fi_errno.h>

#include <algorithm>
#include <mutex>
#include <new>

#include "fabric/provider/provider.hpp"
#include "fabric/provider/stubs.hpp"

namespace weft::provider {
namespace {

int close_counter(fid* generic) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  auto* counter = Counter::of(generic);
  if (counter->bindings != 0) return -FI_EBUSY;
  delete counter;
  return 0;
}

int control_counter(fid* generic, int command, void* argument) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  auto* counter = Counter::of(generic);
  if (command != FI_GETWAIT) return -FI_ENOSYS;
  std::lock_guard guard(counter->domain.lock);
  return counter->watcher.descriptor(static_cast<int*>(argument));
}

std::uint64_t read_value(fid_cntr* generic) noexcept {
  auto* counter = Counter::of(generic);
  return counter->read(counter->value);
}

std::uint64_t read_errors(fid_cntr* generic) noexcept {
  auto* counter = Counter::of(generic);
  return counter->read(counter->errors);
}

int add_value(fid_cntr* generic, std::uint64_t value) noexcept {
  auto* counter = Counter::of(generic);
  return counter->change(counter->value, value, true);
}

int set_value(fid_cntr* generic, std::uint64_t value) noexcept {
  auto* counter = Counter::of(generic);
  return counter->change(counter->value, value, false);
}

int add_errors(fid_cntr* generic, std::uint64_t value) noexcept {
  auto* counter = Counter::of(generic);
  return counter->change(counter->errors, value, true);
}

int set_errors(fid_cntr* generic, std::uint64_t value) noexcept {
  auto* counter = Counter::of(generic);
  return counter->change(counter->errors, value, false);
}

int wait_for(fid_cntr* generic, std::uint64_t threshold, int timeout_ms) noexcept {
  return Counter::of(generic)->wait(threshold, timeout_ms);
}

constinit fi_ops object_ops = {
    .size = sizeof(fi_ops),
    .close = close_counter,
    .bind = unsupported,
    .control = control_counter,
    .ops_open = unsupported,
    .tostr = unsupported,
    .ops_set = unsupported,
};

constinit fi_ops_cntr counter_ops = {
    .size = sizeof(fi_ops_cntr),
    .read = read_value,
    .readerr = read_errors,
    .add = add_value,
    .set = set_value,
    .wait = wait_for,
    .adderr = add_errors,
    .seterr = set_errors,
};

}  // namespace

Counter::~Counter() {
  {
    std::lock_guard guard(domain.lock);
    if (watcher.armed()) watcher.disarm();  // a region's counter may go before the endpoints that it watches
    std::erase(domain.region_counters, this);
  }
  domain.children.fetch_sub(1);
}

void Counter::watch_domain() {
  if (std::ranges::find(domain.region_counters, this) != domain.region_counters.end()) return;
  domain.region_counters.push_back(this);
  for (EndpointBase* endpoint : domain.endpoints) watcher.add(*endpoint);
}

Counter::Counter(Domain& parent, const fi_cntr_attr& attributes, void* context)
    : fid_cntr{}, domain(parent), watcher(parent.lock, attributes.wait_obj) {
  fid = {.fclass = FI_CLASS_CNTR, .context = context, .ops = &object_ops};
  ops = &counter_ops;
  domain.children.fetch_add(1);
}

std::uint64_t Counter::read(const std::atomic<std::uint64_t>& which) noexcept {
  if (forked()) return which.load();
  const std::uint64_t before = which.load();
  {
    std::lock_guard guard(domain.lock);
    if (watcher.armed()) watcher.disarm();
    watcher.progress();
    seen_ = value.load() + errors.load();
  }
  const std::uint64_t now = which.load();
  if (now == before) {
    watcher.empty_poll();
  } else {
    watcher.full_poll();
  }
  return now;
}

int Counter::change(std::atomic<std::uint64_t>& which, std::uint64_t amount, bool add) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  std::lock_guard guard(domain.lock);
  which.store(add ? which.load() + amount : amount);
  watcher.notify();
  return 0;
}

// fi_cntr(3): until the value reaches the threshold; an operation that fails meanwhile ends the wait.
int Counter::wait(std::uint64_t threshold, int timeout_ms) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  const std::uint64_t errors_before = errors.load();
  const ssize_t result = watcher.sleep_until(timeout_ms, [&]() -> ssize_t {
    watcher.progress();
    if (value.load() >= threshold) return 0;
    return errors.load() != errors_before ? -FI_EAVAIL : -FI_EAGAIN;
  });
  return result == -FI_EAGAIN ? -FI_ETIMEDOUT : static_cast<int>(result);
}

int Counter::try_wait() noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  std::lock_guard guard(domain.lock);
  const std::uint64_t before = value.load() + errors.load();
  watcher.progress();
  return value.load() + errors.load() == before && watcher.arm() ? 0 : -FI_EAGAIN;
}

int open_counter(fid_domain* domain, fi_cntr_attr* attributes, fid_cntr** result, void* context) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  const fi_cntr_attr none{};
  const fi_cntr_attr& chosen = attributes != nullptr ? *attributes : none;
  if (!Watcher::supports(chosen.wait_obj)) return -FI_ENOSYS;
  if (chosen.events != FI_CNTR_EVENTS_COMP || chosen.flags != 0) return -FI_EINVAL;
  auto* counter = new (std::nothrow) Counter(*Domain::of(domain), chosen, context);
  if (counter == nullptr) return -FI_ENOMEM;
  *result = counter;
  return 0;
}

}  // namespace weft::provider

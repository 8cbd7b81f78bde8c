#include "fabric/provider/endpoint_base.hpp"

#include <rdma/fi_errno.h>

#include <algorithm>
#include <chrono>
#include <mutex>

#include "fabric/provider/attributes.hpp"
#include "fabric/provider/dump.hpp"
#include "fabric/provider/error_text.hpp"
#include "fabric/provider/explain.hpp"
#include "fabric/provider/names.hpp"
#include "fabric/provider/progress_thread.hpp"
#include "fabric/provider/provider.hpp"
#include "fabric/provider/registry.hpp"
#include "fabric/provider/settings.hpp"

namespace weft::provider {

EndpointBase::EndpointBase(Domain& parent, const fi_info& info, void* context)
    : fid_ep{},
      domain(parent),
      caps_(info.caps != 0 ? info.caps : kCaps),
      transmit_flags_(info.tx_attr != nullptr ? info.tx_attr->op_flags : 0),
      receive_flags_(info.rx_attr != nullptr ? info.rx_attr->op_flags : 0),
      inject_size_(info.tx_attr != nullptr ? info.tx_attr->inject_size : rdm::kInjectSize),
      transmit_size_(info.tx_attr != nullptr && info.tx_attr->size != 0 ? info.tx_attr->size
                                                                       : settings.transmit_size) {
  fid = {.fclass = FI_CLASS_EP, .context = context, .ops = &endpoint_object_ops};
  ops = &endpoint_ops;
  cm = &endpoint_name_ops;
  collective = &no_collective_ops;
  domain.children.fetch_add(1);
}

EndpointBase::~EndpointBase() {
  if (transmit_queue_ != nullptr) --transmit_queue_->bindings;
  if (receive_queue_ != nullptr) --receive_queue_->bindings;
  for (Counter* counter : counters_) {
    if (counter != nullptr) --counter->bindings;
  }
  if (addresses_ != nullptr) --addresses_->bindings;
  if (event_queue_ != nullptr) --event_queue_->bindings;
  domain.children.fetch_sub(1);
}

int EndpointBase::bind_queue(CompletionQueue& queue, std::uint64_t flags) {
  if ((flags & ~(FI_TRANSMIT | FI_RECV | FI_SELECTIVE_COMPLETION)) != 0) return -FI_EBADFLAGS;
  if ((flags & (FI_TRANSMIT | FI_RECV)) == 0) return -FI_EINVAL;
  if (((flags & FI_TRANSMIT) != 0 && transmit_queue_ != nullptr) ||
      ((flags & FI_RECV) != 0 && receive_queue_ != nullptr))
    return -FI_EINVAL;
  const bool selective = (flags & FI_SELECTIVE_COMPLETION) != 0;
  if ((flags & FI_TRANSMIT) != 0) {
    transmit_queue_ = &queue;
    transmit_selective_ = selective;
    ++queue.bindings;
  }
  if ((flags & FI_RECV) != 0) {
    receive_queue_ = &queue;
    receive_selective_ = selective;
    ++queue.bindings;
  }
  return 0;
}

int EndpointBase::bind_counter(Counter& counter, std::uint64_t flags) {
  constexpr std::uint64_t kFlags[kCounterKinds] = {FI_SEND, FI_RECV, FI_READ, FI_WRITE, FI_REMOTE_READ, FI_REMOTE_WRITE};
  std::uint64_t unknown = flags;
  for (unsigned kind = 0; kind < kCounterKinds; ++kind) {
    unknown &= ~kFlags[kind];
    if ((flags & kFlags[kind]) != 0 && counters_[kind] != nullptr) return -FI_EINVAL;
  }
  if (unknown != 0) return -FI_EBADFLAGS;
  for (unsigned kind = 0; kind < kCounterKinds; ++kind) {
    if ((flags & kFlags[kind]) == 0) continue;
    counters_[kind] = &counter;
    ++counter.bindings;
  }
  return 0;
}

int EndpointBase::bind(struct fid* other, std::uint64_t flags) {
  std::lock_guard guard(domain.lock);
  if (enabled_) return -FI_EOPBADSTATE;
  switch (other->fclass) {
    case FI_CLASS_CQ: {
      CompletionQueue& queue = *CompletionQueue::of(other);
      return &queue.domain == &domain ? bind_queue(queue, flags) : -FI_EINVAL;
    }
    case FI_CLASS_CNTR: {
      Counter& counter = *Counter::of(other);
      return &counter.domain == &domain ? bind_counter(counter, flags) : -FI_EINVAL;
    }
    case FI_CLASS_AV: {
      AddressVector& vector = *AddressVector::of(other);
      if (addresses_ != nullptr || &vector.domain != &domain) return -FI_EINVAL;
      addresses_ = &vector;
      ++vector.bindings;
      return 0;
    }
    case FI_CLASS_EQ:  // a connectionless endpoint has one event: the end of its device
      if (event_queue_ != nullptr) return -FI_EINVAL;
      event_queue_ = EventQueue::of(other);
      ++event_queue_->bindings;
      return 0;
    default: return -FI_EINVAL;
  }
}

int EndpointBase::check_bindings() const {
  if (addresses_ == nullptr) return -FI_ENOAV;
  if ((caps_ & FI_SEND) != 0 && transmit_queue_ == nullptr && counters_[kSendCounter] == nullptr) return -FI_ENOCQ;
  if ((caps_ & FI_RECV) != 0 && receive_queue_ == nullptr && counters_[kReceiveCounter] == nullptr) return -FI_ENOCQ;
  return 0;
}

int EndpointBase::enable() {
  std::lock_guard guard(domain.lock);
  if (enabled_) return 0;  // Sandia OpenSHMEM enables twice (facts fabric 1.6)
  if (int error = check_bindings(); error != 0) return error;
  device::QueuePairOptions options;
  options.eni_id = domain.eni_id;
  options.qpn = wanted_qpn_;
  options.tx_buffers = options.rx_buffers = static_cast<std::uint32_t>(settings.packet_buffers);
  const EndpointRegistry::Opening opening;
  int error = 0;
  std::unique_ptr<device::QueuePair> opened = device::QueuePair::open(options, &error);
  if (opened == nullptr) {
    WEFT_LOG(WARN, EP_CTRL, "%s cannot open a queue pair (%s)\n", domain.name.c_str(), fi_strerror(error));
    return error != 0 ? -error : -FI_ENODEV;
  }
  if (opened->address().qpn > 0xffff) return -FI_EADDRNOTAVAIL;  // does not fit FI_SOCKADDR_IN's port
  if (error = start(std::move(opened)); error != 0) return error;
  enabled_ = true;
  dumps_made_ = dumps_wanted.load(std::memory_order_relaxed);
  attach();
  char text[64];
  const device::Address address = queue_pair().address();
  print_address(socket_address(address.ip, address.qpn), text, sizeof text);
  WEFT_LOG(INFO, EP_CTRL, "%s: endpoint %s is open\n", domain.name.c_str(), text);
  return 0;
}

// Everybody who makes progress on this endpoint, or gives it addresses, learns of it when it is enabled.
void EndpointBase::attach() {
  addresses_->attach(*this);
  if (transmit_queue_ != nullptr) transmit_queue_->watcher.add(*this);
  if (receive_queue_ != nullptr) receive_queue_->watcher.add(*this);
  for (Counter* counter : counters_) {
    if (counter != nullptr) counter->watcher.add(*this);
  }
  for (Counter* counter : domain.region_counters) counter->watcher.add(*this);
  if (domain.progress_thread != nullptr) domain.progress_thread->add(*this);
  domain.endpoints.push_back(this);
  EndpointRegistry::add(*this);
}

void EndpointBase::detach() {
  EndpointRegistry::remove(*this);
  addresses_->detach(*this);
  if (transmit_queue_ != nullptr) transmit_queue_->watcher.remove(*this);
  if (receive_queue_ != nullptr) receive_queue_->watcher.remove(*this);
  for (Counter* counter : counters_) {
    if (counter != nullptr) counter->watcher.remove(*this);
  }
  for (Counter* counter : domain.region_counters) counter->watcher.remove(*this);
  if (domain.progress_thread != nullptr) domain.progress_thread->remove(*this);
  std::erase(domain.endpoints, this);
}

EndpointBase::Clock::time_point EndpointBase::linger_end() {
  return Clock::now() + std::chrono::milliseconds(settings.linger_ms);
}

void EndpointBase::linger(Clock::time_point end) {
  for (;;) {
    {
      std::lock_guard guard(domain.lock);
      move();
      if (drained()) return;
    }
    if (Clock::now() >= end) break;
    sched_yield();
  }
  WEFT_LOG(WARN, EP_CTRL, "closed with messages in flight: a peer did not take them within %zu ms\n",
           settings.linger_ms);
}

int EndpointBase::close() {
  if (enabled_) {
    linger(linger_end());
    std::lock_guard guard(domain.lock);
    say_last_words();
    detach();
  }
  delete this;
  return 0;
}

// What was under way is reported already. Who only waits for what peers do to our memory has nothing under way, and who
// only sleeps on events neither; a queue entry would need an operation to name.
void EndpointBase::report_device_gone() {
  explain_device_gone(domain.address);
  for (const CounterKind kind : {kRemoteReadCounter, kRemoteWriteCounter}) {
    if (counters_[kind] != nullptr) counters_[kind]->count(true);
  }
  for (Counter* counter : domain.region_counters) counter->count(true);
  if (event_queue_ == nullptr) return;
  fi_eq_err_entry error{};
  error.fid = &fid;
  error.context = fid.context;
  error.err = fabric_error(rdm::Status::kDeviceGone);
  error.prov_errno = provider_error(rdm::Status::kDeviceGone, 0);
  event_queue_->write_error(error);
}

bool EndpointBase::back_pressure() const {
  return (transmit_queue_ != nullptr && transmit_queue_->full()) ||
         (receive_queue_ != nullptr && receive_queue_->full());
}

// Who sleeps on this queue pair relies on its being armed. Progress made for somebody else takes arrivals away and
// must leave it armed again; if packets come faster than that, the sleepers are woken instead.
unsigned EndpointBase::progress() {
  if (const std::uint32_t wanted = dumps_wanted.load(std::memory_order_relaxed); wanted != dumps_made_) [[unlikely]] {
    dumps_made_ = wanted;
    write_dump(*this);
  }
  if (back_pressure()) return 0;
  if (domain.progress_thread != nullptr) domain.progress_thread->note_call();
  if (sleepers_.empty()) return move();
  constexpr int kTries = 16;
  unsigned handled = 0;
  queue_pair().disarm();
  for (int i = 0; i < kTries; ++i) {
    handled += move();
    if (queue_pair().arm()) return handled;
  }
  for (Watcher* sleeper : sleepers_) sleeper->notify();
  return handled;
}

bool EndpointBase::arm(Watcher& watcher) {
  if (sleepers_.empty() && !queue_pair().arm()) return false;
  sleepers_.push_back(&watcher);
  return true;
}

void EndpointBase::disarm(Watcher& watcher) {
  if (std::erase(sleepers_, &watcher) != 0 && sleepers_.empty()) queue_pair().disarm();
}

}  // namespace weft::provider

#include "fabric/provider/endpoint.hpp"

#include <rdma/fi_errno.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <new>

#include "fabric/provider/attributes.hpp"
#include "fabric/provider/dump.hpp"
#include "fabric/provider/names.hpp"
#include "fabric/provider/provider.hpp"
#include "fabric/provider/registry.hpp"
#include "fabric/provider/settings.hpp"

namespace weft::provider {

Endpoint::Endpoint(Domain& parent, const fi_info& info, void* context)
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
  msg = &message_ops;
  tagged = &tagged_ops;
  rma = &rma_ops;
  atomic = &atomic_ops;
  collective = &no_collective_ops;
  domain.children.fetch_add(1);
}

Endpoint::~Endpoint() {
  if (transmit_queue_ != nullptr) --transmit_queue_->bindings;
  if (receive_queue_ != nullptr) --receive_queue_->bindings;
  for (Counter* counter : counters_) {
    if (counter != nullptr) --counter->bindings;
  }
  if (addresses_ != nullptr) --addresses_->bindings;
  if (event_queue_ != nullptr) --event_queue_->bindings;
  domain.children.fetch_sub(1);
}

int Endpoint::bind_queue(CompletionQueue& queue, std::uint64_t flags) {
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

int Endpoint::bind_counter(Counter& counter, std::uint64_t flags) {
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

int Endpoint::bind(struct fid* other, std::uint64_t flags) {
  std::lock_guard guard(domain.lock);
  if (rdm_ != nullptr) return -FI_EOPBADSTATE;
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

int Endpoint::check_bindings() const {
  if (addresses_ == nullptr) return -FI_ENOAV;
  if ((caps_ & FI_SEND) != 0 && transmit_queue_ == nullptr && counters_[kSendCounter] == nullptr) return -FI_ENOCQ;
  if ((caps_ & FI_RECV) != 0 && receive_queue_ == nullptr && counters_[kReceiveCounter] == nullptr) return -FI_ENOCQ;
  return 0;
}

int Endpoint::enable() {
  std::lock_guard guard(domain.lock);
  if (rdm_ != nullptr) return 0;  // Sandia OpenSHMEM enables twice (facts fabric 1.6)
  if (int error = check_bindings(); error != 0) return error;
  device::QueuePairOptions device_options;
  device_options.eni_id = domain.eni_id;
  device_options.qpn = wanted_qpn_;
  device_options.tx_buffers = device_options.rx_buffers = static_cast<std::uint32_t>(settings.packet_buffers);
  const EndpointRegistry::Opening opening;
  int error = 0;
  std::unique_ptr<device::QueuePair> queue_pair = device::QueuePair::open(device_options, &error);
  if (queue_pair == nullptr) {
    WEFT_LOG(WARN, EP_CTRL, "%s cannot open a queue pair (%s)\n", domain.name.c_str(), fi_strerror(error));
    return error != 0 ? -error : -FI_ENODEV;
  }
  if (queue_pair->address().qpn > 0xffff) return -FI_EADDRNOTAVAIL;  // does not fit FI_SOCKADDR_IN's port
  rdm::EndpointOptions options;
  options.transmit_queue = transmit_size_;
  options.min_multi_receive = min_multi_receive_;
  options.unexpected_bytes = settings.unexpected_bytes;
  if ((caps_ & (FI_RMA | FI_ATOMIC)) != 0) options.regions = &domain.regions;
  rdm_ = rdm::Endpoint::create(std::move(queue_pair), options, this);
  if (rdm_ == nullptr) return -FI_ENOMEM;
  dumps_made_ = dumps_wanted.load(std::memory_order_relaxed);
  attach();
  char text[64];
  const device::Address address = this->queue_pair().address();
  print_address(socket_address(address.ip, address.qpn), text, sizeof text);
  WEFT_LOG(INFO, EP_CTRL, "%s: endpoint %s is open\n", domain.name.c_str(), text);
  return 0;
}

// Everybody who makes progress on this endpoint, or gives it addresses, learns of it when it is enabled.
void Endpoint::attach() {
  addresses_->attach(*this);
  if (transmit_queue_ != nullptr) transmit_queue_->watcher.add(*this);
  if (receive_queue_ != nullptr) receive_queue_->watcher.add(*this);
  for (Counter* counter : counters_) {
    if (counter != nullptr) counter->watcher.add(*this);
  }
  for (Counter* counter : domain.region_counters) counter->watcher.add(*this);
  domain.endpoints.push_back(this);
  EndpointRegistry::add(*this);
}

void Endpoint::detach() {
  EndpointRegistry::remove(*this);
  addresses_->detach(*this);
  if (transmit_queue_ != nullptr) transmit_queue_->watcher.remove(*this);
  if (receive_queue_ != nullptr) receive_queue_->watcher.remove(*this);
  for (Counter* counter : counters_) {
    if (counter != nullptr) counter->watcher.remove(*this);
  }
  for (Counter* counter : domain.region_counters) counter->watcher.remove(*this);
  std::erase(domain.endpoints, this);
}

Endpoint::Clock::time_point Endpoint::linger_end() { return Clock::now() + std::chrono::milliseconds(settings.linger_ms); }

void Endpoint::linger(Clock::time_point end) {
  for (;;) {
    {
      std::lock_guard guard(domain.lock);
      rdm_->progress();
      if (rdm_->drained()) return;
    }
    if (Clock::now() >= end) break;
    sched_yield();
  }
  WEFT_LOG(WARN, EP_CTRL, "closed with messages in flight: a peer did not take them within %zu ms\n",
           settings.linger_ms);
}

int Endpoint::close() {
  if (rdm_ != nullptr) {
    linger(linger_end());
    std::lock_guard guard(domain.lock);
    detach();
    rdm_.reset();
  }
  delete this;
  return 0;
}

void Endpoint::set_peer(rdm::PeerIndex peer, const device::Address& address) {
  if (peer < contacted_.size()) contacted_[peer] = false;
  rdm_->set_peer(peer, address);
}

void Endpoint::remove_peer(rdm::PeerIndex peer) { rdm_->remove_peer(peer); }

// Who sleeps on this queue pair relies on its being armed. Progress made for somebody else takes arrivals away and
// must leave it armed again; if packets come faster than that, the sleepers are woken instead.
unsigned Endpoint::progress() {
  if (const std::uint32_t wanted = dumps_wanted.load(std::memory_order_relaxed); wanted != dumps_made_) [[unlikely]] {
    dumps_made_ = wanted;
    write_dump(*this);
  }
  if (back_pressure()) return 0;
  if (sleepers_.empty()) return rdm_->progress();
  constexpr int kTries = 16;
  unsigned handled = 0;
  queue_pair().disarm();
  for (int i = 0; i < kTries; ++i) {
    handled += rdm_->progress();
    if (queue_pair().arm()) return handled;
  }
  for (Watcher* sleeper : sleepers_) sleeper->notify();
  return handled;
}

bool Endpoint::arm(Watcher& watcher) {
  if (sleepers_.empty() && !queue_pair().arm()) return false;
  sleepers_.push_back(&watcher);
  return true;
}

void Endpoint::disarm(Watcher& watcher) {
  if (std::erase(sleepers_, &watcher) != 0 && sleepers_.empty()) queue_pair().disarm();
}

int open_endpoint(fid_domain* domain, fi_info* info, fid_ep** result, void* context) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  if (info == nullptr || info->ep_attr == nullptr || info->ep_attr->type != FI_EP_RDM) return -FI_EINVAL;
  auto* endpoint = new (std::nothrow) Endpoint(*Domain::of(domain), *info, context);
  if (endpoint == nullptr) return -FI_ENOMEM;
  if (info->src_addr != nullptr) {
    if (int error = endpoint->set_name(info->src_addr, info->src_addrlen); error != 0) {
      delete endpoint;
      return error;
    }
  }
  *result = endpoint;
  return 0;
}

}  // namespace weft::provider

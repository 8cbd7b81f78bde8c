#include "fabric/provider/registry.hpp"

#include <pthread.h>
#include <unistd.h>

#include <mutex>

#include "fabric/provider/endpoint_base.hpp"
#include "fabric/provider/provider.hpp"

namespace weft::provider {
namespace {

constinit Lock registry_lock;
constinit Lock opening_lock;  // taken before registry_lock
constinit EndpointBase* first_live = nullptr;

}  // namespace

void EndpointRegistry::add(EndpointBase& endpoint) noexcept {
  std::lock_guard guard(registry_lock);
  endpoint.next_live_ = first_live;
  first_live = &endpoint;
}

void EndpointRegistry::remove(EndpointBase& endpoint) noexcept {
  std::lock_guard guard(registry_lock);
  for (EndpointBase** link = &first_live; *link != nullptr; link = &(*link)->next_live_) {
    if (*link != &endpoint) continue;
    *link = endpoint.next_live_;
    return;
  }
}

void EndpointRegistry::watch_forks() noexcept {
  // Registered with this library's handle: glibc forgets the handlers when it is unloaded.
  pthread_atfork(lock_for_fork, unlock_in_parent, abandon_in_child);
}

EndpointRegistry::Opening::Opening() noexcept { opening_lock.lock(); }
EndpointRegistry::Opening::~Opening() { opening_lock.unlock(); }

void EndpointRegistry::lock_for_fork() noexcept {
  opening_lock.lock();
  registry_lock.lock();
}

void EndpointRegistry::unlock_in_parent() noexcept {
  registry_lock.unlock();
  opening_lock.unlock();
}

// Only async-signal-safe calls here. The objects stay as they are, unused: every op checks forked() first.
void EndpointRegistry::abandon_in_child() noexcept {
  is_forked_child.store(true, std::memory_order_relaxed);
  for (EndpointBase* endpoint = first_live; endpoint != nullptr; endpoint = endpoint->next_live_)
    ::close(endpoint->queue_pair().socket_fd());
  first_live = nullptr;
  registry_lock.unlock();
  opening_lock.unlock();
}

void EndpointRegistry::linger_all() noexcept {
  if (forked()) return;
  const auto end = EndpointBase::linger_end();  // for all of them together
  for (EndpointBase* endpoint = first_live; endpoint != nullptr; endpoint = endpoint->next_live_) endpoint->linger(end);
}

}  // namespace weft::provider

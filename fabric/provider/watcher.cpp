#include "fabric/provider/watcher.hpp"

#include <rdma/fi_errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <thread>

#include "fabric/provider/endpoint_base.hpp"
#include "fabric/provider/settings.hpp"

namespace weft::provider {
namespace {

void add_to(int epoll, int descriptor, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = descriptor;
  epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

void close_if_open(int descriptor) {
  if (descriptor >= 0) close(descriptor);
}

}  // namespace

Watcher::Watcher(Lock& lock, fi_wait_obj wait)
    : lock_(lock),
      wait_(wait),
      yield_after_(should_yield() ? static_cast<unsigned>(settings.yield_after)
                                  : std::numeric_limits<unsigned>::max()),
      patience_(yield_after_) {}

Watcher::~Watcher() {
  close_if_open(epoll_);
  close_if_open(signal_);
  close_if_open(timer_);
}

bool Watcher::supports(fi_wait_obj wait) {
  return wait == FI_WAIT_NONE || wait == FI_WAIT_UNSPEC || wait == FI_WAIT_FD || wait == FI_WAIT_YIELD;
}

void Watcher::add(EndpointBase& endpoint) {
  if (std::ranges::find(endpoints_, &endpoint) != endpoints_.end()) return;
  endpoints_.push_back(&endpoint);
  if (epoll_ >= 0) watch(endpoint);
  if (!armed_) return;
  disarm();
  eventfd_write(signal_, 1);  // whoever sleeps must arm the new one too
}

void Watcher::remove(EndpointBase& endpoint) {
  if (armed_) disarm();
  std::erase(endpoints_, &endpoint);
  if (epoll_ < 0) return;
  epoll_ctl(epoll_, EPOLL_CTL_DEL, endpoint.queue_pair().arrival_fd(), nullptr);
  epoll_ctl(epoll_, EPOLL_CTL_DEL, endpoint.queue_pair().socket_fd(), nullptr);
}

// A yield that nobody takes costs what a message costs. So the core is offered less and less often while it comes back at once,
// and at every poll when somebody has used it. Not before some polls even then: Open MPI yields by itself when it is told that
// there are few cores, and two yields for one wait cost twice as much (bench/fabric.py, crowded).
//
// In a long wait a yield is not enough: it comes back when the kernel likes, and ranks that only yield keep weftd from a busy core
// for seconds (docs/provider.md). Naps leave it to others. They make a wait longer by 1/64 and the timer's slack, no more.
void Watcher::offer_core() noexcept {
  constexpr std::chrono::microseconds kSomebodyRan{1};  // a yield alone takes 0.2-0.4 us, two switches more than one
  constexpr unsigned kMostPatient = 64;                 // times yield_after_
  constexpr std::chrono::milliseconds kLongWait{2};     // as long as weftd polls (docs/decisions/0003)
  constexpr std::chrono::nanoseconds kLongestNap{1'000'000};
  const Clock::time_point before = Clock::now();
  const unsigned news = news_.load(std::memory_order_relaxed);
  if (news_seen_.exchange(news, std::memory_order_relaxed) != news)
    waiting_since_.store(before.time_since_epoch().count(), std::memory_order_relaxed);
  const Clock::duration waited =
      before.time_since_epoch() - Clock::duration(waiting_since_.load(std::memory_order_relaxed));
  if (waited >= kLongWait) {
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(waited / 64, kLongestNap));
    patience_.store(yield_after_, std::memory_order_relaxed);
    empty_polls_.store(0, std::memory_order_relaxed);
    return;
  }
  sched_yield();
  if (Clock::now() - before >= kSomebodyRan) {
    patience_.store(yield_after_, std::memory_order_relaxed);
    return;
  }
  const unsigned patience = patience_.load(std::memory_order_relaxed);
  patience_.store(std::min(patience * 2, yield_after_ * kMostPatient), std::memory_order_relaxed);
  empty_polls_.store(0, std::memory_order_relaxed);
}

unsigned Watcher::progress() {
  unsigned handled = 0;
  for (EndpointBase* endpoint : endpoints_) handled += endpoint->progress();
  if (handled != 0) count_news();
  return handled;
}

void Watcher::notify() {
  if (armed_) eventfd_write(signal_, 1);
}

void Watcher::wake() {
  woken_ = true;
  if (signal_ >= 0) eventfd_write(signal_, 1);
}

int Watcher::descriptor(int* descriptor) {
  if (wait_ != FI_WAIT_FD && wait_ != FI_WAIT_UNSPEC) return -FI_ENOSYS;
  if (int error = open_descriptors(); error != 0) return error;
  *descriptor = epoll_;
  return 0;
}

int Watcher::open_descriptors() {
  if (epoll_ >= 0) return 0;
  signal_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (signal_ < 0 || timer_ < 0 || epoll_ < 0) {
    const int error = errno;
    close_if_open(epoll_);
    close_if_open(signal_);
    close_if_open(timer_);
    epoll_ = signal_ = timer_ = -1;
    return -error;
  }
  add_to(epoll_, signal_, EPOLLIN);
  add_to(epoll_, timer_, EPOLLIN);
  for (EndpointBase* endpoint : endpoints_) watch(*endpoint);
  return 0;
}

void Watcher::watch(EndpointBase& endpoint) {
  add_to(epoll_, endpoint.queue_pair().arrival_fd(), EPOLLIN);
  // The daemon's hang-up is news once; level-triggered it would keep every later sleep awake.
  add_to(epoll_, endpoint.queue_pair().socket_fd(), EPOLLRDHUP | EPOLLONESHOT);
}

bool Watcher::arm() {
  if (armed_) disarm();
  if (open_descriptors() != 0) return false;  // out of descriptors: the caller polls instead
  int limit_ms = -1;
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    if (!endpoints_[i]->arm(*this)) {
      while (i-- > 0) endpoints_[i]->disarm(*this);
      return false;
    }
    if (const int limit = endpoints_[i]->wait_limit_ms(); limit >= 0)
      limit_ms = limit_ms < 0 ? limit : std::min(limit_ms, limit);
  }
  itimerspec timer{};
  if (limit_ms >= 0) {
    timer.it_value.tv_sec = limit_ms / 1000;
    timer.it_value.tv_nsec = std::max(limit_ms % 1000 * 1'000'000L, 1L);  // all zero would disarm it
  }
  timerfd_settime(timer_, 0, &timer, nullptr);
  armed_ = true;
  return true;
}

void Watcher::disarm() {
  for (EndpointBase* endpoint : endpoints_) endpoint->disarm(*this);
  drain();
  armed_ = false;
}

// Empties our own descriptors, and takes the one-shot hang-up out of the set once it was seen.
void Watcher::drain() {
  std::uint64_t ignored = 0;
  while (::read(signal_, &ignored, sizeof ignored) > 0) {
  }
  while (::read(timer_, &ignored, sizeof ignored) > 0) {
  }
  epoll_event events[8];
  epoll_wait(epoll_, events, 8, 0);
}

void Watcher::sleep(std::chrono::milliseconds at_most) {
  epoll_event event;
  epoll_wait(epoll_, &event, 1, static_cast<int>(at_most.count()));
}

}  // namespace weft::provider

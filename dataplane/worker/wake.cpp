#include "dataplane/worker/wake.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace weft {

WakeSet::WakeSet() : epoll_fd_(::epoll_create1(EPOLL_CLOEXEC)), event_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kWoken}};
  if (epoll_fd_ < 0 || event_fd_ < 0 || ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, event_fd_, &event) != 0)
    throw std::system_error(errno, std::generic_category(), "a worker's epoll set");
}

WakeSet::~WakeSet() {
  ::close(epoll_fd_);
  ::close(event_fd_);
}

Result<void> WakeSet::add(int fd, std::uint64_t tag, Trigger trigger) {
  epoll_event event{.events = EPOLLIN | (trigger == Trigger::kEdge ? EPOLLET : 0U), .data = {.u64 = tag}};
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0) return {};
  return Error{"Weft.PortFailed", "a port's descriptor cannot be polled: " + std::generic_category().message(errno), {}};
}

void WakeSet::remove(int fd) noexcept { ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr); }

unsigned WakeSet::ready(std::span<Ready, kEvents> found) noexcept {
  std::array<epoll_event, kEvents> events;
  const int ready = ::epoll_wait(epoll_fd_, events.data(), kEvents, 0);
  unsigned count = 0;
  for (int i = 0; i < ready; ++i) {
    const epoll_event& event = events[static_cast<unsigned>(i)];
    if (event.data.u64 == kWoken) take_wakes();
    else found[count++] = {event.data.u64, (event.events & (EPOLLERR | EPOLLHUP)) != 0};
  }
  return count;
}

bool WakeSet::wait(std::uint64_t timeout_ns) noexcept {
  epoll_event event;  // one will do: the next turn asks for all of them
  const timespec timeout{static_cast<time_t>(timeout_ns / 1'000'000'000), static_cast<long>(timeout_ns % 1'000'000'000)};
  int ready = ::epoll_pwait2(epoll_fd_, &event, 1, timeout_ns == kForever ? nullptr : &timeout, nullptr);
  if (ready < 0 && errno == ENOSYS) {  // before Linux 5.11, or a sandbox
    const std::uint64_t ms = timeout_ns / 1'000'000 + (timeout_ns % 1'000'000 != 0);
    ready = ::epoll_wait(epoll_fd_, &event, 1, timeout_ns == kForever ? -1 : static_cast<int>(ms));
  }
  if (ready == 1 && event.data.u64 == kWoken) take_wakes();
  return ready != 0;
}

void WakeSet::take_wakes() noexcept {
  std::uint64_t wakes;
  if (::read(event_fd_, &wakes, sizeof wakes) < 0) return;  // taken already
}

void WakeSet::wake() noexcept {
  const std::uint64_t one = 1;
  if (::write(event_fd_, &one, sizeof one) < 0) return;  // the count is full, so the worker is woken already
}

void WakeSet::wake_if_asleep() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with announce_sleep()
  if (asleep_.load(std::memory_order_relaxed)) wake();
}

void WakeSet::announce_sleep() noexcept {
  asleep_.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

}  // namespace weft

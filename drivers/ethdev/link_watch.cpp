#include "drivers/ethdev/link_watch.hpp"

#include <utility>

namespace weft::ethdev {

LinkWatch& LinkWatch::instance() {
  static LinkWatch watch;
  return watch;
}

LinkWatch::~LinkWatch() = default;

void LinkWatch::add(const void* who, std::function<void()> look) {
  const std::lock_guard lock(mutex_);
  looks_[who] = std::move(look);
  if (!thread_.joinable()) thread_ = std::jthread([this](std::stop_token stop) { run(std::move(stop)); });
}

void LinkWatch::remove(const void* who) {
  std::jthread last;
  {
    const std::lock_guard lock(mutex_);
    looks_.erase(who);
    if (looks_.empty()) last = std::move(thread_);
  }
  // `last` stops and is joined here, without the lock that it needs to end.
}

void LinkWatch::run(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    for (const auto& [who, look] : looks_) look();
    changed_.wait_for(lock, stop, kInterval, [] { return false; });
  }
}

}  // namespace weft::ethdev

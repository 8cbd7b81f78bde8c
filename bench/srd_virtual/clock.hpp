// Virtual time: what is to happen, in order of time, and of those of one time as they were set.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

namespace weft::bench {

class Clock {
 public:
  std::uint64_t now_ns() const { return now_; }

  void at(std::uint64_t when_ns, std::function<void()> what) {
    events_.push({std::max(when_ns, now_), order_++, std::move(what)});
  }

  /// False: nothing is left to happen.
  bool step() {
    if (events_.empty()) return false;
    const Event event = events_.top();
    events_.pop();
    now_ = event.at_ns;
    event.what();
    return true;
  }

 private:
  struct Event {
    std::uint64_t at_ns, order;
    std::function<void()> what;
    bool operator<(const Event& other) const {  // the earliest on top
      return at_ns != other.at_ns ? at_ns > other.at_ns : order > other.order;
    }
  };
  std::priority_queue<Event> events_;
  std::uint64_t now_ = 1, order_ = 0;
};

}  // namespace weft::bench

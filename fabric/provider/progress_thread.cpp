#include "fabric/provider/progress_thread.hpp"

#include <signal.h>

#include <chrono>
#include <mutex>
#include <new>
#include <thread>

#include "fabric/provider/provider.hpp"

namespace weft::provider {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kStandBack{1};
// As Watcher::sleep_until(): polling this long after the last packet is cheaper than a wake-up for the next one.
constexpr std::chrono::microseconds kPoll{20};
constexpr std::chrono::milliseconds kLongest{1000};  // nothing depends on one wake-up

}  // namespace

std::unique_ptr<ProgressThread> ProgressThread::start(Lock& lock) noexcept {
  std::unique_ptr<ProgressThread> self(new (std::nothrow) ProgressThread(lock));
  if (self == nullptr) return nullptr;
  // The application's signals are not for this thread: it inherits the mask that blocks them.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const auto entry = [](void* argument) -> void* {
    static_cast<ProgressThread*>(argument)->run();
    return nullptr;
  };
  const int error = pthread_create(&self->thread_, nullptr, entry, self.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) {
    WEFT_LOG(WARN, DOMAIN, "no thread for FI_PROGRESS_AUTO (%s)\n", fi_strerror(error));
    self->thread_ = {};
    return nullptr;
  }
  pthread_setname_np(self->thread_, "weft-progress");
  return self;
}

ProgressThread::~ProgressThread() {
  if (thread_ == pthread_t{}) return;
  {
    std::lock_guard guard(lock_);
    stopping_ = true;
    if (watcher_.armed()) watcher_.disarm();
    watcher_.wake();
  }
  pthread_join(thread_, nullptr);
}

void ProgressThread::application_calls() {
  called_ = true;
  if (!watcher_.armed()) return;
  watcher_.disarm();
  watcher_.wake();
}

void ProgressThread::run() {
  Clock::time_point last_packet = Clock::now();
  for (;;) {
    bool stand_back = false, asleep = false;
    {
      std::lock_guard guard(lock_);
      if (stopping_) return;
      if (watcher_.armed()) watcher_.disarm();
      stand_back = called_;
      called_ = false;
      if (!stand_back) {
        own_turn_ = true;
        const bool busy = watcher_.progress() != 0;
        own_turn_ = false;
        const Clock::time_point now = Clock::now();
        if (busy) last_packet = now;
        asleep = now - last_packet > kPoll && watcher_.arm();
      }
    }
    if (stand_back) {
      std::this_thread::sleep_for(kStandBack);
    } else if (asleep) {
      watcher_.sleep(kLongest);
    } else {
      sched_yield();
    }
  }
}

}  // namespace weft::provider

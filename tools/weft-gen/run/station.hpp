// One end at work in a trial: sends what is due, judges what arrives.
//
// Thread: turn() is one thread's; progress may be read by any; the rest belongs to whoever runs the trial, before and after.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "tools/weft-gen/device/link.hpp"
#include "tools/weft-gen/run/pacer.hpp"
#include "tools/weft-gen/run/source.hpp"
#include "tools/weft-gen/sink/sink.hpp"

namespace weft::gen {

inline constexpr std::uint16_t kBurst = 32;

class Station {
 public:
  /// `source` or `sink` may be null: then it does not send, or nobody asks what arrives. All outlive it.
  Station(Link& link, Source* source, Sink* sink, rte_mempool* pool) : link_(link), source_(source), sink_(sink), pool_(pool) {}

  Link& link() noexcept { return link_; }
  Source* source() noexcept { return source_; }
  Sink* sink() noexcept { return sink_; }

  /// Sends by `schedule` in bursts of at most `burst`, until `deadline` at most.
  void begin(std::unique_ptr<Schedule> schedule, std::uint16_t burst, std::uint64_t deadline);
  /// Returns how many frames it had in its hands.
  unsigned turn() noexcept;
  /// Throws away what waits in the receive ring.
  void drain() noexcept;

  bool sending() const noexcept { return sending_.load(std::memory_order_acquire); }
  std::uint64_t sent() const noexcept { return sent_.load(std::memory_order_relaxed); }
  std::uint64_t sent_bytes() const noexcept { return sent_bytes_.load(std::memory_order_relaxed); }
  std::uint64_t received() const noexcept { return received_.load(std::memory_order_relaxed); }
  std::uint64_t skipped() const noexcept { return schedule_ ? schedule_->skipped() : 0; }
  std::uint64_t finished_at() const noexcept { return finished_at_; }  // the tick; when it no longer sends

 private:
  unsigned send() noexcept;
  unsigned receive() noexcept;
  void push() noexcept;
  void end_sending(std::uint64_t now) noexcept;

  Link& link_;
  Source* source_;
  Sink* sink_;
  rte_mempool* pool_;
  std::unique_ptr<Schedule> schedule_;
  std::uint16_t burst_ = kBurst;
  std::uint64_t deadline_ = 0, finished_at_ = 0;
  std::array<rte_mbuf*, kBurst> waiting_{};  // filled, not yet taken by the link
  std::uint16_t waiting_begin_ = 0, waiting_end_ = 0;
  alignas(64) std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> sent_bytes_{0}, received_{0};
  std::atomic<bool> sending_{false};
};

}  // namespace weft::gen

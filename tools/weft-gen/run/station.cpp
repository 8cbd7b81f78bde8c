#include "tools/weft-gen/run/station.hpp"

#include <algorithm>

#include <rte_cycles.h>

#include "tools/weft-gen/traffic/frame.hpp"

namespace weft::gen {
namespace {

/// Of a counter that only this thread writes.
void add(std::atomic<std::uint64_t>& counter, std::uint64_t count) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
}

}  // namespace

void Station::begin(std::unique_ptr<Schedule> schedule, std::uint16_t burst, std::uint64_t deadline) {
  // Left over where a trial was interrupted.
  for (; waiting_begin_ != waiting_end_; ++waiting_begin_) rte_pktmbuf_free(waiting_[waiting_begin_]);
  schedule_ = std::move(schedule);
  burst_ = std::clamp<std::uint16_t>(burst, 1, kBurst);
  deadline_ = deadline;
  finished_at_ = 0;
  sent_ = sent_bytes_ = received_ = 0;
  sending_ = source_ != nullptr && schedule_ != nullptr;
}

unsigned Station::turn() noexcept {
  const unsigned sent = sending_.load(std::memory_order_relaxed) ? send() : 0;
  return sent + (sink_ != nullptr ? receive() : 0);
}

unsigned Station::send() noexcept {
  const std::uint64_t now = rte_rdtsc();
  if (waiting_begin_ == waiting_end_) {
    const auto due = static_cast<std::uint16_t>(schedule_->due(now, burst_));
    if (due != 0 && rte_pktmbuf_alloc_bulk(pool_, waiting_.data(), due) == 0) {
      source_->fill({waiting_.data(), due}, now);
      waiting_begin_ = 0, waiting_end_ = due;
    }
  }
  const unsigned held = waiting_end_ - waiting_begin_;
  if (held != 0) push();
  if ((schedule_->done() && waiting_begin_ == waiting_end_) || now >= deadline_) end_sending(now);
  return held;
}

void Station::push() noexcept {
  // A driver may have freed a frame as soon as it has taken it, so lengths are summed up before.
  std::array<std::uint32_t, kBurst> ends;
  std::uint32_t bytes = 0;
  for (std::uint16_t i = waiting_begin_; i < waiting_end_; ++i)
    ends[i] = bytes += waiting_[i]->pkt_len + static_cast<std::uint32_t>(kFcsBytes);
  const std::uint16_t taken = link_.transmit({waiting_.data() + waiting_begin_, waiting_.data() + waiting_end_});
  if (taken == 0) return;
  add(sent_bytes_, ends[waiting_begin_ + taken - 1U]);
  add(sent_, taken);
  schedule_->sent(taken);
  waiting_begin_ = static_cast<std::uint16_t>(waiting_begin_ + taken);
}

void Station::end_sending(std::uint64_t now) noexcept {
  for (; waiting_begin_ != waiting_end_; ++waiting_begin_) {
    source_->take_back(*waiting_[waiting_begin_]);
    rte_pktmbuf_free(waiting_[waiting_begin_]);
  }
  if (!schedule_->done()) schedule_->give_up();
  finished_at_ = now;
  sending_.store(false, std::memory_order_release);
}

unsigned Station::receive() noexcept {
  std::array<rte_mbuf*, kBurst> frames;
  const std::uint16_t count = link_.receive(frames);
  if (count == 0) return 0;
  const std::uint64_t now = rte_rdtsc();
  for (std::uint16_t i = 0; i < count; ++i) {
    if (i + 2 < count) __builtin_prefetch(rte_pktmbuf_mtod(frames[i + 2U], const void*));
    sink_->see({rte_pktmbuf_mtod(frames[i], const std::byte*), frames[i]->data_len}, now, link_.hardware_stamp(*frames[i]));
  }
  received_.store(sink_->received(), std::memory_order_relaxed);
  rte_pktmbuf_free_bulk(frames.data(), count);
  return count;
}

void Station::drain() noexcept {
  std::array<rte_mbuf*, kBurst> frames;
  while (const std::uint16_t count = link_.receive(frames)) rte_pktmbuf_free_bulk(frames.data(), count);
}

}  // namespace weft::gen

#include "dataplane/observe/drop_log.hpp"

#include <algorithm>

namespace weft {

bool DropRecord::same_drop(const DropRecord& o) const noexcept {
  return reason == o.reason && source == o.source && destination == o.destination && epoch == o.epoch &&
         protocol == o.protocol && source_port == o.source_port && destination_port == o.destination_port &&
         efa == o.efa && source_address == o.source_address && destination_address == o.destination_address;
}

void DropLog::note(const DropRecord& drop) noexcept {
  if (merge(drop)) return;
  if (!take_token(drop.when_ns)) {
    suppressed_.store(suppressed_.load(std::memory_order_relaxed) + drop.count, std::memory_order_relaxed);
    return;
  }
  const std::uint32_t at = written_.load(std::memory_order_relaxed);
  write(at % kRecords, drop);
  written_.store(at + 1, std::memory_order_release);
}

bool DropLog::merge(const DropRecord& drop) noexcept {
  const std::uint32_t end = written_.load(std::memory_order_relaxed);
  for (std::uint32_t back = 1; back <= std::min(end, kMergeWindow); ++back) {
    const std::uint32_t at = (end - back) % kRecords;
    if (!own_[at].same_drop(drop)) continue;
    DropRecord merged = own_[at];
    merged.count += drop.count;
    merged.when_ns = drop.when_ns;
    write(at, merged);
    return true;
  }
  return false;
}

bool DropLog::take_token(std::uint64_t now_ns) noexcept {
  constexpr std::uint64_t kTokenNs = 1'000'000'000 / kNewRecordsPerSecond;
  const std::uint64_t earned = now_ns > token_time_ns_ ? (now_ns - token_time_ns_) / kTokenNs : 0;
  if (earned != 0) {
    tokens_ = std::min<std::uint64_t>(tokens_ + earned, kRecords);
    token_time_ns_ = now_ns;
  }
  if (tokens_ == 0) return false;
  --tokens_;
  return true;
}

void DropLog::write(std::uint32_t at, const DropRecord& drop) noexcept {
  own_[at] = drop;
  std::array<std::uint64_t, kWords> words;
  std::memcpy(words.data(), &drop, sizeof drop);
  Cell& cell = cells_[at];
  const std::uint32_t sequence = cell.sequence.load(std::memory_order_relaxed);
  cell.sequence.store(sequence + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  for (std::size_t i = 0; i < kWords; ++i) cell.words[i].store(words[i], std::memory_order_relaxed);
  cell.sequence.store(sequence + 2, std::memory_order_release);
}

std::vector<DropRecord> DropLog::read() const {
  const std::uint32_t end = written_.load(std::memory_order_acquire);
  const std::uint32_t count = std::min(end, kRecords);
  std::vector<DropRecord> drops;
  drops.reserve(count);
  for (std::uint32_t at = end - count; at != end; ++at) {
    const Cell& cell = cells_[at % kRecords];
    std::array<std::uint64_t, kWords> words;
    std::uint32_t before, after;
    do {
      before = cell.sequence.load(std::memory_order_acquire);
      for (std::size_t i = 0; i < kWords; ++i) words[i] = cell.words[i].load(std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_acquire);
      after = cell.sequence.load(std::memory_order_relaxed);
    } while (before != after || (before & 1) != 0);
    DropRecord drop;
    std::memcpy(static_cast<void*>(&drop), words.data(), sizeof drop);
    drops.push_back(drop);
  }
  return drops;
}

}  // namespace weft

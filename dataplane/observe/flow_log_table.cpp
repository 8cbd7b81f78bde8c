#include "dataplane/observe/flow_log_table.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <new>

namespace weft {

std::uint64_t hash(const FlowLogKey& key) noexcept {
  std::uint64_t words[sizeof(FlowLogKey) / sizeof(std::uint64_t)];
  std::memcpy(words, &key, sizeof key);
  std::uint64_t mixed = 0x9e3779b97f4a7c15ULL;
  for (const std::uint64_t word : words) {
    mixed = (mixed ^ word) * 0xd6e8feb86659fd93ULL;
    mixed ^= mixed >> 32;
  }
  return mixed;
}

void FlowLogRecord::add(const FlowLogRecord& other) noexcept {
  first_ns = packets == 0 ? other.first_ns : std::min(first_ns, other.first_ns);
  last_ns = std::max(last_ns, other.last_ns);
  packets += other.packets;
  bytes += other.bytes;
  tcp_flags |= other.tcp_flags;
}

FlowLogTable::FlowLogTable(std::size_t records) : mask_(records - 1) {
  assert(std::has_single_bit(records));
  for (Half& half : halves_) {
    half.records.resize(records);
    half.used.reserve(records);  // so that the worker's push_back never allocates
  }
}

std::uint32_t FlowLogTable::account(const FlowLogKey& key, const FlowLogAmount& amount, std::uint32_t flow) noexcept {
  Half& half = halves_[active_];
  const std::uint64_t start = hash(key);
  for (unsigned probe = 0; probe < kProbes; ++probe) {
    const std::size_t at = (start + probe) & mask_;
    FlowLogRecord& record = half.records[at];
    if (record.packets == 0) {
      record.key = key;
      half.used.push_back(static_cast<std::uint32_t>(at));
    } else if (!(record.key == key)) {
      continue;
    }
    record.add({.key = {},
                .packets = amount.packets,
                .bytes = amount.bytes,
                .first_ns = amount.now_ns,
                .last_ns = amount.now_ns,
                .tcp_flags = flow_log_tcp_flags(amount.tcp_flags)});
    if (flow != 0) record.flow = flow;
    return static_cast<std::uint32_t>(at) + 1;
  }
  half.skipped = true;
  half.skipped_slots[key.slot / 64] |= std::uint64_t{1} << key.slot % 64;
  return 0;
}

FlowLogPlaces::FlowLogPlaces(std::size_t entries, unsigned family)
    : places_(nullptr, Unmap{entries * kBytesPerFlow}), family_(family) {
  const std::size_t bytes = places_.get_deleter().bytes;
  void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  ::madvise(mapped, bytes, MADV_HUGEPAGE);  // as of the entries
  places_.reset(static_cast<FlowLogPlace*>(mapped));
}

void FlowLogPlaces::Unmap::operator()(FlowLogPlace* places) const noexcept { ::munmap(places, bytes); }

void FlowLogTable::take(FlowLogBatch& batch) {
  Half& half = halves_[1 - active_];
  batch.records.reserve(batch.records.size() + half.used.size());
  for (const std::uint32_t at : half.used) {
    batch.records.push_back(half.records[at]);
    half.records[at] = {};
  }
  half.used.clear();
  if (!half.skipped) return;
  for (std::size_t word = 0; word < kSlotWords; ++word)
    for (std::uint64_t bits = half.skipped_slots[word]; bits != 0; bits &= bits - 1)
      batch.skipped_slots.push_back(
          static_cast<std::uint16_t>(word * 64 + static_cast<unsigned>(std::countr_zero(bits))));
  std::fill(half.skipped_slots.begin(), half.skipped_slots.end(), 0);
  half.skipped = false;
}

}  // namespace weft

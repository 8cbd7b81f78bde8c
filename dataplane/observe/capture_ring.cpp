#include "dataplane/observe/capture_ring.hpp"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <new>

namespace weft {
namespace {

constexpr std::size_t kRecordAlignment = alignof(CaptureRecord);

constexpr std::size_t record_size(std::uint32_t captured) {
  return (sizeof(CaptureRecord) + captured + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}

}  // namespace

// A filler needs a whole header, so a rest smaller than one must be recognised without: record_size() is a multiple of
// 8, a header is 32, and both ends skip a rest that cannot hold a header.
CaptureRing::CaptureRing(std::size_t bytes)
    : bytes_(bytes), memory_(static_cast<std::byte*>(std::aligned_alloc(64, bytes))) {
  assert(bytes >= 4096 && (bytes & (bytes - 1)) == 0);
  if (memory_ == nullptr) throw std::bad_alloc();
}

void CaptureRing::Free::operator()(std::byte* memory) const noexcept { std::free(memory); }

CaptureRecord* CaptureRing::make(std::uint32_t captured) noexcept {
  const std::size_t size = record_size(captured);
  const std::size_t at = next_ & (bytes_ - 1);
  const std::size_t rest = bytes_ - at;
  const std::size_t skipped = size <= rest ? 0 : rest;
  if (next_ + skipped + size - read_seen_ > bytes_) {
    read_seen_ = read_.load(std::memory_order_acquire);
    if (next_ + skipped + size - read_seen_ > bytes_) {
      missed_.store(missed_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return nullptr;
    }
  }
  if (skipped >= sizeof(CaptureRecord))
    new (memory_.get() + at) CaptureRecord{.size = static_cast<std::uint32_t>(skipped), .interface = 0};
  next_ += skipped;
  auto* const record = new (memory_.get() + (next_ & (bytes_ - 1)))
      CaptureRecord{.size = static_cast<std::uint32_t>(size), .captured = captured};
  next_ += size;
  return record;
}

const CaptureRecord* CaptureRing::front() noexcept {
  std::uint64_t read = read_.load(std::memory_order_relaxed);
  const std::uint64_t written = written_.load(std::memory_order_acquire);
  while (read != written) {
    const std::size_t at = read & (bytes_ - 1);
    const std::size_t rest = bytes_ - at;
    const auto* const record = reinterpret_cast<const CaptureRecord*>(memory_.get() + at);
    if (rest >= sizeof(CaptureRecord) && record->interface != 0) return record;
    read += rest >= sizeof(CaptureRecord) ? record->size : rest;
    read_.store(read, std::memory_order_release);
  }
  return nullptr;
}

void CaptureRing::pop() noexcept {
  const std::uint64_t read = read_.load(std::memory_order_relaxed);
  const auto* const record = reinterpret_cast<const CaptureRecord*>(memory_.get() + (read & (bytes_ - 1)));
  read_.store(read + record->size, std::memory_order_release);
}

}  // namespace weft

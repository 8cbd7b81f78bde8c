#include "dataplane/observe/capture_session.hpp"

#include <algorithm>
#include <cstring>

namespace weft {

CaptureSession::CaptureSession(const Options& options)
    : options_(options),
      interface_of_slot_(new std::atomic<std::uint16_t>[kSlots] {}),
      missed_of_interface_(new std::atomic<std::uint64_t>[kSlots] {}) {
  for (unsigned worker = 0; worker < options.workers; ++worker)
    rings_.push_back(std::make_unique<CaptureRing>(options.ring_bytes));
}

void CaptureSession::add(std::uint16_t slot, CaptureInterface interface) {
  const std::lock_guard lock(mutex_);
  if (interfaces_.size() == UINT16_MAX) return;  // 65535 ENIs in one capture: the later ones are not in it
  interfaces_.push_back(std::move(interface));
  interface_of_slot_[slot].store(static_cast<std::uint16_t>(interfaces_.size()), std::memory_order_release);
}

void CaptureSession::remove(std::uint16_t slot) noexcept {
  interface_of_slot_[slot].store(0, std::memory_order_release);
}

std::vector<CaptureInterface> CaptureSession::interfaces_from(std::size_t from) const {
  const std::lock_guard lock(mutex_);
  if (from == 0 || from > interfaces_.size()) return {};
  return {interfaces_.begin() + static_cast<std::ptrdiff_t>(from - 1), interfaces_.end()};
}

const CaptureRecord* CaptureSession::front(CaptureRing*& of) noexcept {
  const CaptureRecord* oldest = nullptr;
  for (const auto& ring : rings_) {
    const CaptureRecord* const record = ring->front();
    if (record == nullptr || (oldest != nullptr && oldest->when_ns <= record->when_ns)) continue;
    oldest = record;
    of = ring.get();
  }
  return oldest;
}

std::uint64_t CaptureSession::missed() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& ring : rings_) sum += ring->missed();
  return sum;
}

CaptureRecord* CaptureTap::offer(std::uint16_t slot, CaptureDirection direction, std::uint64_t now_ns,
                                 std::span<const std::span<const std::byte>> pieces,
                                 std::uint32_t original_bytes) noexcept {
  CaptureSession* const session = session_.load(std::memory_order_acquire);
  if (session == nullptr) return nullptr;
  const std::uint16_t interface = session->interface_of(slot);
  if (interface == 0) return nullptr;

  std::size_t available = 0;
  for (const auto piece : pieces) available += piece.size();
  const auto wanted = std::min<std::size_t>({available, original_bytes, session->options().snap_length});
  CaptureRecord* const record = session->ring(worker_).make(static_cast<std::uint32_t>(wanted));
  if (record == nullptr) {
    session->count_missed(interface);
    return nullptr;
  }
  record->when_ns = now_ns;
  record->original = original_bytes;
  record->interface = interface;
  record->direction = direction;
  std::byte* to = record->bytes();
  std::size_t left = wanted;
  for (const auto piece : pieces) {
    const std::size_t now = std::min(left, piece.size());
    if (now == 0) continue;
    std::memcpy(to, piece.data(), now);
    to += now;
    left -= now;
  }
  return record;
}

}  // namespace weft

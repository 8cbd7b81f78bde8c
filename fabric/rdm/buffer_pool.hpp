// Heap buffers for copies: unexpected messages, inject data that has to wait, packets to be sent again. Kept by size
// class when given back, up to a bound, so that a steady exchange does not allocate.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

namespace weft::rdm {

/// Move-only; knows its pool's class by its capacity.
struct Buffer {
  std::unique_ptr<std::byte[]> bytes;
  std::size_t capacity = 0;

  explicit operator bool() const { return bytes != nullptr; }
  std::byte* data() const { return bytes.get(); }
};

class BufferPool {
 public:
  Buffer take(std::size_t size) {
    std::size_t which = 0;
    while (which < kClasses.size() && kClasses[which] < size) ++which;
    if (which == kClasses.size()) return {std::make_unique_for_overwrite<std::byte[]>(size), size};
    auto& kept = kept_[which];
    if (kept.empty()) return {std::make_unique_for_overwrite<std::byte[]>(kClasses[which]), kClasses[which]};
    Buffer buffer{std::move(kept.back()), kClasses[which]};
    kept.pop_back();
    kept_bytes_ -= buffer.capacity;
    return buffer;
  }

  void give_back(Buffer buffer) {
    if (!buffer || kept_bytes_ + buffer.capacity > kKeepBytes) return;
    for (std::size_t which = 0; which < kClasses.size(); ++which) {
      if (kClasses[which] != buffer.capacity) continue;
      kept_[which].push_back(std::move(buffer.bytes));
      kept_bytes_ += buffer.capacity;
      return;
    }
  }

 private:
  static constexpr std::array<std::size_t, 5> kClasses{128, 1024, 4096, 9216, 65536};
  static constexpr std::size_t kKeepBytes = 4u << 20;

  std::array<std::vector<std::unique_ptr<std::byte[]>>, kClasses.size()> kept_;
  std::size_t kept_bytes_ = 0;
};

}  // namespace weft::rdm

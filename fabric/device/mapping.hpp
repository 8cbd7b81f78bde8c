// The shared memory of a queue pair, mapped and checked: what the daemon wrote into the header is believed only where it
// stays inside the mapping and nobody can shrink the file under us.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "drivers/efa/abi.hpp"

namespace weft::device {

/// A memfd of the daemon's, sealed so that it can neither shrink nor grow, mapped for reading and writing. Not in a forked
/// child.
class SealedMemory {
 public:
  /// Null, and *error is an errno: EPROTO when it is not sealed or shorter than `at_least` bytes.
  static std::unique_ptr<SealedMemory> map(int fd, std::size_t at_least, int* error) noexcept;
  ~SealedMemory();
  SealedMemory(const SealedMemory&) = delete;
  SealedMemory& operator=(const SealedMemory&) = delete;

  std::byte* base() const { return base_; }
  std::uint64_t size() const { return size_; }
  /// False in a forked child, which has nothing at `base`.
  bool is_mapped() const;

 private:
  SealedMemory() = default;
  std::byte* base_ = nullptr;
  std::uint64_t size_ = 0;
  pid_t owner_ = 0;  // a forked child has no mapping here (MADV_DONTFORK), perhaps something else of its own
};

class Mapping {
 public:
  /// Null, and *error is an errno: EPROTO for memory that is not sealed or a header that makes no sense,
  /// EPROTONOSUPPORT for another major version.
  static std::unique_ptr<Mapping> open(int fd, int* error) noexcept;
  std::byte* base() const { return memory_->base(); }
  /// Our copy of the header's fixed part, checked.
  const efa::QueueHeader& facts() const { return *reinterpret_cast<const efa::QueueHeader*>(facts_); }

 private:
  Mapping() = default;
  std::unique_ptr<SealedMemory> memory_;
  alignas(efa::QueueHeader) std::byte facts_[sizeof(efa::QueueHeader)];
};

/// Exposed for tests: 0, EPROTO or EPROTONOSUPPORT.
int check_header(const efa::QueueHeader& header, std::uint64_t mapped_size) noexcept;

}  // namespace weft::device

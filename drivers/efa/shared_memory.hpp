// The memory of one queue pair or express channel: a memfd that the daemon makes, lays out and seals, so that no client can change its size
// under the worker (a truncated file would be SIGBUS). Pages come when they are touched first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "drivers/efa/abi.hpp"
#include "drivers/efa/file_descriptor.hpp"

namespace weft::efa {

/// What a queue pair is made of, after clamping.
struct QueueSizes {
  std::uint32_t sq_depth = 0, cq_depth = 0, tx_buffers = 0, rx_buffers = 0;
};

/// Clamps to the ABI's limits and rounds down to powers of two. A zero stays zero: the caller refuses it.
QueueSizes clamp(const QueueSizes& wanted) noexcept;

/// Offsets in the mapping, as abi.hpp lists the parts. The rq has as many entries as there are receive buffers.
struct QueueLayout {
  std::uint64_t sq = 0, status = 0, cq = 0, rq = 0, tx = 0, rx = 0, total = 0;
};
QueueLayout layout_of(const QueueSizes& sizes) noexcept;

class SharedMemory {
 public:
  /// Null, with errno set, when memory or descriptors have run out.
  static std::unique_ptr<SharedMemory> create(std::uint64_t size) noexcept { return create(size, size); }
  /// Maps the first `mapped` bytes only; the rest is the clients'.
  static std::unique_ptr<SharedMemory> create(std::uint64_t size, std::uint64_t mapped) noexcept;
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  std::byte* data() const noexcept { return data_; }
  std::uint64_t size() const noexcept { return size_; }  // of what is mapped
  int fd() const noexcept { return fd_.get(); }
  /// The mapping stays; nobody else can be given the memory any more.
  void close_fd() noexcept { fd_.reset(); }

 private:
  SharedMemory() = default;
  std::byte* data_ = nullptr;
  std::uint64_t size_ = 0;
  FileDescriptor fd_;
};

}  // namespace weft::efa

#include "drivers/efa/shared_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>

namespace weft::efa {
namespace {

constexpr std::uint64_t kPage = 4096;

constexpr std::uint64_t round_up(std::uint64_t size, std::uint64_t unit) { return (size + unit - 1) / unit * unit; }

}  // namespace

QueueSizes clamp(const QueueSizes& wanted) noexcept {
  return {std::bit_floor(std::min(wanted.sq_depth, kMaxSqDepth)), std::bit_floor(std::min(wanted.cq_depth, kMaxCqDepth)),
          std::bit_floor(std::min(wanted.tx_buffers, kMaxBuffers)),
          std::bit_floor(std::min(wanted.rx_buffers, kMaxBuffers))};
}

QueueLayout layout_of(const QueueSizes& sizes) noexcept {
  QueueLayout at;
  at.sq = round_up(sizeof(QueueHeader), kPage);
  at.status = at.sq + std::uint64_t{sizes.sq_depth} * sizeof(SendEntry);
  at.cq = round_up(at.status + sizes.sq_depth * sizeof(SendStatus), 64);
  at.rq = at.cq + std::uint64_t{sizes.cq_depth} * sizeof(ReceiveEntry);
  at.tx = round_up(at.rq + std::uint64_t{sizes.rx_buffers} * sizeof(std::uint32_t), kPage);
  at.rx = at.tx + round_up(std::uint64_t{sizes.tx_buffers} * kBufferStride, kPage);
  at.total = at.rx + round_up(std::uint64_t{sizes.rx_buffers} * kBufferStride, kPage);
  return at;
}

std::unique_ptr<SharedMemory> SharedMemory::create(std::uint64_t size, std::uint64_t mapped) noexcept {
  std::unique_ptr<SharedMemory> memory(new (std::nothrow) SharedMemory);
  if (!memory) return nullptr;
  memory->fd_ = FileDescriptor(memfd_create("weft-efa", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory->fd_ || ftruncate(memory->fd(), static_cast<off_t>(size)) != 0) return nullptr;
  if (fcntl(memory->fd(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) return nullptr;
  void* data = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd(), 0);
  if (data == MAP_FAILED) return nullptr;
  memory->data_ = static_cast<std::byte*>(data);
  memory->size_ = mapped;
  // A hint: it matters where transparent_hugepage/shmem_enabled is `advise`, and may fail elsewhere.
  madvise(data, mapped, MADV_HUGEPAGE);
  madvise(data, mapped, MADV_DONTFORK);
  return memory;
}

SharedMemory::~SharedMemory() {
  if (data_ != nullptr) munmap(data_, size_);
}

}  // namespace weft::efa

#include "fabric/device/mapping.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <new>

namespace weft::device {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

// No product of 32-bit numbers overflows here, and `offset` is compared before anything is added to it.
bool inside(std::uint64_t offset, std::uint64_t count, std::uint64_t size, std::uint64_t mapped) {
  return offset % 64 == 0 && offset >= sizeof(efa::QueueHeader) && offset <= mapped && count * size <= mapped - offset;
}

}  // namespace

int check_header(const efa::QueueHeader& h, std::uint64_t mapped) noexcept {
  if (h.magic != efa::kMagic) return EPROTO;
  if (h.major != efa::kAbiMajor) return EPROTONOSUPPORT;
  if (h.header_size < sizeof(efa::QueueHeader) || h.total_size != mapped) return EPROTO;
  if (!std::has_single_bit(h.sq_depth) || !std::has_single_bit(h.cq_depth) || !std::has_single_bit(h.rq_depth))
    return EPROTO;
  if (h.tx_buffers == 0 || h.rx_buffers == 0 || h.rx_buffers > h.rq_depth) return EPROTO;
  if (h.mtu == 0 || h.mtu > h.buffer_stride || h.buffer_stride % 64 != 0) return EPROTO;
  const bool fits = inside(h.sq_offset, h.sq_depth, sizeof(efa::SendEntry), mapped) &&
                    inside(h.status_offset, h.sq_depth, sizeof(efa::SendStatus), mapped) &&
                    inside(h.cq_offset, h.cq_depth, sizeof(efa::ReceiveEntry), mapped) &&
                    inside(h.rq_offset, h.rq_depth, sizeof(std::uint32_t), mapped) &&
                    inside(h.tx_offset, h.tx_buffers, h.buffer_stride, mapped) &&
                    inside(h.rx_offset, h.rx_buffers, h.buffer_stride, mapped);
  return fits ? 0 : EPROTO;
}

std::unique_ptr<SealedMemory> SealedMemory::map(int fd, std::size_t at_least, int* error) noexcept {
  const auto fail = [error](int code) {
    *error = code;
    return nullptr;
  };
  struct stat status {};
  if (fstat(fd, &status) != 0) return fail(errno);
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals || status.st_size < static_cast<off_t>(at_least)) return fail(EPROTO);
  std::unique_ptr<SealedMemory> memory(new (std::nothrow) SealedMemory);
  if (!memory) return fail(ENOMEM);
  void* base = mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return fail(errno);
  memory->base_ = static_cast<std::byte*>(base);
  memory->size_ = static_cast<std::uint64_t>(status.st_size);
  memory->owner_ = getpid();
  madvise(base, memory->size_, MADV_DONTFORK);
  return memory;
}

SealedMemory::~SealedMemory() {
  if (is_mapped()) munmap(base_, size_);
}

bool SealedMemory::is_mapped() const { return base_ != nullptr && getpid() == owner_; }

std::unique_ptr<Mapping> Mapping::open(int fd, int* error) noexcept {
  std::unique_ptr<SealedMemory> memory = SealedMemory::map(fd, sizeof(efa::QueueHeader), error);
  if (!memory) return nullptr;
  std::unique_ptr<Mapping> mapping(new (std::nothrow) Mapping);
  if (!mapping) {
    *error = ENOMEM;
    return nullptr;
  }
  std::memcpy(mapping->facts_, memory->base(), sizeof mapping->facts_);
  *error = check_header(mapping->facts(), memory->size());
  if (*error != 0) return nullptr;
  mapping->memory_ = std::move(memory);
  return mapping;
}

}  // namespace weft::device

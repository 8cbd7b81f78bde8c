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

std::unique_ptr<Mapping> Mapping::open(int fd, int* error) noexcept {
  const auto fail = [error](int code) {
    *error = code;
    return nullptr;
  };
  struct stat status {};
  if (fstat(fd, &status) != 0) return fail(errno);
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals || status.st_size < static_cast<off_t>(sizeof(efa::QueueHeader)))
    return fail(EPROTO);
  std::unique_ptr<Mapping> mapping(new (std::nothrow) Mapping);
  if (!mapping) return fail(ENOMEM);
  void* base = mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return fail(errno);
  mapping->base_ = static_cast<std::byte*>(base);
  mapping->size_ = static_cast<std::uint64_t>(status.st_size);
  mapping->owner_ = getpid();
  madvise(base, mapping->size_, MADV_DONTFORK);
  std::memcpy(mapping->facts_, base, sizeof mapping->facts_);
  const int wrong = check_header(mapping->facts(), mapping->size_);
  if (wrong != 0) return fail(wrong);
  return mapping;
}

Mapping::~Mapping() {
  if (base_ != nullptr && getpid() == owner_) munmap(base_, size_);
}

}  // namespace weft::device

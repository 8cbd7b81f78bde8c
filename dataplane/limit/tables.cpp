// The two tables whose pages are taken when they are first touched: one system call when made, none per packet.
#include <sys/mman.h>

#include <new>

#include "dataplane/limit/flow_meters.hpp"
#include "dataplane/limit/packet_windows.hpp"

namespace weft {
namespace {

void* map_zeroes_on_demand(std::size_t bytes) {
  void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  return mapped;
}

}  // namespace

PacketWindows::PacketWindows(std::size_t slots)
    : windows_(static_cast<Window*>(map_zeroes_on_demand(slots * sizeof(Window))), Unmap{slots * sizeof(Window)}) {}

void PacketWindows::Unmap::operator()(Window* windows) const noexcept { ::munmap(windows, bytes); }

FlowMeters::FlowMeters(std::size_t entries)
    : empty_at_(static_cast<std::uint64_t*>(map_zeroes_on_demand(entries * kBytesPerFlow)),
                Unmap{entries * kBytesPerFlow}) {}

void FlowMeters::Unmap::operator()(std::uint64_t* words) const noexcept { ::munmap(words, bytes); }

}  // namespace weft

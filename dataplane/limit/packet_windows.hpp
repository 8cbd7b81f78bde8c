// At most 1024 packets of an ENI in any second: to the link-local services, and fragments on their way out (facts ec2
// 1.8, 1.9). Not a bucket: one that holds anything lets more than 1024 pass in some second, and statement 15 counts
// them. The window remembers when each of the last 1024 packets passed, so the limit holds for every second, whenever
// it begins.
//
// One table a worker, with a window for every possible slot; memory is taken when a window is first used.
// Thread: the worker that polls the ENI's port. A new ENI in a used slot finds at most a second's remains.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace weft {

class PacketWindows {
 public:
  static constexpr std::uint32_t kPackets = 1024;
  static constexpr std::uint64_t kWindowNs = 1'000'000'000;

  explicit PacketWindows(std::size_t slots = 65536);  // throws std::bad_alloc

  /// Counts one packet when it may pass. `now_ns` never decreases.
  bool pass(std::uint16_t slot, std::uint64_t now_ns) noexcept {
    Window& window = windows_[slot];
    std::uint64_t& free_at = window.free_at_ns[window.next];  // of the packet 1024 packets ago
    if (now_ns < free_at) return false;
    free_at = now_ns + kWindowNs;
    window.next = (window.next + 1) % kPackets;
    return true;
  }

 private:
  struct Window {
    std::uint64_t next;
    std::uint64_t free_at_ns[kPackets];  // 0: never used
  };
  struct Unmap {
    std::size_t bytes = 0;
    void operator()(Window* windows) const noexcept;
  };
  std::unique_ptr<Window[], Unmap> windows_;
};

}  // namespace weft

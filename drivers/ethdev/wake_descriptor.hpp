// What a sleeping worker may wait for. A card has receive interrupts, which DPDK gives as descriptors. af_packet and
// af_xdp have none in DPDK, but each of their queues is a socket that the kernel makes readable when a frame has come:
// the PMD keeps it to itself, and it is found among this process's descriptors, by its family.
#pragma once

#include <vector>

namespace weft::ethdev {

/// Sockets of one family that are there now and were not when the object was made. Other threads may open descriptors
/// meanwhile, but none of this family: only weftd's control thread opens devices.
class NewSockets {
 public:
  /// AF_PACKET or AF_XDP.
  explicit NewSockets(int family);
  /// In the order in which the kernel gave them out: ascending.
  std::vector<int> found() const;

 private:
  int family_;
  std::vector<int> before_;
};

}  // namespace weft::ethdev

// What the memif PMD of DPDK 22.11 leaves behind when its last device on a listening socket is closed: it frees the socket's
// record, but neither closes the descriptor nor takes its callback from EAL's interrupt thread, which then serves freed
// memory whenever somebody connects. EAL has no way to take a callback away without the function's address, which is
// the PMD's own. So the descriptor is made to stand for something that nobody can wake, and stays so for ever: a
// descriptor for each socket that was closed is the price.
#pragma once

#include <string>

namespace weft::ethdev {

/// One device's share in the listener at `path`. Any thread.
class ListenerShare {
 public:
  explicit ListenerShare(std::string path);
  ~ListenerShare();
  ListenerShare(const ListenerShare&) = delete;
  ListenerShare& operator=(const ListenerShare&) = delete;

  bool only_one() const;
  /// Before the device is closed: if no other has a share, nobody is accepted there any more.
  void device_closes() noexcept;

 private:
  std::string path_;
};

}  // namespace weft::ethdev

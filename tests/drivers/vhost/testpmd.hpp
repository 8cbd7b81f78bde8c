// A guest that is DPDK's own: dpdk-testpmd with a virtio-user card, in a process of its own.
#pragma once

#include <sys/types.h>

#include <string>

namespace weft::test {

class Testpmd {
 public:
  static bool installed();

  /// `device` is what comes behind "net_virtio_user0,"; `forward` a mode of testpmd's, with its further options.
  Testpmd(const std::string& folder, const std::string& device, const std::string& forward);
  ~Testpmd();  // kills it
  Testpmd(const Testpmd&) = delete;
  Testpmd& operator=(const Testpmd&) = delete;

  void kill();
  std::string log() const;

 private:
  pid_t process_;
  std::string log_;
};

}  // namespace weft::test

// Weft's own engine as the device under test, in this process: two ENIs, each with a ring for a wire.
//
// A ring that is full takes nothing, and what a card would lose there is lost here: counted as refused, the device's loss.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dataplane/worker/engine.hpp"
#include "tools/weft-gen/device/link.hpp"
#include "tools/weft-gen/traffic/frame.hpp"

namespace weft::gen {

struct EngineDeviceOptions {
  bool ipv6 = false;
  bool refuse = false;             // its security group lets nothing in
  unsigned flows = 1;              // for the size of its tables
  std::uint32_t ring_size = 1024;  // of its receive rings
  std::uint64_t pps_limit = 0;     // each instance's allowance; 0: none
  bool poll = true;                // its worker never sleeps
  std::vector<int> cpus;           // its worker's; empty: it floats
};

class EngineDevice {
 public:
  static Result<std::unique_ptr<EngineDevice>> create(const EngineDeviceOptions& options);
  ~EngineDevice();
  EngineDevice(const EngineDevice&) = delete;
  EngineDevice& operator=(const EngineDevice&) = delete;

  Link& link(unsigned end);
  /// From end 0 to end 1: the engine lets nobody send from other addresses.
  Encapsulation encapsulation(bool tcp) const;
  /// Why packets were dropped, most first: "sg-ingress 4711". Empty: none was.
  std::string drops() const;

 private:
  class RingLink;
  EngineDevice();
  EngineDeviceOptions options_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<RingLink> links_[2];
};

}  // namespace weft::gen

// What dpdk-telemetry.py sees of weftd: /weft/enis, /weft/eni,ID, /weft/workers, /weft/drops. DPDK's own commands, such as
// /ethdev/list, are there too.
#pragma once

#include <memory>

#include "dataplane/control/controller.hpp"

namespace weft {

/// DPDK keeps a command for as long as the process lives; without a Telemetry they answer nothing. One at a time.
/// Thread: DPDK's own asks the controller, which may be asked by any.
class Telemetry {
 public:
  /// EAL has been started with telemetry. The controller outlives the object.
  static std::unique_ptr<Telemetry> start(Controller& controller);
  ~Telemetry();  // waits for an answer under way

 private:
  Telemetry() = default;
};

}  // namespace weft

// The first rung: the stages of the pipeline without its state. Packets are parsed, their source is checked, the ENI that
// has the destination address is found, and they are delivered.
#pragma once

#include <memory>
#include <vector>

#include "bench/engine/network.hpp"
#include "dataplane/worker/context.hpp"
#include "dataplane/worker/engine.hpp"
#include "dataplane/worker/snapshot.hpp"

namespace weft::bench {

class StagesOnly {
 public:
  StagesOnly(const Deployment& deployment, std::vector<Engine::Attachment> ports);
  unsigned turn();  // returns packets handled

 private:
  std::vector<std::unique_ptr<Port>> ports_;  // by slot
  std::unique_ptr<const Snapshot> snapshot_;
  Handover handover_{1};
  services::TokenKeys token_keys_;  // nobody asks for instance metadata
  WorkerContext worker_{0, 1, 1, handover_, nullptr, true, token_keys_};
  Burst burst_;
};

}  // namespace weft::bench

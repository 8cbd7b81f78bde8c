// The gate the message switch asks (drivers/port.hpp): the matrix of the worker's snapshot. A refusal goes to the drop
// log here, where both ends are known; the switch counts it.
#pragma once

#include "dataplane/worker/context.hpp"

namespace weft {

class WorkerEfaGate final : public EfaGate {
 public:
  explicit WorkerEfaGate(WorkerContext& worker) : worker_(worker) {}

  EfaVerdict verdict(EniSlot source, EniSlot destination) const noexcept override {
    const EfaVerdict verdict = worker_.snapshot->efa.verdict(source, destination);
    if (verdict != EfaVerdict::kAllow) [[unlikely]] note(verdict, source, destination);
    return verdict;
  }
  std::uint64_t epoch() const noexcept override { return worker_.snapshot->epoch; }
  bool may_bypass(EniSlot, EniSlot) const noexcept override { return worker_.snapshot->parameters.express_channels; }

 private:
  void note(EfaVerdict verdict, EniSlot source, EniSlot destination) const noexcept;

  WorkerContext& worker_;
};

}  // namespace weft

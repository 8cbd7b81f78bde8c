// The gate the message switch asks (drivers/port.hpp): the matrix of the worker's snapshot, and its underlay. A refusal goes to
// the drop log here, where both ends are known; the switch counts it. What the underlay loses is counted here, too, as it is of
// frames. efa_capture.cpp shows packets to captures.
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
  std::uint64_t epoch() const noexcept override {
    return std::uint64_t{worker_.capture.changes()} << 32 | worker_.snapshot->epoch;
  }
  bool may_bypass(EniSlot source, EniSlot destination) const noexcept override {
    return worker_.snapshot->parameters.express_channels && !impaired(source, destination) &&
           !observed(source, destination);
  }
  bool impaired(EniSlot source, EniSlot destination) const noexcept override {
    const Snapshot& snapshot = *worker_.snapshot;
    if (snapshot.underlay == nullptr) [[likely]] return false;
    const std::size_t slots = snapshot.hosts.size();
    return source < slots && destination < slots &&
           snapshot.underlay->concerns(snapshot.hosts[source], snapshot.hosts[destination]);
  }
  EfaPassage cross(EniSlot source, EniSlot destination, std::uint8_t path, std::uint64_t now_ns,
                   std::uint32_t bytes) const noexcept override;
  EfaPassage land(EniSlot source, EniSlot destination, std::uint64_t now_ns, std::uint32_t bytes) const noexcept override;
  void note_overflow(EniSlot source, EniSlot destination) const noexcept override {
    lose(DropReason::kFabricQueue, source, destination);
  }
  bool observed(EniSlot source, EniSlot destination) const noexcept override {
    return worker_.capture.armed() && (worker_.capture.wants(source) || worker_.capture.wants(destination));
  }
  void observe_sent(const EfaSighting& packet, EfaEnd end, std::uint8_t why) const noexcept override;
  void observe_received(const EfaSighting& packet, EfaEnd end) const noexcept override;

 private:
  void record(const EfaSighting& packet, EniSlot whose, CaptureDirection direction, EfaEnd end,
              std::uint8_t why) const noexcept;
  EfaPassage passage_of(const underlay::Outcome& outcome, EniSlot source, EniSlot destination) const noexcept;
  void lose(DropReason reason, EniSlot source, EniSlot destination) const noexcept;
  void note(DropReason reason, EniSlot source, EniSlot destination) const noexcept;
  void note(EfaVerdict refusal, EniSlot source, EniSlot destination) const noexcept;

  WorkerContext& worker_;
};

}  // namespace weft

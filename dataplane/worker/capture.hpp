// Where the stages meet `weft capture` (observe/capture_session.hpp). They ask Burst::captures, once a burst and once for
// each port they send to; everything behind it is here.
//
// A packet has one record for each captured ENI: of its sender as it was sent, before any stage changes it, and of its
// receiver as the port gets it. A drop is written into the sender's record, which no reader sees before the end of the
// turn; where the receiver's end decided it, the receiver has a record of it too, with the same reason. What never came
// out of a port (answers, errors of the fabric's own) has the receiver's only.
//
// With several workers: a packet that goes to the worker of its flow is recorded there. One that is dropped after it has
// changed workers once more, or that came from the internet, has a second record with the reason, because the first is
// out of reach. A fragment that waits for its first one is recorded when the waiting is over.
// Thread: the worker.
#pragma once

#include "dataplane/worker/burst.hpp"
#include "dataplane/worker/context.hpp"

namespace weft {

/// What these guests send, after parse() and before anything else.
void capture_sent(Burst& burst, WorkerContext& worker) noexcept;

/// Nobody has sent them: packets of the fabric's own.
void nobody_sent(Burst& burst) noexcept;

/// Another worker has decided about them, and recorded who sent them.
void decided_elsewhere(Burst& burst) noexcept;

/// What steer() has given away and its owner will record.
void leave_to_owner(Burst& burst, const WorkerContext& worker) noexcept;

/// What has been dropped, at the end.
void capture_drops(Burst& burst, WorkerContext& worker) noexcept;

/// One of them, or a piece of packet i, which is lost on its way to `destination`.
void capture_drop(const Burst& burst, unsigned i, const rte_mbuf* packet, EniSlot destination, DropReason reason,
                  WorkerContext& worker) noexcept;

/// A packet that was dropped outside of any burst, and has no record yet.
void capture_overdue(const rte_mbuf* packet, EniSlot source, DropReason reason, WorkerContext& worker) noexcept;

/// Stands before a port while somebody captures: what the port takes is recorded.
class CapturedPort final : public Port {
 public:
  CapturedPort(Port& port, EniSlot slot, WorkerContext& worker) noexcept : port_(port), slot_(slot), worker_(worker) {}
  PortCapabilities capabilities() const noexcept override { return port_.capabilities(); }
  std::uint16_t receive(std::span<rte_mbuf*> burst) noexcept override { return port_.receive(burst); }
  std::uint16_t transmit(std::span<rte_mbuf* const> burst) noexcept override;

 private:
  Port& port_;
  const EniSlot slot_;
  WorkerContext& worker_;
};

}  // namespace weft

// The one place that knows the order of the stages (DESIGN D1).
#pragma once

#include "dataplane/worker/burst.hpp"
#include "dataplane/worker/context.hpp"

namespace weft {

/// Takes a burst all the way. The caller has filled count, packet[], source[] and from_port; afterwards every packet
/// belongs to a port, to another worker or to its pool again.
void process(Burst& burst, WorkerContext& worker) noexcept;

/// What the gateway gives back (WorkerContext::again), from its headers on.
void process_again(WorkerContext& worker) noexcept;

/// The last part of the way, for packets that another worker has decided. destination[] is filled as well.
void process_decided(Burst& burst, WorkerContext& worker) noexcept;

/// What arrives by now from the underlay. There is something.
void process_arrived(WorkerContext& worker) noexcept;

/// What the services have to say by the clock.
void process_due_services(WorkerContext& worker) noexcept;

}  // namespace weft

// The stages of the pipeline, each in the file of its name. pipeline.cpp has their order.
//
// Every stage looks at packets whose fate is pending, and only at those. Thread: the worker.
#pragma once

#include "dataplane/policy/gate.hpp"
#include "dataplane/worker/burst.hpp"
#include "dataplane/worker/context.hpp"

namespace weft {

/// Brings headers towards the cache, and counts what a guest has sent.
void receive(Burst& burst, WorkerContext& worker) noexcept;

/// Headers to key, hash, kind. Drops what is malformed or is nothing a VPC carries.
void parse(Burst& burst, WorkerContext& worker) noexcept;

/// One packet anew, whose addresses have changed.
void parse_again(Burst& burst, unsigned i, WorkerContext& worker) noexcept;

/// What came from the internet: its public destination becomes the private one, before anybody looks for its flow.
void arrive(Burst& burst, WorkerContext& worker) noexcept;

/// Link state, source MAC and source address (facts ec2 1.7).
void check_source(Burst& burst, const WorkerContext& worker) noexcept;

/// An ENI's own limits, of instances that have limits: packets to the link-local services, fragments (facts ec2 1.8, 1.9).
void limit_source(Burst& burst, WorkerContext& worker) noexcept;
void limit_vf(Burst& burst, const WorkerContext& worker) noexcept;

/// ARP, which the fabric answers itself (facts ec2 1.7).
void serve(Burst& burst, WorkerContext& worker) noexcept;

/// A packet without a flow that is for the fabric: DHCP, DNS, NTP, neighbour discovery, the router (facts ec2 1.7, 1.9,
/// 2.5). False when it is for somebody else.
bool serve_request(Burst& burst, unsigned i, WorkerContext& worker) noexcept;

/// What a service says without being asked again, as much as one burst has room for, into WorkerContext::originated.
void serve_due(WorkerContext& worker) noexcept;

/// Packet i is an answer now, for the guest that asked.
void answered(Burst& burst, unsigned i, WorkerContext& worker) noexcept;

/// Flows of other workers go to their owner (DESIGN D3).
void steer(Burst& burst, WorkerContext& worker) noexcept;

/// What is wrong with the way from one host to another (dataplane/underlay), of packets from ENI to ENI: they are dropped, or
/// held until they arrive. Only where the snapshot has an underlay.
void cross_underlay(Burst& burst, WorkerContext& worker) noexcept;
/// The link of the host that a packet is for, when it has come there: it is lost, waits for the link, or is there. The packet
/// stays the caller's.
struct Landing {
  std::optional<DropReason> dropped{};
  bool waits = false;  // until held.at_ns
};
Landing land(InFlight::Held& held, WorkerContext& worker) noexcept;
DropReason reason_of_loss(underlay::Cause cause) noexcept;

/// Finds the flow; what has none, or one that was judged under older rules, goes to judge().
void decide(Burst& burst, WorkerContext& worker) noexcept;

/// Both gates and the route, for one packet. `entry` is what the flow table has for it, or null.
template <typename Entry>
void judge(Burst& burst, unsigned i, Entry* entry, WorkerContext& worker) noexcept;

/// The limits of flows and instances (facts ec2 4.3, 5.4).
void limit(Burst& burst, WorkerContext& worker) noexcept;

/// Counts what goes over ENA Express (facts ec2 5.5).
void count_express(Burst& burst, WorkerContext& worker) noexcept;

/// What flow logs are told of the packets, where some ENI is logged.
void account(const Burst& burst, WorkerContext& worker) noexcept;

/// What goes to the internet: time to live, MTU, the private source becomes the public one (facts ec2 1.8, 3.1).
void depart(Burst& burst, WorkerContext& worker) noexcept;

/// To the ports, grouped by destination; or to the worker that polls the port.
void deliver(Burst& burst, WorkerContext& worker) noexcept;

/// Counts, logs and frees what was dropped and what the fabric has dealt with. Every packet now belongs to somebody else.
void release(Burst& burst, WorkerContext& worker) noexcept;

/// A packet that is dropped outside a burst's arrays: a segment, or one whose ENI has gone. Frees it.
void drop_single(rte_mbuf* packet, EniSlot source, EniSlot destination, DropReason reason,
                 WorkerContext& worker) noexcept;

/// Addresses and ports of a frame, as the gates want them; empty where the frame has none.
PacketTuple tuple_of(const rte_mbuf* packet) noexcept;

}  // namespace weft

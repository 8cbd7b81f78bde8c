// What a worker's stages work with. One per worker, never shared; `snapshot` and the clock are set once per turn.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include "dataplane/flow/table.hpp"
#include "dataplane/limit/flow_meters.hpp"
#include "dataplane/limit/packet_windows.hpp"
#include "dataplane/observe/capture_session.hpp"
#include "dataplane/observe/counters.hpp"
#include "dataplane/observe/drop_log.hpp"
#include "dataplane/observe/flow_log_table.hpp"
#include "dataplane/services/answer.hpp"
#include "dataplane/underlay/underlay.hpp"
#include "dataplane/worker/burst.hpp"
#include "dataplane/worker/connection_counts.hpp"
#include "dataplane/worker/fragment_table.hpp"
#include "dataplane/worker/handover.hpp"
#include "dataplane/worker/icmp_error.hpp"
#include "dataplane/worker/in_flight.hpp"
#include "dataplane/worker/snapshot.hpp"

namespace weft {

/// What a worker keeps about limits of ENIs and flows. Address space, until a limit is asked.
struct LimitTables {
  LimitTables(std::uint32_t flows, std::uint32_t flows6) : meters(flows), meters6(flows6) {}
  PacketWindows link_local;  // by slot
  PacketWindows fragments;
  FlowMeters meters;  // by index of the flow's entry
  FlowMeters meters6;
  ConnectionCounts connections;
};

/// What a worker keeps for flow logs.
struct FlowLogTables {
  FlowLogTables(std::size_t records_of_each_half, std::uint32_t flows, std::uint32_t flows6)
      : records(records_of_each_half), places(flows, 0), places6(flows6, 1) {}
  FlowLogTable records;
  FlowLogPlaces places;  // by index of the flow's entry
  FlowLogPlaces places6;
  template <typename Entry>
  FlowLogPlaces& places_of() noexcept {
    if constexpr (std::is_same_v<Entry, FlowEntry4>) return places;
    else return places6;
  }
};

struct WorkerContext {
  static constexpr std::uint8_t kNoGroup = 0xff;

  WorkerContext(unsigned own_index, std::uint32_t flow_capacity, std::uint32_t flow_capacity6, Handover& rings,
                rte_mempool* packets, bool related_errors, const services::TokenKeys& token_keys)
      : index(own_index),
        flows(flow_capacity),
        flows6(flow_capacity6),
        handover(rings),
        pool(packets),
        related_icmp_errors(related_errors),
        services(token_keys) {}

  const unsigned index;
  const Snapshot* snapshot = nullptr;
  std::uint64_t now_ns = 0;
  std::uint32_t now = 0;  // ticks of kFlowTickNs

  FlowTable4 flows;
  FlowTable6 flows6;  // address space only, until the first IPv6 flow
  /// The table of a family, named by its entry: the stages behind parse() are one text for both.
  template <typename Entry>
  FlowTable<Entry>& flows_of() noexcept {
    if constexpr (std::is_same_v<Entry, FlowEntry4>)
      return flows;
    else
      return flows6;
  }
  template <typename Entry>
  const FlowTable<Entry>& flows_of() const noexcept {
    return const_cast<WorkerContext*>(this)->flows_of<Entry>();
  }

  /// The engine's switch and the VPC's: both have to say so.
  bool passes_related_errors() const noexcept { return related_icmp_errors && snapshot->parameters.related_icmp_errors; }

  /// Made by the control thread before it first publishes allowances; the stages ask only when there are some.
  std::unique_ptr<LimitTables> limits;

  /// Made by the control thread before it first publishes a flow log; account() runs only when there is one.
  std::unique_ptr<FlowLogTables> flow_log;

  /// The underlay as this worker sees it: it carries the packets of its flows and knows of no others. Made by the control
  /// thread before it first publishes an impairment; cross_underlay() runs only when there is one.
  std::unique_ptr<underlay::Underlay> lanes;
  InFlight in_flight;  // what is still on its way when the last impairment has gone arrives all the same

  EniCounterTable counters;
  BalanceCounters balance;
  DropLog drops;
  CaptureTap capture{index};
  Handover& handover;
  rte_mempool* pool;  // for copies: segments of a super-segment
  bool related_icmp_errors;
  bool virtual_clock = false;  // then `now_ns` is also the time that NTP tells
  IcmpErrorBudget icmp_errors;
  services::Memory services;
  FragmentTable fragments;

  // What the packets of the present burst bring about, each at most one of these. Empty between bursts.
  std::unique_ptr<Burst> originated = std::make_unique<Burst>();  // errors of the fabric's own, finished, to `source`
  std::unique_ptr<Burst> again = std::make_unique<Burst>();       // come back from the gateway
  std::unique_ptr<Burst> released = std::make_unique<Burst>();    // fragments whose first one has come; what has crossed the underlay

  /// Scratch of deliver(): slot -> group of the current burst; all kNoGroup between bursts.
  std::vector<std::uint8_t> group_of_slot = std::vector<std::uint8_t>(EniCounterTable::kLines, kNoGroup);
};

}  // namespace weft

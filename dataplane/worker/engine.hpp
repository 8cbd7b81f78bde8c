// The engine: workers, what is published to them, and what can be read from them. weftd, the benchmarks and the tests
// drive it through this header.
//
// Thread: all methods belong to one control thread. The workers are the engine's own threads, or none: with
// `workers = 0` the caller turns the crank itself by run_once(), which is how tests see every packet's whole effect.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/model/deployment.hpp"
#include "dataplane/model/result.hpp"
#include "dataplane/observe/capture_session.hpp"
#include "dataplane/observe/drop_reason.hpp"
#include "dataplane/observe/ena_counter.hpp"
#include "dataplane/observe/flow_log_table.hpp"
#include "dataplane/policy/gate.hpp"
#include "dataplane/underlay/configuration.hpp"
#include "dataplane/underlay/underlay.hpp"
#include "drivers/port.hpp"

namespace weft {

struct EngineOptions {
  unsigned workers = 1;
  bool poll = false;                   // never sleep, pin worker i to cpus[i]
  std::vector<int> cpus;               // empty: lcores float
  bool shared = false;                 // DPDK's secondary processes may attach: workers have no cache of the packet pool
  std::uint32_t flow_capacity = 1u << 20;   // IPv4 flows of each worker
  std::uint32_t flow_capacity6 = 1u << 18;  // IPv6 flows; no memory, only addresses, before the first of them
  std::uint32_t flow_log_records = 1u << 16;  // of each worker between two collections, a power of two; made when asked
  std::uint32_t packets = 16383;       // mbufs of 2 KiB in the pool
  bool related_icmp_errors = true;     // an ICMP error about a tracked flow passes by its state (facts ec2 1.8)
  std::uint64_t (*now_ns)() = nullptr; // null: CLOCK_MONOTONIC
};

/// Balance (DESIGN D11): received + originated + copies == delivered + dropped + consumed + held, asserted in debug
/// builds after every burst and checkable here at any time the workers are quiet.
struct Balance {
  std::uint64_t received = 0, originated = 0, copies = 0;
  std::uint64_t delivered = 0, dropped = 0, consumed = 0, held = 0;
  bool holds() const { return received + originated + copies == delivered + dropped + consumed + held; }
};

struct EniStatistics {
  std::string eni_id;  // or the internet gateway's id: rx goes out to the internet, tx comes in from it
  std::uint64_t rx_packets = 0, rx_bytes = 0;  // from the fabric to the guest
  std::uint64_t tx_packets = 0, tx_bytes = 0;  // from the guest
  std::uint64_t originated = 0;                // answered by the fabric for this guest: ARP, ICMP of the router
  std::uint64_t consumed = 0;                  // frames of this guest that the fabric answered itself
  std::uint64_t drops[kDropReasons] = {};      // of this guest's frames
  std::uint64_t ena[kEnaCounters] = {};        // kEnaCounterNames
  bool connections_limited = false;                 // of the instance; then there is the next
  std::uint64_t conntrack_allowance_available = 0;
  EfaCounters efa;                             // EFA functions only
};

struct FlowView {
  PacketTuple initiator_tuple;
  std::string initiator_eni, responder_eni;
  std::string state;  // "tcp-established", "udp-stream", "untracked", ...
  bool tracked[2] = {true, true};  // initiator's end, responder's end
  std::uint64_t packets[2] = {}, bytes[2] = {};
  std::uint32_t idle_ms = 0;
};

/// A packet that was dropped, as the worker noted it: the last few hundred, rate limited.
struct DropView {
  std::uint64_t when_ns = 0;
  DropReason reason{};
  std::string source_eni, destination_eni;  // destination empty when it was not known yet
  PacketTuple tuple;
  bool efa = false;
  std::uint64_t count = 1;  // equal drops in a row
};

/// One direction of one path between two hosts, of all workers together.
struct LaneView {
  underlay::LaneCounters counters;  // since weftd began; of packets that met an impairment of that pair of hosts
  std::uint64_t queued_bytes = 0;   // wait for its rate now
};

/// Whom a capture is about. Asked at the beginning and for each deployment from then on, so that a capture follows
/// attachments.
using CaptureSelection = std::function<std::vector<CaptureInterface>(const Deployment&)>;

class Engine {
 public:
  /// EAL must be initialised (worker/eal.hpp). Makes the mempool and the flow tables.
  static Result<std::unique_ptr<Engine>> create(const EngineOptions& options);
  virtual ~Engine() = default;

  /// The worker polls it from now on. At most one; call before start().
  virtual void set_message_switch(std::unique_ptr<MessageSwitch> messages,
                                  std::function<EfaCounters(EniSlot)> counters) = 0;

  virtual void start() = 0;
  virtual void stop() = 0;
  /// One turn of a worker whose thread was not started; returns packets handled.
  virtual unsigned run_once(unsigned worker = 0) = 0;

  struct Attachment {
    std::string eni_id;  // or the internet gateway's id: the port to the internet
    std::unique_ptr<Port> port;  // null: what was attached is closed, the ENI stays (its instance stopped)
    std::vector<std::unique_ptr<Port>> more_queues = {};  // of the same port, from queue 1 on
  };
  /// Publishes the deployment: ports of ENIs that it no longer has are closed, `added` ports are polled from now on,
  /// every flow keeps EC2's meaning of a change (DESIGN D3). Returns when no worker can see the old tables.
  /// An ENI that stays and gets another port has the old one closed; with a null port nothing is attached any more.
  /// An error: nothing was published, no port was closed but those of `added`, and everything goes on as before.
  virtual Result<void> apply(std::shared_ptr<const Deployment> deployment, std::vector<Attachment> added) = 0;

  /// What lies between the hosts, from the next apply() on; instances by name. It stays until it is set again. An instance
  /// that is not in the deployment has no faults until it is.
  virtual void set_underlay(underlay::Configuration configuration) = 0;

  virtual std::optional<EniSlot> slot_of(const std::string& eni_id) const = 0;
  virtual std::shared_ptr<const Deployment> deployment() const = 0;

  virtual Balance balance() const = 0;
  virtual std::vector<EniStatistics> statistics() const = 0;
  virtual std::vector<FlowView> flows() = 0;
  /// How many flows there are; an ENI without is left out. Looks at all of them, little by little between bursts.
  struct FlowCounts {
    struct OfWorker {
      std::uint32_t flows = 0, capacity = 0;    // IPv4, entries
      std::uint32_t flows6 = 0, capacity6 = 0;  // IPv6
    };
    std::vector<OfWorker> workers;
    std::map<std::string, std::uint64_t> of_enis;  // by ENI id; a flow between two counts at both
  };
  virtual FlowCounts flow_counts() = 0;
  /// The ports of ENIs that have one, by ENI id.
  struct PortState {
    bool link_up = false;  // somebody is at the other end
    unsigned queues = 1;
  };
  virtual std::map<std::string, PortState> port_states() const = 0;
  virtual std::vector<DropView> drops() const = 0;
  /// Of each way, in the order asked. Zeros: no packet has been there, or the lane is forgotten (underlay/underlay.hpp).
  virtual std::vector<LaneView> lanes(const std::vector<underlay::Way>& ways) = 0;
  /// The ENI as records name it, while it has a slot.
  virtual std::optional<FlowLogEniKey> flow_log_eni(const std::string& eni_id) const = 0;
  /// What the workers have added up for the deployment's flow logs since the last call.
  virtual FlowLogBatch take_flow_log_records() = 0;
  /// Worker threads' share of CPU time is what `idle` means: nanoseconds asleep and awake since start.
  struct IdleTime {
    std::uint64_t asleep_ns = 0, awake_ns = 0;
  };
  virtual std::vector<IdleTime> idle_times() const = 0;

  /// Packets of the chosen ends are copied to the session from now on, each as the guest sends or gets it, with the
  /// reason of a drop. One at a time: IncorrectState. EFA messages are no packets, and in no capture. The session stays
  /// usable after stop_capture(), for what is still in its rings. `options.workers` is filled in.
  virtual Result<std::shared_ptr<CaptureSession>> start_capture(CaptureSession::Options options,
                                                                CaptureSelection selection) = 0;
  /// Returns when no worker touches the session any more. Does nothing when there is no capture.
  virtual void stop_capture() = 0;

  /// For ports that need mbufs (ring, TAP).
  virtual rte_mempool* mempool() = 0;
  /// For the rest of frames of up to 64 KiB (TAP). Made when it is first asked for, by the control thread; null when
  /// there is no memory for it.
  virtual rte_mempool* large_mempool() = 0;
  /// Makes the workers look again: written by MessageSwitch and ports when they got something new to poll.
  virtual int wake_fd() = 0;
};

}  // namespace weft

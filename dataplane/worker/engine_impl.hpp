// The engine behind engine.hpp: engine.cpp has its life and apply(), engine_views.cpp what can be read from it,
// engine_capture.cpp who is captured.
#pragma once

#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "dataplane/worker/allowance_book.hpp"
#include "dataplane/worker/engine.hpp"
#include "dataplane/worker/handover.hpp"
#include "dataplane/worker/packet_pool.hpp"
#include "dataplane/worker/publication.hpp"
#include "dataplane/worker/slots.hpp"
#include "dataplane/worker/vf_book.hpp"
#include "dataplane/worker/worker.hpp"

namespace weft {

class EngineImpl final : public Engine {
 public:
  EngineImpl(const EngineOptions& options, PacketPool pool);
  ~EngineImpl() override;

  void set_message_switch(std::unique_ptr<MessageSwitch> messages,
                          std::function<EfaCounters(EniSlot)> counters) override;
  void start() override;
  void stop() override;
  unsigned run_once(unsigned worker) override;
  Result<void> apply(std::shared_ptr<const Deployment> deployment, std::vector<Attachment> added) override;
  void set_underlay(underlay::Configuration configuration) override { underlay_ = std::move(configuration); }
  std::optional<EniSlot> slot_of(const std::string& eni_id) const override { return slots_.find(eni_id); }
  std::shared_ptr<const Deployment> deployment() const override { return deployment_; }

  Balance balance() const override;
  std::vector<EniStatistics> statistics() const override;
  std::vector<FlowView> flows() override;
  FlowCounts flow_counts() override;
  std::map<std::string, PortState> port_states() const override;
  std::vector<DropView> drops() const override;
  std::vector<LaneView> lanes(const std::vector<underlay::Way>& ways) override;
  std::optional<FlowLogEniKey> flow_log_eni(const std::string& eni_id) const override;
  FlowLogBatch take_flow_log_records() override;
  std::vector<IdleTime> idle_times() const override;
  Result<std::shared_ptr<CaptureSession>> start_capture(CaptureSession::Options options,
                                                        CaptureSelection selection) override;
  void stop_capture() override;
  rte_mempool* mempool() override { return pool_.get(); }
  rte_mempool* large_mempool() override;
  int wake_fd() override { return workers_.front()->wake_set().event_fd(); }

 private:
  Result<std::vector<SlotAssignment>> assign_slots(const Deployment& deployment, const std::vector<Attachment>& added,
                                                   std::uint32_t epoch);
  Result<void> watch(const std::vector<Attachment>& added);
  void unwatch(const SlotTable::Owner& owner, const PortQueues& queues);
  WakeSet& wake_set_of(const SlotTable::Owner& owner, std::size_t queue);
  std::vector<unsigned> ports_by_worker() const;
  std::uint64_t now_ns() const;
  EniStatistics sum(EniSlot slot) const;
  template <typename Entry>
  FlowView view_of(const Entry& entry, std::uint32_t now) const;
  template <typename Table>
  void add_flows(Worker& worker, Table WorkerContext::* table, std::vector<FlowView>& views);
  template <typename Table>
  void count_flows(Worker& worker, Table WorkerContext::* table, std::vector<std::uint64_t>& by_slot);

  /// Ends that are new in the capture of `deployment`, before a worker sees their first packet.
  void capture_more(const Deployment& deployment);
  /// Ends that are not in it any more, once no worker sees them and before their slots are another's.
  void capture_less();

  const EngineOptions options_;
  PacketPool pool_, large_pool_;
  Publication<Snapshot> publication_;
  AllowanceBook allowances_;
  VfBook functions_;
  SlotTable slots_;  // owns the ports
  std::vector<EniStatistics> baselines_;  // by slot: what the counters were when the ENI came
  Handover handover_;
  std::unique_ptr<MessageSwitch> messages_;
  std::function<EfaCounters(EniSlot)> efa_counters_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::uint64_t started_ns_ = 0;
  std::uint32_t epoch_ = 0;
  std::shared_ptr<const Deployment> deployment_;
  underlay::Configuration underlay_;

  struct Capture {
    std::shared_ptr<CaptureSession> session;  // null: none
    CaptureSelection selection;
    std::map<EniSlot, std::string> captured, wanted;  // by slot, the name in the file
  };
  Capture capture_;
};

}  // namespace weft

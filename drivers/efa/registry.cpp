#include "drivers/efa/registry.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <tuple>

namespace weft::efa {
namespace {

using Kind = SwitchCommand::Kind;

// IANA's dynamic range: what a program asks for by number lies below, and numbers are not used again soon.
constexpr std::uint32_t kFirstDynamicQpn = 49152, kLastQpn = 65535;  // EFA's QPNs have 16 bits (facts ec2 6.4)

using ClientCounts = std::array<std::uint64_t, kClientCounters>;

void add_to(ClientCounts& sum, const ClientCounts& counts) {
  for (unsigned i = 0; i < kClientCounters; ++i) sum[i] += counts[i];
}

template <typename T>
T random_nonzero() {
  T value = 0;
  while (value == 0)
    if (getrandom(&value, sizeof value, 0) != sizeof value) value = 0;
  return value;
}

}  // namespace

Registry::Registry(std::shared_ptr<SwitchLink> link, int wake_fd)
    : link_(std::move(link)), wake_fd_(wake_fd), daemon_epoch_(random_nonzero<std::uint64_t>()) {}

EfaError Registry::add_function(const EfaFunction& wanted) {
  const std::string name = "EFA function " + wanted.eni_id;
  if (wanted.eni_id.empty() || wanted.eni_id.size() >= sizeof FunctionInfo::eni_id)
    return {EINVAL, name + ": the ENI's id must have 1 to 31 characters"};
  if (wanted.instance.empty() || wanted.instance.size() >= sizeof FunctionInfo::instance)
    return {EINVAL, name + ": the instance's name must have 1 to 63 characters"};
  if (wanted.slot == kNoEni) return {EINVAL, name + " has no ENI slot: add the ENI to the engine first"};
  unsigned in_instance = 0;
  for (const auto& [key, record] : functions_) {
    const EfaFunction& other = record.function->declared;
    if (record.leaving) continue;
    in_instance += other.instance == wanted.instance ? 1 : 0;
    if (other.eni_id == wanted.eni_id) return {EEXIST, name + " exists already: remove it first"};
    if (other.vpc == wanted.vpc && other.address == wanted.address)
      return {EEXIST, name + ": its address belongs to " + other.eni_id + " already"};
    if (other.slot == wanted.slot) return {EEXIST, name + ": its slot belongs to " + other.eni_id + " already"};
  }
  if (in_instance == kMaxFunctions)
    return {ENOSPC, name + ": instance " + wanted.instance + " has " + std::to_string(kMaxFunctions) +
                        " EFA functions already, the most there can be"};

  auto function = std::make_unique<Function>(wanted);
  FunctionRecord& record = functions_[function.get()];
  record.function = function.get();
  record.next_qpn = kFirstDynamicQpn;
  link_->functions.emplace(function.get(), std::move(function));
  tell(Kind::kAddFunction, record);
  return {};
}

EfaError Registry::remove_function(const std::string& eni_id) {
  FunctionRecord* record = find(eni_id);
  if (record == nullptr) return {ENOENT, "there is no EFA function " + eni_id + " to remove"};
  for (auto& [key, queue_pair] : queue_pairs_)  // also those that are draining: none may outlive its function
    if (&queue_pair.queue_pair->function() == record->function) leave(queue_pair, Kind::kCloseQueuePair);
  record->leaving = true;
  forget_function(*record);
  tell(Kind::kRemoveFunction, *record);
  return {};
}

Registry::FunctionRecord* Registry::find(const std::string& eni_id) {
  for (auto& [key, record] : functions_)
    if (!record.leaving && record.function->declared.eni_id == eni_id) return &record;
  return nullptr;
}

std::vector<const EfaFunction*> Registry::functions_of(const std::string& instance) const {
  std::vector<const EfaFunction*> found;
  for (const auto& [key, record] : functions_)
    if (!record.leaving && record.function->declared.instance == instance) found.push_back(&record.function->declared);
  std::sort(found.begin(), found.end(),
            [](const EfaFunction* a, const EfaFunction* b) {
              return std::tie(a->device_index, a->eni_id) < std::tie(b->device_index, b->eni_id);
            });
  return found;
}

std::uint32_t Registry::choose_qpn(FunctionRecord& record) {
  for (;;) {  // ends: there are fewer queue pairs than numbers
    const std::uint32_t qpn = record.next_qpn;
    record.next_qpn = qpn == kLastQpn ? kFirstDynamicQpn : qpn + 1;
    if (record.by_qpn.count(qpn) == 0) return qpn;
  }
}

Registry::Creation Registry::create_queue_pair(const std::string& eni_id, const CreateQp& request,
                                               const ClientIdentity& client) {
  Creation result;
  const auto refuse = [&](int error) {
    result.error = error;
    return std::move(result);
  };
  FunctionRecord* record = find(eni_id);
  if (record == nullptr) return refuse(ENODEV);
  const QueueSizes sizes = clamp({request.sq_depth, request.cq_depth, request.tx_buffers, request.rx_buffers});
  if (sizes.sq_depth == 0 || sizes.cq_depth == 0 || sizes.tx_buffers == 0 || sizes.rx_buffers == 0)
    return refuse(EINVAL);
  if (request.qpn > kLastQpn) return refuse(EINVAL);
  if (request.qpn != 0 && record->by_qpn.count(request.qpn) != 0) return refuse(EADDRINUSE);
  if (record->by_qpn.size() >= kMaxQueuePairs || queue_pairs_.size() >= EfaSwitch::kMaxActive) return refuse(EMFILE);

  auto memory = SharedMemory::create(layout_of(sizes).total);
  if (!memory) return refuse(errno);
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) != 0) return refuse(errno);
  result.arrival = FileDescriptor(pipe_ends[0]);
  FileDescriptor arrival_writer(pipe_ends[1]);

  const QueuePairIdentity identity{request.qpn != 0 ? request.qpn : choose_qpn(*record),
                                   random_nonzero<std::uint32_t>(), ++generation_, daemon_epoch_,
                                   (client.features & kFeatureFabric) != 0};
  auto queue_pair = std::make_unique<QueuePair>(std::move(memory), sizes, *record->function, identity,
                                                std::move(arrival_writer));
  result.queue_pair = queue_pair.get();
  record->by_qpn.emplace(identity.qpn, queue_pair.get());
  ++record->queue_pairs;
  QueuePairRecord& added = queue_pairs_[queue_pair.get()];
  added.queue_pair = queue_pair.get();
  added.client = client;
  link_->queue_pairs.emplace(queue_pair.get(), std::move(queue_pair));
  tell(Kind::kAddQueuePair, added);
  return result;
}

void Registry::drain(QueuePair* queue_pair) {
  const auto found = queue_pairs_.find(queue_pair);
  if (found != queue_pairs_.end() && !found->second.leaving) leave(found->second, Kind::kDrainQueuePair);
}

void Registry::close_all() {
  for (auto& [key, record] : queue_pairs_) leave(record, Kind::kCloseQueuePair);
}

void Registry::leave(QueuePairRecord& record, Kind kind) {
  FunctionRecord& function = functions_.at(&record.queue_pair->function());
  const auto named = function.by_qpn.find(record.queue_pair->qpn());
  if (named != function.by_qpn.end() && named->second == record.queue_pair) {
    add_to(function.former_counts, record.queue_pair->client_counts());
    function.by_qpn.erase(named);
  }
  record.leaving = true;
  tell(kind, record);
  leave_channels(record);
}

void Registry::tell(Kind kind, FunctionRecord& record) {
  ++record.unacknowledged;
  push({kind, record.function, nullptr, nullptr});
}

void Registry::tell(Kind kind, QueuePairRecord& record) {
  ++record.unacknowledged;
  push({kind, nullptr, record.queue_pair, nullptr});
}

void Registry::tell(Kind kind, ChannelRecord& record) {
  ++record.unacknowledged;
  push({kind, nullptr, nullptr, record.channel});
}

void Registry::push(const SwitchCommand& command) {
  backlog_.push_back(command);
  flush();
}

void Registry::flush() {
  bool told = false;
  while (!backlog_.empty() && outstanding_ < SwitchLink::kCapacity && link_->commands.push(backlog_.front())) {
    backlog_.pop_front();
    ++outstanding_;
    told = true;
  }
  if (told) eventfd_write(wake_fd_, 1);
}

Registry::News Registry::take_acknowledgements() {
  News news;
  SwitchCommand command;
  while (link_->acknowledgements.pop(command)) {
    --outstanding_;
    acknowledge(command, news);
  }
  flush();
  notice_changes();
  return news;
}

void Registry::acknowledge(const SwitchCommand& command, News& news) {
  if (command.function != nullptr) return acknowledge_function(command);
  if (command.queue_pair != nullptr) return acknowledge_queue_pair(command, news);
  acknowledge_channel(command, news);
}

void Registry::acknowledge_function(const SwitchCommand& command) {
  --functions_.at(command.function).unacknowledged;
  forget_if_done(command.function);
}

void Registry::acknowledge_queue_pair(const SwitchCommand& command, News& news) {
  QueuePairRecord& record = queue_pairs_.at(command.queue_pair);
  --record.unacknowledged;
  if (!record.leaving) {
    record.ready = true;
    news.ready.push_back(command.queue_pair);
  } else if (record.unacknowledged == 0) {
    const Function* function = &command.queue_pair->function();
    news.gone.push_back(command.queue_pair);
    queue_pairs_.erase(command.queue_pair);
    link_->queue_pairs.erase(command.queue_pair);
    --functions_.at(function).queue_pairs;
    forget_if_done(function);
  }
}

void Registry::forget_if_done(const Function* function) {
  const FunctionRecord& record = functions_.at(function);
  if (!record.leaving || record.unacknowledged != 0 || record.queue_pairs != 0) return;
  functions_.erase(function);
  link_->functions.erase(function);
}

EfaCounters Registry::counters(EniSlot slot) const {
  for (const auto& [key, record] : functions_)
    if (!record.leaving && record.function->declared.slot == slot) return read_counters(record);
  return {};
}

EfaCounters Registry::read_counters(const FunctionRecord& record) const {
  ClientCounts counts = record.former_counts;
  for (const auto& [qpn, queue_pair] : record.by_qpn) add_to(counts, queue_pair->client_counts());
  const auto of = [&](ClientCounter counter) { return counts[static_cast<unsigned>(counter)]; };
  EfaCounters all = with_channels(record);
  all.rdma_read_wrs = of(ClientCounter::kReadWrs), all.rdma_read_bytes = of(ClientCounter::kReadBytes);
  all.rdma_read_wr_err = of(ClientCounter::kReadWrErr), all.rdma_read_resp_bytes = of(ClientCounter::kReadRespBytes);
  all.rdma_write_wrs = of(ClientCounter::kWriteWrs), all.rdma_write_bytes = of(ClientCounter::kWriteBytes);
  all.rdma_write_wr_err = of(ClientCounter::kWriteWrErr), all.rdma_write_recv_bytes = of(ClientCounter::kWriteRecvBytes);
  all.rdma_tx_pkts = of(ClientCounter::kRdmaTxPkts), all.rdma_tx_bytes = of(ClientCounter::kRdmaTxBytes);
  all.rdma_rx_pkts = of(ClientCounter::kRdmaRxPkts), all.rdma_rx_bytes = of(ClientCounter::kRdmaRxBytes);
  all.retrans_pkts = of(ClientCounter::kRetransPkts), all.retrans_bytes = of(ClientCounter::kRetransBytes);
  all.retrans_timeout_events = of(ClientCounter::kRetransTimeoutEvents);
  all.unresponsive_remotes = of(ClientCounter::kUnresponsiveRemoteEvents);
  all.impaired_remotes = of(ClientCounter::kImpairedRemoteConnEvents);
  return all;
}

std::vector<EfaClientView> Registry::clients() const {
  std::vector<EfaClientView> all;
  for (const auto& [key, record] : queue_pairs_) {
    if (record.leaving) continue;
    const EfaFunction& function = record.queue_pair->function().declared;
    all.push_back({function.instance, function.eni_id, record.queue_pair->qpn(), record.client.pid, record.client.uid,
                   static_cast<unsigned>(record.outbound.size()), static_cast<unsigned>(record.inbound.size())});
  }
  std::sort(all.begin(), all.end(), [](const EfaClientView& a, const EfaClientView& b) {
    return std::tie(a.instance, a.eni_id, a.qpn) < std::tie(b.instance, b.eni_id, b.qpn);
  });
  return all;
}

std::vector<EfaRoundTrip> Registry::round_trips(const std::string& instance) const {
  std::vector<EfaRoundTrip> all;
  for (const auto& [key, record] : queue_pairs_)
    if (!record.leaving && record.queue_pair->function().declared.instance == instance)
      record.queue_pair->add_round_trips(all);
  return all;
}

}  // namespace weft::efa

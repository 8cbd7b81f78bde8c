// Which functions, queue pairs and express channels there are, and what the worker has still to be told about them. No sockets.
// Thread: the caller locks.
#pragma once

#include <sys/types.h>

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "drivers/efa/efa_server.hpp"
#include "drivers/efa/error.hpp"
#include "drivers/efa/switch_link.hpp"

namespace weft::efa {

struct ClientIdentity {
  pid_t pid = 0;
  uid_t uid = 0;
  std::uint64_t features = 0;  // of its Hello
};

class Registry {
 public:
  /// `wake_fd` is written when the worker has something to read; not owned.
  Registry(std::shared_ptr<SwitchLink> link, int wake_fd);

  EfaError add_function(const EfaFunction& function);
  EfaError remove_function(const std::string& eni_id);

  /// By device index; at most kMaxFunctions.
  std::vector<const EfaFunction*> functions_of(const std::string& instance) const;

  struct Creation {
    int error = 0;  // errno for the client
    QueuePair* queue_pair = nullptr;
    FileDescriptor arrival;  // the client's end
  };
  /// Makes a queue pair and tells the worker. It can be reached when take_acknowledgements() says that it is ready.
  Creation create_queue_pair(const std::string& eni_id, const CreateQp& request, const ClientIdentity& client);

  /// At once: an errno for the client, or 0, and then take_acknowledgements() has the answer (registry_channels.cpp).
  int request_channel(QueuePair* sender, const RequestChannel& request);
  /// One side of a channel has let go. False: it has no such channel.
  bool release_channel(QueuePair* queue_pair, std::uint32_t id);

  /// The answer to a request: the channel is there, and nobody has it yet, or why there is none.
  struct ChannelAnswer {
    int error = 0;
    std::uint32_t id = 0;
    QueuePair* requester = nullptr;  // only an address: it may have gone
    ChannelEnd destination;
  };
  /// The channel, and those at its ends that are still there. All null: there is no such channel any more.
  struct ChannelParties {
    Channel* channel = nullptr;
    QueuePair *sender = nullptr, *receiver = nullptr;
    pid_t sender_pid = 0;
  };
  ChannelParties parties(std::uint32_t id);
  /// Neither side has it.
  void drop_channel(std::uint32_t id);
  /// The receiver has it, the sender will not.
  void withhold_channel(std::uint32_t id);

  /// No more channels, and those there are are revoked; or channels again.
  void set_express(bool allowed);
  std::uint64_t features() const {
    return kFeatureFabric | (link_->express.load() ? kFeatureExpress : 0);
  }

  /// The client is gone: what it posted is still sent, then the queue pair goes.
  void drain(QueuePair* queue_pair);
  /// The server ends: everything goes at once.
  void close_all();

  /// What the worker is through with: queue pairs that can be reached now, and queue pairs that are gone (only an
  /// address any more).
  struct News {
    std::vector<QueuePair*> ready, gone;
    std::vector<ChannelAnswer> answers;
  };
  News take_acknowledgements();  // and the clients of channels that have changed are told to look

  EfaCounters counters(EniSlot slot) const;
  /// Every function there is, with its counters.
  template <typename Visit>
  void visit_functions(Visit&& visit) const {
    for (const auto& [key, record] : functions_)
      if (!record.leaving) visit(record.function->declared, read_counters(record));
  }
  std::vector<EfaClientView> clients() const;
  std::vector<EfaRoundTrip> round_trips(const std::string& instance) const;
  bool has_queue_pairs() const { return !queue_pairs_.empty(); }
  std::uint64_t daemon_epoch() const { return daemon_epoch_; }

 private:
  struct FunctionRecord {
    Function* function = nullptr;
    unsigned unacknowledged = 0;
    bool leaving = false;
    unsigned queue_pairs = 0;                // memory that is still there
    std::map<std::uint32_t, QueuePair*> by_qpn;  // those that can be reached, or soon
    std::uint32_t next_qpn = 0;
    Channel::Counts sent, received;          // over channels that are destroyed
    std::array<std::uint64_t, kClientCounters> former_counts{};  // counted by queue pairs that left
  };
  struct QueuePairRecord {
    QueuePair* queue_pair = nullptr;
    unsigned unacknowledged = 0;
    bool leaving = false;
    bool ready = false;  // packets reach it
    ClientIdentity client;
    std::set<std::uint32_t> outbound, inbound;  // channels that are not released by both
    unsigned requests = 0;                      // of outbound, those that the worker has not answered
  };
  /// An end is null when it has gone; then it has released the channel, too.
  struct ChannelRecord {
    Channel* channel = nullptr;
    QueuePairRecord *sender = nullptr, *receiver = nullptr;
    FunctionRecord *sender_function = nullptr, *receiver_function = nullptr;  // null: removed
    unsigned unacknowledged = 0;
    bool answered = false, sender_released = false, receiver_released = false, leaving = false;
    bool told_revoked = false, told_sender_gone = false;
    std::uint64_t packets_seen = 0, changed_ns = 0;  // for make_room(): when this number was first seen, or it was revoked
  };

  FunctionRecord* find(const std::string& eni_id);
  EfaCounters read_counters(const FunctionRecord& record) const;
  static std::uint32_t choose_qpn(FunctionRecord& record);
  void tell(SwitchCommand::Kind kind, FunctionRecord& record);
  void tell(SwitchCommand::Kind kind, QueuePairRecord& record);
  void leave(QueuePairRecord& record, SwitchCommand::Kind kind);
  void tell(SwitchCommand::Kind kind, ChannelRecord& record);
  void push(const SwitchCommand& command);
  void flush();
  void acknowledge(const SwitchCommand& command, News& news);
  void acknowledge_function(const SwitchCommand& command);
  void acknowledge_queue_pair(const SwitchCommand& command, News& news);
  void acknowledge_channel(const SwitchCommand& command, News& news);
  void forget_if_done(const Function* function);

  // registry_channels.cpp
  QueuePairRecord* find_destination(const QueuePairRecord& sender, const RequestChannel& request);
  int may_have_channel(const QueuePairRecord& sender, const QueuePairRecord& receiver) const;
  int make_room(const QueuePairRecord& receiver);
  void leave_channels(QueuePairRecord& record);
  void forget_function(const FunctionRecord& record);
  void remove_if_released(ChannelRecord& record);
  void notice_changes();
  void tell_ends(ChannelRecord& record);
  EfaCounters with_channels(const FunctionRecord& record) const;

  std::shared_ptr<SwitchLink> link_;
  int wake_fd_;
  std::uint64_t daemon_epoch_;
  std::uint32_t generation_ = 0;
  std::map<const Function*, FunctionRecord> functions_;
  std::map<const QueuePair*, QueuePairRecord> queue_pairs_;
  std::map<std::uint32_t, ChannelRecord> channels_;
  std::uint32_t last_channel_ = 0;
  std::uint64_t channel_changes_ = 0;  // of the link's, those that the clients have been told
  std::deque<SwitchCommand> backlog_;  // the link is full
  std::size_t outstanding_ = 0;
};

}  // namespace weft::efa

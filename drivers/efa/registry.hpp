// Which functions and queue pairs there are, and what the worker has still to be told about them. No sockets.
// Thread: the caller locks.
#pragma once

#include <sys/types.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "drivers/efa/efa_server.hpp"
#include "drivers/efa/error.hpp"
#include "drivers/efa/switch_link.hpp"

namespace weft::efa {

struct ClientIdentity {
  pid_t pid = 0;
  uid_t uid = 0;
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

  /// The client is gone: what it posted is still sent, then the queue pair goes.
  void drain(QueuePair* queue_pair);
  /// The server ends: everything goes at once.
  void close_all();

  /// What the worker is through with: queue pairs that can be reached now, and queue pairs that are gone (only an
  /// address any more).
  struct News {
    std::vector<QueuePair*> ready, gone;
  };
  News take_acknowledgements();

  EfaCounters counters(EniSlot slot) const;
  /// Every function there is, with its counters.
  template <typename Visit>
  void visit_functions(Visit&& visit) const {
    for (const auto& [key, record] : functions_)
      if (!record.leaving) visit(record.function->declared, read_counters(record));
  }
  std::vector<EfaClientView> clients() const;
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
    std::array<std::uint64_t, kRdmaCounters> former_rdma{};  // counted by queue pairs that left
  };
  struct QueuePairRecord {
    QueuePair* queue_pair = nullptr;
    unsigned unacknowledged = 0;
    bool leaving = false;
    ClientIdentity client;
  };

  FunctionRecord* find(const std::string& eni_id);
  static EfaCounters read_counters(const FunctionRecord& record);
  static std::uint32_t choose_qpn(FunctionRecord& record);
  void tell(SwitchCommand::Kind kind, FunctionRecord& record);
  void tell(SwitchCommand::Kind kind, QueuePairRecord& record);
  void leave(QueuePairRecord& record, SwitchCommand::Kind kind);
  void flush();
  void acknowledge(const SwitchCommand& command, News& news);
  void forget_if_done(const Function* function);

  std::shared_ptr<SwitchLink> link_;
  int wake_fd_;
  std::uint64_t daemon_epoch_;
  std::uint32_t generation_ = 0;
  std::map<const Function*, FunctionRecord> functions_;
  std::map<const QueuePair*, QueuePairRecord> queue_pairs_;
  std::deque<SwitchCommand> backlog_;  // the link is full
  std::size_t outstanding_ = 0;
};

}  // namespace weft::efa

// The EFA server's thread: one epoll over listeners, connections and the worker's acknowledgements.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "drivers/efa/connection.hpp"
#include "drivers/efa/counter_files.hpp"
#include "drivers/efa/efa_server.hpp"
#include "drivers/efa/registry.hpp"

namespace weft {

class EfaServer::Loop {
 public:
  /// Throws std::system_error when descriptors or threads have run out.
  explicit Loop(int wake_fd);
  ~Loop();

  EfaError add_listener(const std::string& instance, efa::FileDescriptor socket, const std::string& path);
  void remove_listener(const std::string& instance);

  std::mutex mutex;  // guards everything below, and the registry
  std::shared_ptr<efa::SwitchLink> link;
  bool switch_taken = false;
  efa::FileDescriptor wake;  // the engine's: the doorbell that clients get
  efa::Registry registry;
  std::unique_ptr<efa::CounterFiles> files;  // none until somebody wants them

 private:
  /// epoll's names for things: never used twice, unlike descriptors.
  using Id = std::uint64_t;
  static constexpr Id kStop = 0, kAcknowledged = 1;
  /// How old the numbers in the files may be: while they change, and when they did not for a while.
  static constexpr std::chrono::milliseconds kFastest{100}, kSlowest{800};
  struct Listener {
    Id id = 0;
    efa::FileDescriptor socket;
    std::string path;  // to remove; empty: none
  };

  void run();
  void handle(Id id, std::uint32_t events);
  void accept_from(const std::string& instance, Listener& listener);
  void settle(Id id, efa::Connection::Fate fate);
  void tell_connections();
  void answer_request(const efa::Registry::ChannelAnswer& answer);
  int hand_over_channel(std::uint32_t id);
  efa::Connection* connection_of(const efa::QueuePair* queue_pair);
  void write_files();
  bool watch(int fd, Id id, std::uint32_t events);

  efa::FileDescriptor epoll_, stop_, spare_;
  Id next_id_ = 2;
  std::chrono::milliseconds write_after_{kSlowest};  // the files again; longer and longer while nothing changes
  std::map<std::string, Listener> listeners_;
  std::map<Id, std::unique_ptr<efa::Connection>> connections_;
  std::map<const efa::QueuePair*, Id> owners_;
  std::chrono::steady_clock::time_point written_at_;
  bool write_due_ = false;  // there were clients since the files were written
  std::thread thread_;
};

}  // namespace weft

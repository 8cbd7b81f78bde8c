// A daemon whose wire keeps no order: what a turn takes from the queue pairs is delivered in random order, and some
// packets are refused with RNR although there is room. It says kOk only of what is delivered, as SRD does. The control
// half is the real one (drivers/efa); LoopbackDaemon is the daemon with the real switch.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "drivers/efa/connection.hpp"

namespace weft::rdm::testing {

class ShufflingDaemon {
 public:
  ShufflingDaemon(std::string runtime_directory, const std::vector<EfaFunction>& functions);
  ~ShufflingDaemon();

  void enter(const std::string& instance) const;
  void pause() { paused_ = true; }
  void resume() { paused_ = false; }
  std::uint32_t run_once();

  /// Of a hundred packets, how many are refused for no reason.
  unsigned refuse_percent = 0;
  std::mt19937_64 random{7};

 private:
  struct Packet {
    efa::QueuePair* source;
    efa::QueuePair* destination;
    std::vector<std::byte> payload;
  };
  struct Listener {
    std::string instance;
    efa::FileDescriptor socket;
  };

  void serve_clients();
  void obey_commands();
  void take_from(efa::QueuePair& source);
  efa::QueuePair* find(const efa::Descriptor& packet) const;
  void deliver();

  std::string directory_;
  std::atomic<bool> stop_{false}, paused_{false};
  std::mutex turn_;
  efa::FileDescriptor wake_;
  std::shared_ptr<efa::SwitchLink> link_ = std::make_shared<efa::SwitchLink>();
  efa::Registry registry_;
  std::vector<Listener> listeners_;
  std::vector<std::unique_ptr<efa::Connection>> connections_;
  std::vector<efa::QueuePair*> queue_pairs_;
  std::vector<Packet> on_the_wire_;
  std::thread thread_;
};

}  // namespace weft::rdm::testing

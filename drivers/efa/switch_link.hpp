// Between the server's thread and the worker: commands one way, acknowledgements the other, and the memory both use.
//
// Each command is acknowledged exactly once, when the worker is through with it; what it names may be destroyed when no
// command that names it is unacknowledged. At most kCapacity are outstanding, so the worker's push never fails.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <boost/lockfree/spsc_queue.hpp>
#include <map>
#include <memory>

#include "drivers/efa/channel.hpp"
#include "drivers/efa/file_descriptor.hpp"
#include "drivers/efa/function.hpp"
#include "drivers/efa/queue_pair.hpp"

namespace weft::efa {

struct SwitchCommand {
  enum class Kind : std::uint8_t {
    kAddFunction,     // acknowledged when packets to its address find it
    kRemoveFunction,  // after all of its queue pairs
    kAddQueuePair,    // acknowledged when packets can reach it
    kDrainQueuePair,  // unreachable at once; acknowledged when what was posted is sent (DESIGN D7)
    kCloseQueuePair,  // unreachable and silent at once, and its client is told
    kAddChannel,      // acknowledged with the gates' answer
    kRemoveChannel,   // both ends have let go, or never had it
  };
  Kind kind{};
  Function* function = nullptr;
  QueuePair* queue_pair = nullptr;
  Channel* channel = nullptr;
  bool refused = false;  // the worker's answer to kAddChannel
};

struct SwitchLink {
  static constexpr std::size_t kCapacity = 1024;

  boost::lockfree::spsc_queue<SwitchCommand, boost::lockfree::capacity<kCapacity>> commands;
  boost::lockfree::spsc_queue<SwitchCommand, boost::lockfree::capacity<kCapacity>> acknowledgements;
  /// Written by the worker when a turn acknowledged something, or changed a channel.
  FileDescriptor acknowledged{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  /// Counts up, by the worker: a channel was revoked or has lost its sender.
  std::atomic<std::uint64_t> channel_changes{0};
  /// By the server: whether there may be express channels.
  std::atomic<bool> express{true};

  // The server's lists. They live here because the worker may use what they own until server and switch are both gone.
  std::map<const Function*, std::unique_ptr<Function>> functions;
  std::map<const QueuePair*, std::unique_ptr<QueuePair>> queue_pairs;
  std::map<const Channel*, std::unique_ptr<Channel>> channels;
};

}  // namespace weft::efa

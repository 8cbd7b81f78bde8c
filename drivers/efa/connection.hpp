// One client's connection: Hello, at most one CreateQp, then express channels (abi.hpp). Every field of every record is checked, and what
// is not understood is answered with an errno or the end of the connection; nothing here waits for the client.
// Thread: the server's, with the registry locked.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "drivers/efa/file_descriptor.hpp"
#include "drivers/efa/registry.hpp"

namespace weft::efa {

class Connection {
 public:
  enum class Fate { kKeep, kClose };

  /// `doorbell` is what clients write to wake the worker; not owned.
  Connection(FileDescriptor socket, std::string instance, int doorbell);

  int fd() const { return socket_.get(); }
  QueuePair* queue_pair() const { return queue_pair_; }

  /// Handles what has arrived.
  Fate read(Registry& registry);
  /// The queue pair can be reached: gives it to the client.
  Fate queue_pair_ready();
  /// The queue pair does not exist any more.
  void queue_pair_gone() { queue_pair_ = nullptr; }

  /// Gives the queue pair's client its side of a channel, or the reason why there is none.
  Fate offer_channel(Channel& channel, pid_t sender);
  Fate grant_channel(Channel& channel, int wake_pipe);
  Fate refuse_channel(const ChannelEnd& destination, int error);

 private:
  Fate handle(std::span<const std::byte> record, Registry& registry);
  Fate hello(std::span<const std::byte> record, Registry& registry);
  Fate create_queue_pair(std::span<const std::byte> record, Registry& registry);
  Fate request_channel(std::span<const std::byte> record, Registry& registry);
  Fate release_channel(std::span<const std::byte> record, Registry& registry);
  Fate answer_request(ChannelGranted answer, const ChannelEnd& destination, std::span<const int> descriptors);
  Fate refuse(MessageType reply, int error);
  template <typename Reply>
  Fate send(Reply reply, MessageType type, std::span<const int> descriptors = {});

  FileDescriptor socket_;
  std::string instance_;
  int doorbell_;
  ClientIdentity client_;
  bool permitted_ = false;
  bool greeted_ = false, created_ = false, ready_ = false;
  std::vector<std::string> listed_;  // the ENIs of HelloReply, by index: the list may change in between
  QueuePair* queue_pair_ = nullptr;
  FileDescriptor arrival_;           // the client's end, until it is given
};

}  // namespace weft::efa

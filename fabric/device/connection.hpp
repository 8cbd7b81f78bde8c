// Talking to the EFA server: find its socket, say Hello, ask for a queue pair. Everything the daemon answers is checked.
// No exception leaves.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <utility>

#include "drivers/efa/abi.hpp"

namespace weft::device {

/// A file descriptor that closes itself.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// A connection that has said Hello.
struct Connection {
  FileDescriptor socket;
  efa::HelloReply hello;
  char where[128] = "";  // the socket's name: @weft-efa, or a path
};

/// 0 or an errno (FunctionList in queue_pair.hpp lists them). First the abstract name in this network namespace, then,
/// where WEFT_INSTANCE names an instance, <runtime>/efa/<instance>.sock.
int connect_to_daemon(Connection& connection) noexcept;

struct GrantedQueuePair {
  std::uint32_t qpn = 0, qkey = 0;
  FileDescriptor memory, doorbell, arrival;
};

/// 0 or an errno, of the daemon's or ours.
int request_queue_pair(const Connection& connection, const efa::CreateQp& request, GrantedQueuePair& granted) noexcept;

}  // namespace weft::device

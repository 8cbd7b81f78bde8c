// Talking to the EFA server: find its socket, say Hello, ask for a queue pair. Everything the daemon answers is checked.
// No exception leaves.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
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

/// One record from the daemon, and the descriptors that came with it.
struct Record {
  static constexpr std::size_t kMaxDescriptors = 3;

  efa::MessageHeader header() const {
    efa::MessageHeader copy;
    std::memcpy(static_cast<void*>(&copy), bytes, sizeof copy);
    return copy;
  }
  /// False when it is too short.
  template <typename Message>
  bool read(Message& message) const {
    if (size < sizeof message) return false;
    std::memcpy(static_cast<void*>(&message), bytes, sizeof message);
    return true;
  }

  alignas(8) std::byte bytes[4096];
  std::size_t size = 0;
  FileDescriptor descriptors[kMaxDescriptors];
  std::size_t descriptor_count = 0;
};

/// 0 or an errno: EAGAIN with MSG_DONTWAIT in `flags`, else ETIMEDOUT; ENODEV for the daemon's end; EPROTO.
int read_record(int fd, int flags, Record& record) noexcept;

/// 0 or an errno.
template <typename Message>
int send_record(int fd, Message message, efa::MessageType type, int flags = 0) noexcept {
  message.header.type = type;
  message.header.size = sizeof message;
  ssize_t sent;
  do sent = ::send(fd, &message, sizeof message, MSG_NOSIGNAL | flags);
  while (sent < 0 && errno == EINTR);
  if (sent < 0) return errno == EAGAIN ? ETIMEDOUT : ENODEV;
  return 0;
}

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

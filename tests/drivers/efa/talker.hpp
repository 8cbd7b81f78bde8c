// Sockets' ends for the tests of the EFA server: a client that can say anything.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "drivers/efa/abi.hpp"
#include "drivers/efa/file_descriptor.hpp"
#include "drivers/efa/testing/loopback_daemon.hpp"

namespace weft::efa::test {

using namespace std::chrono_literals;

struct Directory {
  std::string path;
  Directory() {
    char name[] = "/tmp/weft-efa-test-XXXXXX";
    path = mkdtemp(name);
  }
  ~Directory() { std::filesystem::remove_all(path); }
};

// A client that can say anything.
class Talker {
 public:
  explicit Talker(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const timeval patience{10, 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    connected = connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }

  template <typename Message>
  static Message prepared(MessageType type) {
    Message message{};
    message.header.type = type;
    message.header.size = sizeof message;
    return message;
  }
  static Hello hello() { return prepared<Hello>(MessageType::kHello); }
  static CreateQp create_qp() { return prepared<CreateQp>(MessageType::kCreateQp); }

  bool say(const void* data, std::size_t size) const { return send(fd_.get(), data, size, MSG_NOSIGNAL) >= 0; }
  template <typename Message>
  bool say(const Message& message) const {
    return say(&message, sizeof message);
  }

  /// Bytes received; 0: the server hung up. Descriptors go to `received`.
  std::size_t hear(void* data, std::size_t size) {
    alignas(cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))];
    iovec part{data, size};
    msghdr message{};
    message.msg_iov = &part, message.msg_iovlen = 1;
    message.msg_control = control, message.msg_controllen = sizeof control;
    const ssize_t length = recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC);
    received.clear();
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); length > 0 && c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      int fds[8];
      const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      std::memcpy(fds, CMSG_DATA(c), count * sizeof(int));
      for (std::size_t i = 0; i < count; ++i) received.emplace_back(fds[i]);
    }
    return length < 0 ? 0 : static_cast<std::size_t>(length);
  }
  template <typename Message>
  Message hear() {
    Message message{};
    message.header.error = 0xdead;
    hear(&message, sizeof message);
    return message;
  }
  bool hung_up() {
    char byte;
    return recv(fd_.get(), &byte, 1, 0) == 0 || errno == ECONNRESET;
  }
  int fd() const { return fd_.get(); }

  bool connected = false;
  std::vector<FileDescriptor> received;

 private:
  FileDescriptor fd_;
};

class ServerTest : public testing::Test {
 protected:
  Directory directory;
  LoopbackDaemon daemon{directory.path,
                        {LoopbackDaemon::function("a", 1), LoopbackDaemon::function("a", 2),
                         LoopbackDaemon::function("b", 3)}};

  std::string path(const std::string& instance) const { return efa_socket_path(directory.path, instance); }

  Talker greeted(const std::string& instance = "a") {
    Talker talker(path(instance));
    talker.say(Talker::hello());
    EXPECT_EQ(talker.hear<HelloReply>().header.error, 0U);
    return talker;
  }

  template <typename Condition>
  static bool eventually(Condition&& condition) {
    for (int i = 0; i < 5000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(1ms);
    }
    return false;
  }
};

}  // namespace weft::efa::test

#include "fabric/device/connection.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace weft::device {
namespace {

// A daemon that lives answers in microseconds; one that is stopped must not hang its clients (nobody hangs over 10 s).
constexpr int kAnswerTimeoutSeconds = 5;

struct SocketName {
  sockaddr_un address{};
  socklen_t length = 0;
};

SocketName abstract_name() {
  SocketName name;
  name.address.sun_family = AF_UNIX;
  std::memcpy(name.address.sun_path + 1, efa::kSocketName, sizeof efa::kSocketName - 1);
  name.length = offsetof(sockaddr_un, sun_path) + 1 + sizeof efa::kSocketName - 1;
  return name;
}

// The runtime directory as instances/holder.hpp has it. False: no instance is named, or the path is too long.
bool path_name(SocketName& name) {
  const char* instance = std::getenv("WEFT_INSTANCE");
  if (instance == nullptr || *instance == '\0' || std::strchr(instance, '/') != nullptr) return false;
  const char* directory = std::getenv("WEFT_RUNTIME_DIR");
  const char* user_directory = std::getenv("XDG_RUNTIME_DIR");
  name = {};
  name.address.sun_family = AF_UNIX;
  name.length = sizeof name.address;
  char* path = name.address.sun_path;
  constexpr std::size_t room = sizeof name.address.sun_path;
  int length;
  if (directory != nullptr && *directory != '\0')
    length = std::snprintf(path, room, "%s/efa/%s.sock", directory, instance);
  else if (geteuid() == 0)
    length = std::snprintf(path, room, "/run/weft/efa/%s.sock", instance);
  else if (user_directory != nullptr && *user_directory != '\0')
    length = std::snprintf(path, room, "%s/weft/efa/%s.sock", user_directory, instance);
  else
    length = std::snprintf(path, room, "/tmp/weft-%u/efa/%s.sock", static_cast<unsigned>(geteuid()), instance);
  return length > 0 && static_cast<std::size_t>(length) < room;
}

int connect_to(const SocketName& name, FileDescriptor& result) {
  FileDescriptor fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd) return errno;
  const timeval timeout{kAnswerTimeoutSeconds, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  int connected;
  do connected = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name.address), name.length);
  while (connected != 0 && errno == EINTR);
  if (connected != 0) return errno == EAGAIN ? ETIMEDOUT : ENODEV;
  // Who listens there? Anybody may take an abstract name, so the daemon must be ours or root's.
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return errno;
  if (peer.uid != geteuid() && peer.uid != 0) return EPERM;
  result = std::move(fd);
  return 0;
}

// Reads one reply and exactly `count` descriptors, at most three; any other is closed. An error in the reply's header is
// the result.
template <typename Reply>
int receive_record(int fd, efa::MessageType type, Reply& reply, FileDescriptor* descriptors, std::size_t count) {
  Record record;
  if (const int error = read_record(fd, 0, record); error != 0) return error;
  const efa::MessageHeader header = record.header();
  if (header.error != 0) return static_cast<int>(header.error & 0xfff);  // an errno
  if (header.type != type || !record.read(reply)) return EPROTO;
  if (record.descriptor_count != count) return EPROTO;
  std::move(record.descriptors, record.descriptors + count, descriptors);
  return 0;
}

}  // namespace

int read_record(int fd, int flags, Record& record) noexcept {
  alignas(cmsghdr) char control[CMSG_SPACE(Record::kMaxDescriptors * sizeof(int))];
  iovec data{record.bytes, sizeof record.bytes};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t length;
  do length = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | flags);
  while (length < 0 && errno == EINTR);
  if (length < 0 && errno == EAGAIN) return (flags & MSG_DONTWAIT) != 0 ? EAGAIN : ETIMEDOUT;
  if (length <= 0) return ENODEV;  // the daemon hung up

  record.descriptor_count = 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t fds = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < fds; ++i) {
      int value;
      std::memcpy(&value, CMSG_DATA(part) + i * sizeof(int), sizeof value);
      FileDescriptor owned(value);
      if (record.descriptor_count < Record::kMaxDescriptors)
        record.descriptors[record.descriptor_count++] = std::move(owned);
    }
  }
  record.size = static_cast<std::size_t>(length);
  if (record.size < sizeof(efa::MessageHeader)) return EPROTO;
  const efa::MessageHeader header = record.header();
  if (header.magic != efa::kMagic || header.size != record.size) return EPROTO;
  return header.major == efa::kAbiMajor ? 0 : EPROTONOSUPPORT;
}

int connect_to_daemon(Connection& connection) noexcept {
  int error = connect_to(abstract_name(), connection.socket);
  SocketName path;
  std::snprintf(connection.where, sizeof connection.where, "@%s", efa::kSocketName);
  if (error == ENODEV && path_name(path)) {
    error = connect_to(path, connection.socket);
    std::snprintf(connection.where, sizeof connection.where, "%s", path.address.sun_path);
  }
  if (error != 0) return error;

  efa::Hello greeting;
  greeting.features = efa::kFeatureExpress | efa::kFeatureFabric;
  error = send_record(connection.socket.get(), greeting, efa::MessageType::kHello);
  if (error == 0)
    error = receive_record(connection.socket.get(), efa::MessageType::kHelloReply, connection.hello, nullptr, 0);
  if (error != 0) return error;
  if (connection.hello.function_count > efa::kMaxFunctions) return EPROTO;
  for (efa::FunctionInfo& function : connection.hello.functions) {
    function.eni_id[sizeof function.eni_id - 1] = '\0';
    function.instance[sizeof function.instance - 1] = '\0';
  }
  return 0;
}

int request_queue_pair(const Connection& connection, const efa::CreateQp& request,
                       GrantedQueuePair& granted) noexcept {
  int error = send_record(connection.socket.get(), request, efa::MessageType::kCreateQp);
  if (error != 0) return error;
  efa::CreateQpReply reply;
  FileDescriptor descriptors[3];
  error = receive_record(connection.socket.get(), efa::MessageType::kCreateQpReply, reply, descriptors,
                         std::size(descriptors));
  if (error != 0) return error;
  granted = {reply.qpn, reply.qkey, std::move(descriptors[0]), std::move(descriptors[1]), std::move(descriptors[2])};
  return 0;
}

}  // namespace weft::device

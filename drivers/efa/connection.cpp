#include "drivers/efa/connection.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace weft::efa {
namespace {

// Longer than any record of ours; a later minor version's may have grown.
constexpr std::size_t kLargestRecord = 4096;
// Then it is the others' turn.
constexpr int kRecordsInARow = 4;

FunctionInfo describe(const EfaFunction& function) {
  FunctionInfo info{};
  function.eni_id.copy(info.eni_id, sizeof info.eni_id - 1);
  function.instance.copy(info.instance, sizeof info.instance - 1);
  std::memcpy(info.mac, function.mac.octets.data(), sizeof info.mac);
  info.device_index = function.device_index;
  std::memcpy(info.address, function.address.octets.data(), sizeof info.address);
  info.prefix_length = function.prefix_length;
  info.lacks_rdma = static_cast<std::uint8_t>((function.rdma_read ? 0 : 1) | (function.rdma_write ? 0 : 2));
  // Where an instance's EFA devices show up on EC2: behind the ENA device of the same index, on bus 0.
  info.pci_device = static_cast<std::uint8_t>(6 + function.device_index);
  info.mtu = kMtu;
  info.link_speed_bps = function.link_speed_bps;
  return info;
}

template <typename Message>
bool parse(std::span<const std::byte> record, Message& message) {
  if (record.size() < sizeof message) return false;
  std::memcpy(static_cast<void*>(&message), record.data(), sizeof message);
  return true;
}

}  // namespace

// The kernel translates the uid into our user namespace, so a process of the deployment's namespace and the user
// outside of it are the same one; a uid without a translation is 65534 and is refused like any other.
Connection::Connection(FileDescriptor socket, std::string instance, int doorbell)
    : socket_(std::move(socket)), instance_(std::move(instance)), doorbell_(doorbell) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(fd(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return;
  client_ = {credentials.pid, credentials.uid};
  permitted_ = client_.uid == getuid() || client_.uid == 0;
}

Connection::Fate Connection::read(Registry& registry) {
  alignas(8) std::byte buffer[kLargestRecord];
  for (int records = 0; records < kRecordsInARow;) {
    // No control buffer: descriptors that a client sends us are closed by the kernel.
    const ssize_t length = recv(fd(), buffer, sizeof buffer, MSG_DONTWAIT | MSG_TRUNC);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0 && errno == EAGAIN) return Fate::kKeep;
    if (length <= 0) return Fate::kClose;
    if (static_cast<std::size_t>(length) > sizeof buffer) return refuse(MessageType::kHelloReply, EMSGSIZE);
    if (handle({buffer, static_cast<std::size_t>(length)}, registry) == Fate::kClose) return Fate::kClose;
    ++records;
  }
  return Fate::kKeep;  // epoll says again that there is more
}

Connection::Fate Connection::handle(std::span<const std::byte> record, Registry& registry) {
  // Refused after its first record was read: closing with data unread would take our answer from the client.
  if (!permitted_) return refuse(MessageType::kHelloReply, EPERM);
  MessageHeader header;
  if (!parse(record, header) || header.magic != kMagic || header.size != record.size())
    return refuse(MessageType::kHelloReply, EPROTO);
  if (header.major != kAbiMajor) return refuse(MessageType::kHelloReply, EPROTONOSUPPORT);
  switch (header.type) {
    case MessageType::kHello: return hello(record, registry);
    case MessageType::kCreateQp: return create_queue_pair(record, registry);
    case MessageType::kRequestChannel: return request_channel(record, registry);
    case MessageType::kReleaseChannel: return release_channel(record, registry);
    default: return refuse(MessageType::kHelloReply, EPROTO);
  }
}

Connection::Fate Connection::hello(std::span<const std::byte> record, Registry& registry) {
  Hello message;
  if (!parse(record, message)) return refuse(MessageType::kHelloReply, EPROTO);
  HelloReply reply;
  std::memset(static_cast<void*>(reply.functions), 0, sizeof reply.functions);
  reply.features = registry.features();
  reply.daemon_epoch = registry.daemon_epoch();
  listed_.clear();
  for (const EfaFunction* function : registry.functions_of(instance_)) {
    reply.functions[reply.function_count++] = describe(*function);
    listed_.push_back(function->eni_id);
  }
  greeted_ = true;
  client_.features = message.features;
  return send(reply, MessageType::kHelloReply);
}

Connection::Fate Connection::create_queue_pair(std::span<const std::byte> record, Registry& registry) {
  CreateQp message;
  if (!parse(record, message) || !greeted_) return refuse(MessageType::kCreateQpReply, EPROTO);
  CreateQpReply reply;
  if (created_) {
    reply.header.error = EBUSY;
    return send(reply, MessageType::kCreateQpReply);
  }
  if (message.function >= listed_.size()) {
    reply.header.error = ENODEV;
    return send(reply, MessageType::kCreateQpReply);
  }
  Registry::Creation creation = registry.create_queue_pair(listed_[message.function], message, client_);
  if (creation.error != 0) {
    reply.header.error = static_cast<std::uint32_t>(creation.error);
    return send(reply, MessageType::kCreateQpReply);
  }
  created_ = true;
  queue_pair_ = creation.queue_pair;
  arrival_ = std::move(creation.arrival);
  return Fate::kKeep;  // answered by queue_pair_ready()
}

Connection::Fate Connection::queue_pair_ready() {
  CreateQpReply reply;
  reply.qpn = queue_pair_->qpn();
  reply.qkey = queue_pair_->qkey();
  const int descriptors[] = {queue_pair_->memory().fd(), doorbell_, arrival_.get()};
  const Fate fate = send(reply, MessageType::kCreateQpReply, descriptors);
  queue_pair_->memory().close_fd();
  arrival_.reset();
  ready_ = true;
  return fate;
}

Connection::Fate Connection::request_channel(std::span<const std::byte> record, Registry& registry) {
  RequestChannel message;
  if (!parse(record, message) || !ready_ || queue_pair_ == nullptr) return refuse(MessageType::kChannelGranted, EPROTO);
  const int error = registry.request_channel(queue_pair_, message);
  if (error == 0) return Fate::kKeep;  // answered by grant_channel() or refuse_channel()
  ChannelEnd destination{{}, message.qpn, message.qkey};
  std::memcpy(destination.address.data(), message.destination, sizeof message.destination);
  return refuse_channel(destination, error);
}

Connection::Fate Connection::release_channel(std::span<const std::byte> record, Registry& registry) {
  ReleaseChannel message;
  if (!parse(record, message) || !ready_ || queue_pair_ == nullptr || !registry.release_channel(queue_pair_, message.id))
    return refuse(MessageType::kHelloReply, EPROTO);
  return Fate::kKeep;
}

Connection::Fate Connection::offer_channel(Channel& channel, pid_t sender) {
  ChannelOffered offer;
  offer.id = channel.id();
  offer.qpn = channel.sender().qpn;
  offer.qkey = channel.sender().qkey;
  std::memcpy(offer.source, channel.sender().address.data(), sizeof offer.source);
  offer.pid = sender;
  const int descriptors[] = {channel.memory().fd()};
  const Fate fate = send(offer, MessageType::kChannelOffered, descriptors);
  if (fate == Fate::kKeep) queue_pair_->notice();
  return fate;
}

Connection::Fate Connection::grant_channel(Channel& channel, int wake_pipe) {
  ChannelGranted grant;
  grant.id = channel.id();
  const int descriptors[] = {channel.memory().fd(), wake_pipe};
  return answer_request(grant, channel.receiver(), descriptors);
}

Connection::Fate Connection::refuse_channel(const ChannelEnd& destination, int error) {
  ChannelGranted refusal;
  refusal.header.error = static_cast<std::uint32_t>(error);
  return answer_request(refusal, destination, {});
}

Connection::Fate Connection::answer_request(ChannelGranted answer, const ChannelEnd& destination,
                                            std::span<const int> descriptors) {
  answer.qpn = destination.qpn;
  answer.qkey = destination.qkey;
  std::memcpy(answer.destination, destination.address.data(), sizeof answer.destination);
  const Fate fate = send(answer, MessageType::kChannelGranted, descriptors);
  if (fate == Fate::kKeep) queue_pair_->notice();
  return fate;
}

Connection::Fate Connection::refuse(MessageType type, int error) {
  HelloReply reply;  // the longest reply has the others' header; clients look at that first
  std::memset(static_cast<void*>(reply.functions), 0, sizeof reply.functions);
  reply.header.error = static_cast<std::uint32_t>(error);
  send(reply, type);
  return Fate::kClose;
}

// A client that does not read its replies is not waited for.
template <typename Reply>
Connection::Fate Connection::send(Reply reply, MessageType type, std::span<const int> descriptors) {
  reply.header.type = type;
  reply.header.size = sizeof reply;
  iovec data{&reply, sizeof reply};
  alignas(cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  ssize_t sent;
  do sent = sendmsg(fd(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(sizeof reply) ? Fate::kKeep : Fate::kClose;
}

}  // namespace weft::efa

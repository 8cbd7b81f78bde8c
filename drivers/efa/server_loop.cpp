#include "drivers/efa/server_loop.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

namespace weft {
namespace {

using efa::Connection;
using efa::FileDescriptor;

int checked(int fd, const char* what) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
  return fd;
}

FileDescriptor spare_descriptor() { return FileDescriptor(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

// A queue pair keeps three descriptors; a client that only connects keeps one. Enough for every queue pair and as many
// programs again that look at the list of functions.
constexpr std::size_t kMaxConnections = 2 * EfaSwitch::kMaxActive;

}  // namespace

EfaServer::Loop::Loop(int wake_fd)
    : link(std::make_shared<efa::SwitchLink>()),
      wake(checked(fcntl(wake_fd, F_DUPFD_CLOEXEC, 0), "cannot duplicate the engine's wake descriptor")),
      registry(link, wake.get()),
      epoll_(checked(epoll_create1(EPOLL_CLOEXEC), "cannot make an epoll for the EFA server")),
      stop_(checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "cannot make an eventfd for the EFA server")),
      spare_(spare_descriptor()) {
  checked(link->acknowledged.get(), "cannot make an eventfd for the EFA server");
  watch(stop_.get(), kStop, EPOLLIN);
  watch(link->acknowledged.get(), kAcknowledged, EPOLLIN);
  // Signals are for the program's own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

EfaServer::Loop::~Loop() {
  eventfd_write(stop_.get(), 1);
  thread_.join();
  connections_.clear();
  while (!listeners_.empty()) remove_listener(listeners_.begin()->first);
  registry.close_all();
}

bool EfaServer::Loop::watch(int fd, Id id, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

EfaError EfaServer::Loop::add_listener(const std::string& instance, FileDescriptor socket, const std::string& path) {
  const std::lock_guard lock(mutex);
  const std::string what = "the EFA listener of instance " + instance;
  if (listeners_.count(instance) != 0) return {EEXIST, what + " exists already: remove it first"};
  const int flags = fcntl(socket.get(), F_GETFL);
  if (flags < 0 || fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0)
    return {EBADF, what + " must be an open socket"};
  int type = 0, listening = 0;
  socklen_t size = sizeof type;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET ||
      getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0)
    return {EINVAL, what + " must be a listening unix socket of type SOCK_SEQPACKET"};
  Listener& listener = listeners_[instance];
  listener.id = next_id_++;
  listener.socket = std::move(socket);
  listener.path = path;
  watch(listener.socket.get(), listener.id, EPOLLIN);
  return {};
}

void EfaServer::Loop::remove_listener(const std::string& instance) {
  const std::lock_guard lock(mutex);
  const auto found = listeners_.find(instance);
  if (found == listeners_.end()) return;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.socket.get(), nullptr);  // the holder may keep a duplicate
  if (!found->second.path.empty()) ::unlink(found->second.path.c_str());
  listeners_.erase(found);
}

void EfaServer::Loop::run() {
  pthread_setname_np(pthread_self(), "weft-efa");
  for (;;) {
    epoll_event events[64];
    // Only while there are clients, and once after the last: nobody else moves a number.
    const int timeout_ms = write_due_ ? static_cast<int>(write_after_.count()) : -1;
    const int count = epoll_wait(epoll_.get(), events, std::size(events), timeout_ms);
    const std::lock_guard lock(mutex);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.u64 == kStop) return;
      handle(events[i].data.u64, events[i].events);
    }
    if (files != nullptr) write_files();
  }
}

void EfaServer::Loop::write_files() {
  const bool clients = registry.has_queue_pairs();
  write_due_ = write_due_ || clients;
  const auto now = std::chrono::steady_clock::now();
  if (!write_due_ || (clients && now - written_at_ < write_after_)) return;
  written_at_ = now;
  bool changed = false;
  registry.visit_functions([&](const EfaFunction& function, const EfaCounters& counters) {
    changed = files->write(function.eni_id, counters) || changed;
  });
  write_after_ = changed ? kFastest : std::min(write_after_ * 2, kSlowest);
  write_due_ = clients;
}

void EfaServer::Loop::handle(Id id, std::uint32_t events) {
  if (id == kAcknowledged) return tell_connections();
  for (auto& [instance, listener] : listeners_)
    if (listener.id == id) return accept_from(instance, listener);
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;  // went earlier in this round of events
  Connection& connection = *found->second;
  Connection::Fate fate = Connection::Fate::kKeep;
  try {
    if ((events & EPOLLIN) != 0) fate = connection.read(registry);
  } catch (const std::exception&) {
    fate = Connection::Fate::kClose;  // out of memory: this client pays
  }
  if (connection.queue_pair() != nullptr) owners_[connection.queue_pair()] = id;
  if ((events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) != 0) fate = Connection::Fate::kClose;
  settle(id, fate);
}

void EfaServer::Loop::settle(Id id, Connection::Fate fate) {
  if (fate == Connection::Fate::kKeep) return;
  const auto found = connections_.find(id);
  if (const efa::QueuePair* queue_pair = found->second->queue_pair()) {
    registry.drain(found->second->queue_pair());
    owners_.erase(queue_pair);
  }
  connections_.erase(found);
}

void EfaServer::Loop::accept_from(const std::string& instance, Listener& listener) {
  FileDescriptor socket(accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket && (errno == EMFILE || errno == ENFILE)) {
    // No descriptor left: turn the client away with the spare one, or the listener would stay readable for ever.
    spare_.reset();
    FileDescriptor(accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC)).reset();
    spare_ = spare_descriptor();
    return;
  }
  if (!socket || connections_.size() >= kMaxConnections) return;
  auto connection = std::make_unique<Connection>(std::move(socket), instance, wake.get());
  const Id id = next_id_++;
  if (watch(connection->fd(), id, EPOLLIN | EPOLLRDHUP)) connections_.emplace(id, std::move(connection));
}

void EfaServer::Loop::tell_connections() {
  eventfd_t ignored;
  eventfd_read(link->acknowledged.get(), &ignored);  // before the queue is read, so that nothing is missed
  const efa::Registry::News news = registry.take_acknowledgements();
  for (const efa::QueuePair* queue_pair : news.ready) {
    const auto owner = owners_.find(queue_pair);
    if (owner != owners_.end()) settle(owner->second, connections_.at(owner->second)->queue_pair_ready());
  }
  for (const efa::QueuePair* queue_pair : news.gone) {
    const auto owner = owners_.find(queue_pair);
    if (owner == owners_.end()) continue;  // it went because the client did
    const Id id = owner->second;
    owners_.erase(owner);
    connections_.at(id)->queue_pair_gone();
    settle(id, Connection::Fate::kClose);
  }
  for (const efa::Registry::ChannelAnswer& answer : news.answers) answer_request(answer);
}

efa::Connection* EfaServer::Loop::connection_of(const efa::QueuePair* queue_pair) {
  const auto owner = owners_.find(queue_pair);
  return owner == owners_.end() ? nullptr : connections_.at(owner->second).get();
}

void EfaServer::Loop::answer_request(const efa::Registry::ChannelAnswer& answer) {
  const int error = answer.error != 0 ? answer.error : hand_over_channel(answer.id);
  Connection* requester = connection_of(answer.requester);
  if (error != 0 && requester != nullptr)
    settle(owners_.at(answer.requester), requester->refuse_channel(answer.destination, error));
}

// To the receiver first: packets are in the channel as soon as the sender has it. A client that does not read its records
// costs nobody else anything but this channel.
int EfaServer::Loop::hand_over_channel(std::uint32_t id) {
  const efa::Registry::ChannelParties parties = registry.parties(id);
  Connection* sender = connection_of(parties.sender);
  Connection* receiver = connection_of(parties.receiver);
  const auto refuse = [&](int error) {
    registry.drop_channel(id);
    return error;
  };
  if (sender == nullptr || receiver == nullptr) return refuse(ENOENT);
  const FileDescriptor wake_pipe = parties.receiver->wake_pipe();
  if (!wake_pipe) return refuse(errno == EMFILE || errno == ENFILE ? ENOBUFS : ENOMEM);
  if (receiver->offer_channel(*parties.channel, parties.sender_pid) != Connection::Fate::kKeep) return refuse(ENOBUFS);
  if (sender->grant_channel(*parties.channel, wake_pipe.get()) != Connection::Fate::kKeep) {
    registry.withhold_channel(id);
    return ENOBUFS;
  }
  parties.channel->memory().close_fd();
  return 0;
}

}  // namespace weft

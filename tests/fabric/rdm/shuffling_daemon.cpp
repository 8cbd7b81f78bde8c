#include "tests/fabric/rdm/shuffling_daemon.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <set>
#include <stdexcept>

#include "drivers/efa/listener.hpp"

namespace weft::rdm::testing {

using efa::SendStatus;

ShufflingDaemon::ShufflingDaemon(std::string runtime_directory, const std::vector<EfaFunction>& functions)
    : directory_(std::move(runtime_directory)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      registry_(link_, wake_.get()) {
  std::set<std::string> instances;
  for (const EfaFunction& function : functions) {
    if (EfaError error = registry_.add_function(function)) throw std::runtime_error(error.message);
    instances.insert(function.instance);
  }
  for (const std::string& instance : instances) {
    Listener listener{instance, {}};
    const std::string path = efa_socket_path(directory_, instance);
    if (EfaError error = efa::listen_on_path(path, listener.socket)) throw std::runtime_error(error.message);
    listeners_.push_back(std::move(listener));
  }
  thread_ = std::thread([this] {
    while (!stop_) {
      if (!paused_) {
        const std::lock_guard lock(turn_);
        serve_clients();
      }
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  });
}

ShufflingDaemon::~ShufflingDaemon() {
  stop_ = true;
  thread_.join();
  for (const Listener& listener : listeners_) unlink(efa_socket_path(directory_, listener.instance).c_str());
}

void ShufflingDaemon::enter(const std::string& instance) const {
  setenv("WEFT_RUNTIME_DIR", directory_.c_str(), 1);
  setenv("WEFT_INSTANCE", instance.c_str(), 1);
}

/// Clients that went are not noticed: the tests on this daemon end with all of them.
void ShufflingDaemon::serve_clients() {
  for (const Listener& listener : listeners_) {
    const int fd = accept4(listener.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) continue;
    connections_.push_back(
        std::make_unique<efa::Connection>(efa::FileDescriptor(fd), listener.instance, wake_.get()));
  }
  for (const auto& connection : connections_) connection->read(registry_);
  obey_commands();
  for (efa::QueuePair* ready : registry_.take_acknowledgements().ready) {
    for (const auto& connection : connections_) {
      if (connection->queue_pair() == ready) connection->queue_pair_ready();
    }
  }
}

void ShufflingDaemon::obey_commands() {
  efa::SwitchCommand command;
  while (link_->commands.pop(command)) {
    if (command.kind == efa::SwitchCommand::Kind::kAddQueuePair) queue_pairs_.push_back(command.queue_pair);
    link_->acknowledgements.push(command);
  }
}

std::uint32_t ShufflingDaemon::run_once() {
  const std::lock_guard lock(turn_);
  for (efa::QueuePair* queue_pair : queue_pairs_) take_from(*queue_pair);
  const auto handled = static_cast<std::uint32_t>(on_the_wire_.size());
  deliver();
  for (efa::QueuePair* queue_pair : queue_pairs_) queue_pair->publish();
  return handled;
}

void ShufflingDaemon::take_from(efa::QueuePair& source) {
  efa::Descriptor packet;
  for (std::uint64_t most = random() % 64; most > 0 && source.next_send(packet); --most) {
    efa::QueuePair* const destination = find(packet);
    SendStatus status = source.check(packet);
    if (status == SendStatus::kOk && !destination) status = SendStatus::kRemoteBadDestQpn;
    if (status == SendStatus::kOk && random() % 100 < refuse_percent) status = SendStatus::kRemoteRnr;
    if (status == SendStatus::kOk) {
      const std::byte* payload = source.payload(packet);
      on_the_wire_.push_back({&source, destination, {payload, payload + packet.length}});
    }
    source.finish_send(status);  // not told to the client before publish(), which comes after the delivery
  }
}

efa::QueuePair* ShufflingDaemon::find(const efa::Descriptor& packet) const {
  for (efa::QueuePair* candidate : queue_pairs_) {
    if (candidate->qpn() == packet.destination_qpn &&
        candidate->function().declared.address.octets == packet.destination &&
        (packet.destination_qkey == 0 || packet.destination_qkey == candidate->qkey())) {
      return candidate;
    }
  }
  return nullptr;
}

void ShufflingDaemon::deliver() {
  std::shuffle(on_the_wire_.begin(), on_the_wire_.end(), random);
  for (const Packet& packet : on_the_wire_) {
    const auto length = static_cast<std::uint32_t>(packet.payload.size());
    // The tests' queues have room for everything that credits allow.
    if (!packet.destination->deliver(packet.source->as_source(), 0, packet.payload.data(), length, 0)) std::abort();
  }
  on_the_wire_.clear();
}

}  // namespace weft::rdm::testing

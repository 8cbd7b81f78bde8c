#include "drivers/efa/efa_server.hpp"

#include <system_error>

#include "drivers/efa/listener.hpp"
#include "drivers/efa/server_loop.hpp"

namespace weft {

EfaServer::EfaServer() = default;
EfaServer::~EfaServer() = default;

std::unique_ptr<EfaServer> EfaServer::create(int wake_fd, EfaError* error) {
  try {
    std::unique_ptr<EfaServer> server(new EfaServer);
    server->loop_ = std::make_unique<Loop>(wake_fd);
    return server;
  } catch (const std::system_error& failure) {
    *error = {failure.code().value(), failure.what()};
    return nullptr;
  }
}

std::unique_ptr<EfaSwitch> EfaServer::message_switch() {
  const std::lock_guard lock(loop_->mutex);
  if (loop_->switch_taken) return nullptr;
  loop_->switch_taken = true;
  return std::make_unique<EfaSwitch>(loop_->link);
}

void EfaServer::set_counter_directory(const std::string& directory) {
  const std::lock_guard lock(loop_->mutex);
  loop_->files = std::make_unique<efa::CounterFiles>(directory);
}

EfaError EfaServer::add_function(const EfaFunction& function) {
  const std::lock_guard lock(loop_->mutex);
  EfaError error = loop_->registry.add_function(function);
  if (!error && loop_->files != nullptr) loop_->files->add(function);
  return error;
}

EfaError EfaServer::remove_function(const std::string& eni_id) {
  const std::lock_guard lock(loop_->mutex);
  if (loop_->files != nullptr) loop_->files->remove(eni_id);
  return loop_->registry.remove_function(eni_id);
}

EfaError EfaServer::add_listener(const std::string& instance, int listening_fd) {
  return loop_->add_listener(instance, efa::FileDescriptor(listening_fd), {});
}

EfaError EfaServer::listen_path(const std::string& path, const std::string& instance) {
  efa::FileDescriptor socket;
  if (EfaError error = efa::listen_on_path(path, socket)) return error;
  return loop_->add_listener(instance, std::move(socket), path);
}

void EfaServer::remove_listener(const std::string& instance) { loop_->remove_listener(instance); }

void EfaServer::set_express(bool allowed) {
  const std::lock_guard lock(loop_->mutex);
  loop_->registry.set_express(allowed);
}

EfaCounters EfaServer::counters(EniSlot slot) const {
  const std::lock_guard lock(loop_->mutex);
  return loop_->registry.counters(slot);
}

std::vector<EfaServer::ClientView> EfaServer::clients() const {
  const std::lock_guard lock(loop_->mutex);
  return loop_->registry.clients();
}

std::vector<EfaRoundTrip> EfaServer::round_trips(const std::string& instance) const {
  const std::lock_guard lock(loop_->mutex);
  return loop_->registry.round_trips(instance);
}

std::string efa_socket_path(const std::string& runtime_directory, const std::string& instance) {
  return runtime_directory + "/efa/" + instance + ".sock";
}

std::string efa_counter_directory(const std::string& runtime_directory) { return runtime_directory + "/efa-counters"; }

}  // namespace weft

// The control half of the EFA functions: a thread that answers clients on unix sockets, makes their queue pairs and
// hands them to the worker. The data half is EfaSwitch (efa_switch.hpp), which the engine polls.
//
// Thread: every method may be called from any thread, but message_switch() once, before the first client comes.
// The switch may outlive the server and the other way round; the memory of queue pairs goes when both are done with it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "drivers/efa/efa_switch.hpp"
#include "drivers/efa/error.hpp"
#include "drivers/efa/function.hpp"
#include "drivers/efa/round_trip.hpp"

namespace weft {

struct EfaClientView {
  std::string instance, eni_id;
  std::uint32_t qpn = 0;
  pid_t pid = 0;
  uid_t uid = 0;
  unsigned channels_out = 0, channels_in = 0;  // express channels, also those being asked for or let go
};

class EfaServer {
 public:
  /// Starts the thread. `wake_fd` is the engine's wake eventfd (Engine::wake_fd()): clients write it when the worker
  /// sleeps, and so does the server when it has something for the worker. It is duplicated, not owned.
  /// Null, and *error says why, when descriptors or threads have run out.
  static std::unique_ptr<EfaServer> create(int wake_fd, EfaError* error);

  /// Closes every connection; clients see a dead device.
  ~EfaServer();
  EfaServer(const EfaServer&) = delete;
  EfaServer& operator=(const EfaServer&) = delete;

  /// For Engine::set_message_switch. A second call returns null.
  std::unique_ptr<EfaSwitch> message_switch();

  /// From now on the counters of functions are files below this directory too (counter_files.hpp), at most 0.8 s old and
  /// 0.1 s under traffic. Call it before the first add_function().
  void set_counter_directory(const std::string& directory);

  /// EEXIST: the ENI or its address is there already; EINVAL: a field does not fit the ABI; ENOSPC: the instance has
  /// efa::kMaxFunctions. The counters of a slot start at zero.
  EfaError add_function(const EfaFunction& function);
  /// Marks the function's queue pairs closed: their clients see a dead device. ENOENT: there is none of that name.
  EfaError remove_function(const std::string& eni_id);

  /// Answers clients of `instance` on a listening SOCK_SEQPACKET socket, which becomes the server's. EEXIST: the
  /// instance has a listener already.
  EfaError add_listener(const std::string& instance, int listening_fd);
  /// The same without namespaces: makes the socket <path>, mode 0600, and its directory, mode 0700 (DESIGN D9). A
  /// socket that a dead daemon left there is replaced.
  EfaError listen_path(const std::string& path, const std::string& instance);
  /// Stops answering; queue pairs that exist go on. A path of listen_path is removed.
  void remove_listener(const std::string& instance);

  /// Whether clients may have express channels (abi.hpp): yes, unless told otherwise. Told no, the daemon revokes those
  /// there are, and their packets go through the worker again.
  void set_express(bool allowed);

  /// With what went over express channels, by the word of its sender. Zeroes for a slot without a function.
  EfaCounters counters(EniSlot slot) const;

  using ClientView = EfaClientView;
  /// The queue pairs there are.
  std::vector<ClientView> clients() const;

  /// What the clients of an instance have measured across the emulated fabric, each its own; of a peer and a path there may be
  /// several.
  std::vector<EfaRoundTrip> round_trips(const std::string& instance) const;

 private:
  EfaServer();
  class Loop;
  std::unique_ptr<Loop> loop_;
};

/// <runtime>/efa/<instance>.sock: where clients look for an instance without a network namespace of its own.
std::string efa_socket_path(const std::string& runtime_directory, const std::string& instance);

/// <runtime>/efa-counters: below it, a folder per instance. The holder knows the name too (instances/protocol.hpp).
std::string efa_counter_directory(const std::string& runtime_directory);

}  // namespace weft

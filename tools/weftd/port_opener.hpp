// Opens the ports that are no TAPs, and remembers which are open: their sockets and devices can be had once.
//
// Thread: control.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "dataplane/model/deployment.hpp"
#include "dataplane/model/result.hpp"
#include "dataplane/worker/engine.hpp"

struct rte_mempool;

namespace weft {

class PortOpener {
 public:
  /// Both outlive every port.
  PortOpener(rte_mempool* packets, rte_mempool* large_rooms) : packets_(packets), large_rooms_(large_rooms) {}

  /// Opens those of the instance's interfaces that have such a port and whose is not open as they want it, and adds them.
  /// An error: none of them is.
  Result<void> open(const Instance& instance, int mtu, std::vector<Engine::Attachment>& attachments);
  Result<void> open(const InternetGateway& gateway, int mtu, std::vector<Engine::Attachment>& attachments);

 private:
  struct Open {
    PortBackend backend;
    std::weak_ptr<const void> port;  // gone when the port has been closed
  };
  /// Nothing: it is a TAP, or open as it is wanted.
  Result<std::optional<Engine::Attachment>> open(const std::string& id, const std::string& whose, const PortBackend& port,
                                                 int mtu);

  rte_mempool* packets_;
  rte_mempool* large_rooms_;
  std::map<std::string, Open> open_;  // by ENI, and the internet gateway
};

}  // namespace weft

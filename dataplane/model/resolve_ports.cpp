// What the interfaces' virtual functions are connected to.
#include <fmt/format.h>

#include "dataplane/model/resolver.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {

void Resolver::check_port(const InterfaceDeclaration& declared, const std::string& key) {
  const PortBackend& port = declared.port;
  if (port.is_tap()) return;
  if (declared.type == InterfaceType::kEfaOnly)
    refuse(key, "InvalidParameterCombination", "an interface of type efa-only has no frames, so it cannot have a port");
  check_socket(port, key);
}

void Resolver::check_socket(const PortBackend& port, const std::string& key) {
  if (port.is_tap() || port.driver == PortBackend::Driver::kEthdev) return;
  if (!port.socket.starts_with('/'))
    refuse(key + ".socket", "InvalidParameterValue",
           fmt::format("{} is no absolute path; write one such as /run/weft/vm.sock", in_quotes(port.socket)));
}

PortBackend Resolver::build_port(const WantedInterface& wanted) {
  PortBackend port = wanted.declared->port;
  if (port.is_tap() || wanted.instance.empty()) return port;
  port.socket = with_names(port.socket, wanted.instance, wanted.device_index);
  port.device = with_names(port.device, wanted.instance, wanted.device_index);
  claim_port(port, wanted.key + ".port", wanted.label, wanted.shared);
  return port;
}

/// Its socket or device, which no other has. Names are known now, so lengths are, too.
void Resolver::claim_port(const PortBackend& port, const std::string& key, const std::string& label, bool shared) {
  if (port.is_tap()) return;
  if (port.socket.size() > kLongestSocketPath)
    refuse(key + ".socket", "InvalidParameterValue",
           fmt::format("{} has {} bytes; the path of a socket has at most {}", in_quotes(port.socket),
                       port.socket.size(), kLongestSocketPath));
  if (const auto [other, is_new] = resources_.emplace(port.resource(), label); !is_new)
    refuse(key, "InvalidParameterCombination",
           fmt::format("{} would be the port of {} and of {}; each needs its own{}", in_quotes(port.resource()),
                       other->second, label,
                       shared ? ", so write {instance} where the name of the instance is to stand" : ""));
}

}  // namespace weft

// An address and a port to listen on, as a user writes them: "127.0.0.1:9469", "[::1]:9469". Pure.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "dataplane/model/result.hpp"
#include "dataplane/net/address.hpp"

namespace weft {

struct ListenAddress {
  IpAddress address;
  std::uint16_t port = 0;

  /// InvalidParameterValue: it is none of these. There is no default for the address: who wants every network says 0.0.0.0.
  static Result<ListenAddress> parse(const std::string& text);
  static ListenAddress from(const sockaddr_storage& storage);

  std::string to_string() const;
  socklen_t fill(sockaddr_storage& storage) const;
};

}  // namespace weft

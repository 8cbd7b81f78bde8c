#include "fabric/provider/names.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <rdma/fi_errno.h>

#include <cstdio>
#include <cstring>

namespace weft::provider {

int resolve(const char* node, const char* service, bool numeric_only, sockaddr_in* address) noexcept {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;  // any: or there is an answer for each type
  hints.ai_flags = AI_PASSIVE | (numeric_only ? AI_NUMERICHOST : 0);
  addrinfo* found = nullptr;
  if (getaddrinfo(node, service, &hints, &found) != 0) return -FI_ENODATA;
  std::memcpy(address, found->ai_addr, sizeof *address);
  freeaddrinfo(found);
  return 0;
}

// The device knows IPv4 addresses in their IPv6-mapped form, ::ffff:a.b.c.d (RFC 4291 2.5.5.2).
device::Address device_address(const sockaddr_in& address) noexcept {
  device::Address result;
  result.ip[10] = result.ip[11] = 0xff;
  std::memcpy(result.ip + 12, &address.sin_addr, 4);
  result.qpn = ntohs(address.sin_port);
  return result;
}

sockaddr_in socket_address(const std::uint8_t (&ip)[16], std::uint32_t qpn) noexcept {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  std::memcpy(&result.sin_addr, ip + 12, 4);
  result.sin_port = htons(static_cast<std::uint16_t>(qpn));
  return result;
}

std::size_t print_address(const sockaddr_in& address, char* text, std::size_t size) noexcept {
  char ip[INET_ADDRSTRLEN] = "?";
  inet_ntop(AF_INET, &address.sin_addr, ip, sizeof ip);
  return 1 + static_cast<std::size_t>(
                 std::snprintf(text, size, "fi_sockaddr_in://%s:%u", ip, unsigned{ntohs(address.sin_port)}));
}

}  // namespace weft::provider

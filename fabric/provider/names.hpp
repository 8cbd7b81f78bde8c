// Names and addresses: a node and a service into a sockaddr_in (address of an ENI, number of a queue pair), and that
// into the address the device knows.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>

#include "fabric/device/queue_pair.hpp"

namespace weft::provider {

/// Either may be null. 0, or -FI_ENODATA when the name does not resolve to an IPv4 address.
int resolve(const char* node, const char* service, bool numeric_only, sockaddr_in* address) noexcept;

inline bool is_any(const sockaddr_in& address) { return address.sin_addr.s_addr == htonl(INADDR_ANY); }

/// 127.0.0.0/8: "this instance", so that programs whose default is the loopback address find their own ENI.
inline bool is_loopback(const sockaddr_in& address) { return (ntohl(address.sin_addr.s_addr) >> 24) == 127; }

device::Address device_address(const sockaddr_in& address) noexcept;
sockaddr_in socket_address(const std::uint8_t (&ip)[16], std::uint32_t qpn) noexcept;

/// "fi_sockaddr_in://10.0.1.4:49152", as libfabric's own providers print it. Returns the length with the final null.
std::size_t print_address(const sockaddr_in& address, char* text, std::size_t size) noexcept;

}  // namespace weft::provider

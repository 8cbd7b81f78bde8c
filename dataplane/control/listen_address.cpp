#include "dataplane/control/listen_address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace weft {

Result<ListenAddress> ListenAddress::parse(const std::string& text) {
  const Error wrong{"InvalidParameterValue",
                    fmt::format("'{}' is no address and port such as 127.0.0.1:9469 or [::1]:9469", text), {}};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return wrong;
  std::string_view host = std::string_view(text).substr(0, colon), port = std::string_view(text).substr(colon + 1);
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  if (brackets) host = host.substr(1, host.size() - 2);
  const std::optional<IpAddress> address = IpAddress::parse(host);
  if (!address || address->is_v4() == brackets) return wrong;
  ListenAddress result{*address, 0};
  const auto [end, failed] = std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (failed != std::errc() || end != port.data() + port.size()) return wrong;
  return result;
}

ListenAddress ListenAddress::from(const sockaddr_storage& storage) {
  ListenAddress result;
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &storage, sizeof v4);
    return {IpAddress::from(Ipv4Address{ntohl(v4.sin_addr.s_addr)}), ntohs(v4.sin_port)};
  }
  sockaddr_in6 v6;
  std::memcpy(&v6, &storage, sizeof v6);
  std::copy(std::begin(v6.sin6_addr.s6_addr), std::end(v6.sin6_addr.s6_addr), result.address.octets.begin());
  result.port = ntohs(v6.sin6_port);
  return result;
}

std::string ListenAddress::to_string() const {
  const std::string host = address.to_string();
  return address.is_v4() ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

socklen_t ListenAddress::fill(sockaddr_storage& storage) const {
  storage = {};
  if (address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v4.sin_addr.s_addr = htonl(address.v4().value);
    std::memcpy(&storage, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::copy(address.octets.begin(), address.octets.end(), std::begin(v6.sin6_addr.s6_addr));
  std::memcpy(&storage, &v6, sizeof v6);
  return sizeof v6;
}

}  // namespace weft

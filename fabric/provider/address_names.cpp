// fi_av_insertsvc and fi_av_insertsym: addresses by name. A symmetric insertion names the first node and the first
// service; the others follow by counting up: 10.0.1.4, 10.0.1.5 ... or node-0, node-1 ...
#include <arpa/inet.h>
#include <rdma/fi_errno.h>

#include <cctype>
#include <charconv>
#include <cstring>
#include <string>
#include <vector>

#include "fabric/provider/address_vector.hpp"
#include "fabric/provider/names.hpp"
#include "fabric/provider/provider.hpp"

namespace weft::provider {
namespace {

// The `offset`-th name after `first`: its trailing number counts up and keeps its leading zeros.
std::string count_up(const std::string& first, std::size_t offset) {
  std::size_t digits = 0;
  while (digits < first.size() && std::isdigit(static_cast<unsigned char>(first[first.size() - 1 - digits]))) ++digits;
  if (digits == 0) return offset == 0 ? first : std::string{};
  const std::size_t stem = first.size() - digits;
  std::uint64_t number = 0;
  std::from_chars(first.data() + stem, first.data() + first.size(), number);
  std::string counted = std::to_string(number + offset);
  if (counted.size() < digits) counted.insert(0, digits - counted.size(), '0');
  return first.substr(0, stem) + counted;
}

bool is_numeric(const std::string& node, in_addr* address) { return inet_pton(AF_INET, node.c_str(), address) == 1; }

// The address of the `offset`-th node, port not yet set; all zero where the name does not resolve, which insert()
// reports per entry.
sockaddr_in nth_node(const std::string& first, std::size_t offset) {
  sockaddr_in address{};
  in_addr numeric{};
  if (is_numeric(first, &numeric)) {
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(ntohl(numeric.s_addr) + static_cast<std::uint32_t>(offset));
  } else {
    const std::string name = count_up(first, offset);
    if (name.empty() || resolve(name.c_str(), nullptr, false, &address) != 0) address = {};
  }
  return address;
}

}  // namespace

int insert_service(fid_av* generic, const char* node, const char* service, fi_addr_t* indices, std::uint64_t flags,
                   void* context) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  if (node == nullptr || service == nullptr) return -FI_EINVAL;
  sockaddr_in address{};
  if (resolve(node, service, false, &address) != 0) address = {};
  return AddressVector::of(generic)->insert(&address, 1, indices, flags, context);
}

int insert_symmetric(fid_av* generic, const char* node, std::size_t node_count, const char* service,
                     std::size_t service_count, fi_addr_t* indices, std::uint64_t flags, void* context) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  if (node == nullptr || service == nullptr || node_count == 0 || service_count == 0) return -FI_EINVAL;
  unsigned first_port = 0;
  const char* end = service + std::strlen(service);
  if (std::from_chars(service, end, first_port).ptr != end || first_port + service_count - 1 > 65535) return -FI_EINVAL;
  std::vector<sockaddr_in> addresses;
  addresses.reserve(node_count * service_count);
  for (std::size_t i = 0; i < node_count; ++i) {
    sockaddr_in address = nth_node(node, i);
    for (std::size_t j = 0; j < service_count; ++j) {
      address.sin_port = htons(static_cast<std::uint16_t>(first_port + j));
      addresses.push_back(address);
    }
  }
  return AddressVector::of(generic)->insert(addresses.data(), addresses.size(), indices, flags, context);
}

}  // namespace weft::provider

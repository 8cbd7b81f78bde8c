// Addresses and blocks, as the file has them. Inside topology_file only.
#pragma once

#include <string>
#include <vector>

#include "dataplane/control/topology_file_reader.hpp"
#include "dataplane/net/address.hpp"

namespace weft::topology_file {

/// An IPv4 or IPv6 block; refuses an address without a length.
IpPrefix read_cidr(const Value& value);
IpPrefix read_ipv4_cidr(const Value& value);
IpPrefix read_ipv6_cidr(const Value& value);

Ipv4Address read_ipv4(const Value& value);
IpAddress read_ipv6(const Value& value);
IpAddress read_ip(const Value& value);  // either family

/// "addresses: [10.0.1.20, 10.0.1.21]" or "addresses: 2".
template <typename T, typename Read>
void read_list_or_count(const Section& section, const std::string& key, std::string_view of, std::vector<T>& listed,
                        int& count, Read read_one) {
  constexpr int kMostOfAnInterface = 1024;
  section.read(key, [&](const Value& value) {
    if (value.is_list())
      value.each(of, [&](const Value& item) { listed.push_back(read_one(item)); });
    else
      count = value.number(0, kMostOfAnInterface);
  });
}

}  // namespace weft::topology_file

// What a guest asks the fabric's services.
#pragma once

#include <algorithm>
#include <string>

#include "tests/dataplane/worker/frames.hpp"

namespace weft::test {

inline Frame udp_with(const Path& path, std::uint16_t from, std::uint16_t to, const Frame& data) {
  Frame l4;
  put(l4, UdpHeader{Be16(from), Be16(to), Be16(static_cast<std::uint16_t>(8 + data.size())), {}});
  l4.insert(l4.end(), data.begin(), data.end());
  header_at<UdpHeader>(l4, 0).checksum = l4_checksum(path, kProtocolUdp, l4);
  return ipv4(path, kProtocolUdp, l4);
}
/// DHCPDISCOVER.
inline Frame discover(const MacAddress& mac, const std::string& source = "0.0.0.0",
                      const std::string& destination = "255.255.255.255") {
  Frame data(240);
  data[0] = 1;
  data[1] = 1;
  data[2] = 6;
  data[7] = 42;
  std::copy(mac.octets.begin(), mac.octets.end(), data.begin() + 28);
  const std::uint8_t cookie_and_options[] = {0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255};
  std::copy(cookie_and_options, cookie_and_options + 4, data.begin() + 236);
  data.insert(data.end(), cookie_and_options + 4, cookie_and_options + 8);
  return udp_with({mac, MacAddress::broadcast(), source, destination}, 68, 67, data);
}
/// A DNS query for the A record of `label`.ec2.internal.
inline Frame query(const std::string& label) {
  Frame data = {0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  for (const std::string& part : {label, std::string("ec2"), std::string("internal")}) {
    data.push_back(static_cast<std::uint8_t>(part.size()));
    data.insert(data.end(), part.begin(), part.end());
  }
  data.insert(data.end(), {0, 0, 1, 0, 1});
  return data;
}

}  // namespace weft::test

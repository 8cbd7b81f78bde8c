// What statements say of single packets: offers, errors, translations.
#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "tests/dataplane/worker/service_frames.hpp"

namespace weft::test {

struct DhcpLease {
  std::string your_address;
  std::map<unsigned, Frame> options;
};

/// Of a frame from the fabric's server.
inline DhcpLease lease_of(const Frame& frame) {
  const std::size_t message = kIpv4L4Offset + sizeof(UdpHeader);
  DhcpLease lease;
  if (frame.size() < message + 241) return lease;
  lease.your_address = IpAddress::from({header_at<Be32>(frame, message + 16).host()}).to_string();
  for (std::size_t at = message + 240; at + 1 < frame.size() && frame[at] != 255; at += 2U + frame[at + 1]) {
    const auto value = frame.begin() + static_cast<long>(at + 2);
    if (at + 2 + frame[at + 1] > frame.size()) break;
    lease.options[frame[at]] = Frame(value, value + frame[at + 1]);
  }
  return lease;
}

/// Anywhere in it.
inline bool holds_address(const Frame& frame, const std::string& address) {
  const Be32 octets(v4(address));
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&octets);
  return std::search(frame.begin(), frame.end(), bytes, bytes + 4) != frame.end();
}

}  // namespace weft::test

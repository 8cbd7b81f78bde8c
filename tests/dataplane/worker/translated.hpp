// What becomes of a packet at the gateway, made the slow way: the same packet built anew from its other addresses, and
// fragments put together again.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/dataplane/worker/frames.hpp"

namespace weft::test {

/// The twin of the translation: the same packet built anew from its other addresses.
inline Frame rebuilt(const Frame& frame, const std::string& from, const std::string& to, int hops,
                     const MacAddress& mac_to, const MacAddress& mac_from) {
  Frame made = with_macs(frame, mac_to, mac_from);
  auto& ip_header = header_at<Ipv4Header>(made, kIpOffset);
  ip_header.source = Be32(v4(from));
  ip_header.destination = Be32(v4(to));
  ip_header.time_to_live = static_cast<std::uint8_t>(ip_header.time_to_live - hops);
  fix_ip_checksum(made);
  const Path path{mac_from, mac_to, from, to};
  Frame l4(made.begin() + kIpv4L4Offset, made.begin() + kIpOffset + ip_header.total_length.host());
  const auto put_back = [&] { std::copy(l4.begin(), l4.end(), made.begin() + kIpv4L4Offset); };
  if (ip_header.protocol == kProtocolTcp) {
    header_at<TcpHeader>(l4, 0).checksum = {};
    header_at<TcpHeader>(l4, 0).checksum = l4_checksum(path, kProtocolTcp, l4);
    put_back();
  } else if (ip_header.protocol == kProtocolUdp && header_at<UdpHeader>(l4, 0).checksum.raw != 0) {
    header_at<UdpHeader>(l4, 0).checksum = {};
    Be16 sum = l4_checksum(path, kProtocolUdp, l4);
    if (sum.raw == 0) sum.raw = 0xffff;
    header_at<UdpHeader>(l4, 0).checksum = sum;
    put_back();
  }
  return made;
}

inline Frame without_df(Frame frame) {
  header_at<Ipv4Header>(frame, kIpOffset).fragment = Be16(0);
  fix_ip_checksum(frame);
  return frame;
}
inline Frame with_ttl(Frame frame, std::uint8_t ttl) {
  header_at<Ipv4Header>(frame, kIpOffset).time_to_live = ttl;
  fix_ip_checksum(frame);
  return frame;
}

/// Puts the fragments of one datagram together; the twin of cutting it.
inline Frame reassembled(const std::vector<Frame>& fragments) {
  Frame whole(fragments.at(0).begin(), fragments.at(0).begin() + kIpv4L4Offset);
  for (std::size_t n = 0; n < fragments.size(); ++n) {
    const auto& ip_header = header_at<Ipv4Header>(fragments[n], kIpOffset);
    EXPECT_LE(ip_header.total_length.host(), 1500);
    EXPECT_EQ(fragments[n].size(), kIpOffset + ip_header.total_length.host());
    const std::size_t offset = (ip_header.fragment.host() & Ipv4Header::kOffsetMask) * 8U;
    EXPECT_EQ(offset, whole.size() - kIpv4L4Offset);
    EXPECT_EQ((ip_header.fragment.host() & Ipv4Header::kMoreFragments) != 0, n + 1 < fragments.size());
    Frame check = fragments[n];
    fix_ip_checksum(check);
    EXPECT_EQ(check, fragments[n]) << "a right header checksum";
    whole.insert(whole.end(), fragments[n].begin() + kIpv4L4Offset, fragments[n].end());
  }
  auto& ip_header = header_at<Ipv4Header>(whole, kIpOffset);
  ip_header.fragment = Be16(0);
  ip_header.total_length = Be16(static_cast<std::uint16_t>(whole.size() - kIpOffset));
  fix_ip_checksum(whole);
  return whole;
}

}  // namespace weft::test

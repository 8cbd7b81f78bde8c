#include "dataplane/observe/capture_finish.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/net/checksum.hpp"
#include "dataplane/net/headers.hpp"

namespace weft {
namespace {

/// Where the IP packet ends, without what pads the frame, and the sum of a TCP pseudo-header for what starts at `from`.
/// An end of 0: no IP packet.
struct Ip {
  std::size_t end = 0;
  std::uint64_t pseudo = 0;
};

Ip ip_of(std::span<const std::byte> frame, std::size_t from) noexcept {
  if (frame.size() < kIpv4L4Offset) return {};
  const Be16 type = reinterpret_cast<const EthernetHeader*>(frame.data())->ether_type;
  if (type == Be16(kEtherTypeIpv4)) {
    const auto& ip = *reinterpret_cast<const Ipv4Header*>(frame.data() + kIpOffset);
    const std::size_t end = std::min<std::size_t>(kIpOffset + ip.total_length.host(), frame.size());
    if (end < from) return {};
    return {end, pseudo_header_sum(IpAddress::from({ip.source.host()}), IpAddress::from({ip.destination.host()}),
                                   kProtocolTcp, static_cast<std::uint32_t>(end - from))};
  }
  if (type == Be16(kEtherTypeIpv6) && frame.size() >= kIpv6L4Offset) {
    const auto& ip = *reinterpret_cast<const Ipv6Header*>(frame.data() + kIpOffset);
    const std::size_t end = std::min<std::size_t>(kIpv6L4Offset + ip.payload_length.host(), frame.size());
    if (end < from) return {};
    return {end,
            pseudo_header_sum(ip.source, ip.destination, kProtocolTcp, static_cast<std::uint32_t>(end - from))};
  }
  return {};
}

}  // namespace

void finish_checksum(const CaptureRecord& record, std::span<std::byte> bytes) noexcept {
  const std::size_t from = record.sum_from;
  if (from < kIpv4L4Offset || record.captured < record.original) return;
  const Ip ip = ip_of(bytes, from);
  if (from + record.sum_field + sizeof(Be16) > ip.end) return;
  std::byte* const field = bytes.data() + from + record.sum_field;
  std::uint64_t sum = 0;  // of the pseudo-header, which a partial checksum's field holds
  if (record.super_segment) {
    sum = ip.pseudo;  // the field's is of a segment whose length the card would know
    std::memset(field, 0, sizeof(Be16));
  }
  Be16 checksum = checksum_finish(checksum_add(bytes.subspan(from, ip.end - from), sum));
  if (checksum == Be16(0) && record.sum_field == kUdpChecksumOffset) checksum = Be16(0xffff);  // RFC 768
  std::memcpy(field, &checksum, sizeof checksum);
}

}  // namespace weft

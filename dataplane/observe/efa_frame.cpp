#include "dataplane/observe/efa_frame.hpp"

#include <bit>
#include <cstring>

#include "dataplane/net/checksum.hpp"

namespace weft {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::uint8_t kEcnCapable = 2, kEcnCongested = 3;  // ECT(0) and CE (RFC 3168, 5)

}  // namespace

std::array<std::byte, kEfaFrameHead> efa_frame_head(const EfaFrame& frame) noexcept {
  const std::size_t udp_bytes = sizeof(UdpHeader) + sizeof(EfaQueueHeader) + frame.payload_bytes;
  const EthernetHeader ethernet{
      .destination = frame.destination_mac, .source = frame.source_mac, .ether_type = Be16(kEtherTypeIpv4)};
  Ipv4Header ip{.type_of_service = frame.congested ? kEcnCongested : kEcnCapable,
                .total_length = Be16(static_cast<std::uint16_t>(sizeof ip + udp_bytes)),
                .identification = Be16(0),
                .fragment = Be16(Ipv4Header::kDontFragment),
                .protocol = kProtocolUdp,
                .checksum = Be16(0),
                .source = Be32(frame.source.value),
                .destination = Be32(frame.destination.value)};
  ip.checksum = checksum_finish(checksum_add(std::as_bytes(std::span(&ip, 1))));
  const UdpHeader udp{.source_port = Be16(frame.source_port),
                      .destination_port = Be16(kEfaCapturePort),
                      .length = Be16(static_cast<std::uint16_t>(udp_bytes)),
                      .checksum = Be16(0)};  // none: IPv4 allows that (RFC 768)

  std::array<std::byte, kEfaFrameHead> head;
  std::byte* at = head.data();
  const auto append = [&at](const auto& header) {
    std::memcpy(at, &header, sizeof header);
    at += sizeof header;
  };
  append(ethernet);
  append(ip);
  append(udp);
  append(frame.queues);
  return head;
}

}  // namespace weft

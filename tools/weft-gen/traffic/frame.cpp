#include "tools/weft-gen/traffic/frame.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/net/checksum.hpp"

namespace weft::gen {
namespace {

struct WireSignature {
  Be16 magic, trial, stream;
  Be32 sequence, stamp_high, stamp_low;
};
static_assert(sizeof(WireSignature) == kSignatureBytes && alignof(WireSignature) == 1);

constexpr std::uint16_t kMagic = 0x5747;  // "WG"

std::uint16_t fold(std::uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

std::uint32_t words(Be32 field) { return (field.raw & 0xffff) + (field.raw >> 16); }

std::uint32_t words(const WireSignature& s) {
  return std::uint32_t{s.magic.raw} + s.trial.raw + s.stream.raw + words(s.sequence) + words(s.stamp_high) + words(s.stamp_low);
}

template <typename Header>
void put(std::byte* at, const Header& header) {
  std::memcpy(at, &header, sizeof header);
}

/// As RFC 768 and 8200 want it: a sum of zero is sent as ffff, for zero says that there is no checksum.
Be16 finish_udp(std::uint64_t sum) {
  Be16 checksum = checksum_finish(sum);
  if (checksum.raw == 0) checksum.raw = 0xffff;
  return checksum;
}

/// The addresses with their last four octets cleared, for those are in each flow's own sum.
IpAddress without_host(IpAddress address) {
  std::fill(address.octets.begin() + 12, address.octets.end(), std::uint8_t{0});
  return address;
}

}  // namespace

std::size_t Encapsulation::smallest_frame() const {
  return std::max(kSmallestFrame, header_bytes() + kSignatureBytes + kFcsBytes);
}

FlowFields make_flow(std::uint32_t source, std::uint32_t destination, std::uint16_t source_port,
                     std::uint16_t destination_port) {
  FlowFields flow{Be32(source), Be32(destination), Be16(source_port), Be16(destination_port)};
  flow.address_sum = fold(std::uint64_t{words(flow.source)} + words(flow.destination));
  flow.tuple_sum = fold(std::uint64_t{flow.address_sum} + flow.source_port.raw + flow.destination_port.raw);
  return flow;
}

FrameTemplate::FrameTemplate(const Encapsulation& e, std::size_t frame_bytes)
    : buffer_bytes_(static_cast<std::uint16_t>(frame_bytes - kFcsBytes)),
      header_bytes_(static_cast<std::uint16_t>(e.header_bytes())),
      l4_bytes_(static_cast<std::uint16_t>(e.tcp ? sizeof(TcpHeader) : sizeof(UdpHeader))),
      ipv6_(e.ipv6()),
      tcp_(e.tcp) {
  const std::size_t l4 = header_bytes_ - l4_bytes_, segment = buffer_bytes_ - l4;
  const std::uint8_t protocol = tcp_ ? kProtocolTcp : kProtocolUdp;
  put(headers_.data(), EthernetHeader{e.destination_mac, e.source_mac, Be16(ipv6_ ? kEtherTypeIpv6 : kEtherTypeIpv4)});
  const IpAddress source = without_host(e.source), destination = without_host(e.destination);
  if (ipv6_) {
    Ipv6Header ip;
    ip.payload_length = Be16(static_cast<std::uint16_t>(segment));
    ip.next_header = protocol;
    ip.source = source;
    ip.destination = destination;
    put(headers_.data() + kIpOffset, ip);
  } else {
    Ipv4Header ip;
    ip.total_length = Be16(static_cast<std::uint16_t>(buffer_bytes_ - kIpOffset));
    ip.protocol = protocol;
    put(headers_.data() + kIpOffset, ip);
    ip_sum_ = fold(checksum_add({headers_.data() + kIpOffset, sizeof ip}));
  }
  source_offset_ = static_cast<std::uint16_t>(ipv6_ ? kIpOffset + offsetof(Ipv6Header, source) + 12
                                                    : kIpOffset + offsetof(Ipv4Header, source));
  destination_offset_ = static_cast<std::uint16_t>(source_offset_ + (ipv6_ ? 16 : 4));
  checksum_offset_ = static_cast<std::uint16_t>(l4 + (tcp_ ? kTcpChecksumOffset : kUdpChecksumOffset));
  if (tcp_) {
    TcpHeader syn;
    syn.flags = TcpHeader::kSyn;
    syn.window = Be16(0xffff);
    put(headers_.data() + l4, syn);
  } else {
    UdpHeader udp;
    udp.length = Be16(static_cast<std::uint16_t>(segment));
    put(headers_.data() + l4, udp);
  }
  l4_sum_ = fold(checksum_add({headers_.data() + l4, l4_bytes_},
                              pseudo_header_sum(source, destination, protocol, static_cast<std::uint32_t>(segment))));
}

void FrameTemplate::write(std::byte* frame, const FlowFields& flow, const Signature& signature) const noexcept {
  std::memcpy(frame, headers_.data(), header_bytes_);
  std::memcpy(frame + source_offset_, &flow.source, 4);
  std::memcpy(frame + destination_offset_, &flow.destination, 4);
  std::byte* const l4 = frame + header_bytes_ - l4_bytes_;
  std::memcpy(l4, &flow.source_port, 2);
  std::memcpy(l4 + 2, &flow.destination_port, 2);
  const WireSignature wire{Be16(kMagic),
                           Be16(signature.trial),
                           Be16(signature.stream),
                           Be32(signature.sequence),
                           Be32(static_cast<std::uint32_t>(signature.stamp >> 32)),
                           Be32(static_cast<std::uint32_t>(signature.stamp))};
  std::memcpy(frame + header_bytes_, &wire, sizeof wire);
  if (!ipv6_) {
    const Be16 checksum = checksum_finish(std::uint64_t{ip_sum_} + flow.address_sum);
    std::memcpy(frame + kIpOffset + kIpv4ChecksumOffset, &checksum, 2);
  }
  const std::uint64_t sum = std::uint64_t{l4_sum_} + flow.tuple_sum + words(wire);
  const Be16 checksum = tcp_ ? checksum_finish(sum) : finish_udp(sum);
  std::memcpy(frame + checksum_offset_, &checksum, 2);
}

std::optional<Signature> read_signature(std::span<const std::byte> frame, std::size_t header_bytes) noexcept {
  if (frame.size() < header_bytes + kSignatureBytes) return std::nullopt;
  WireSignature wire;
  std::memcpy(&wire, frame.data() + header_bytes, sizeof wire);
  if (wire.magic.host() != kMagic) return std::nullopt;
  return Signature{wire.trial.host(), wire.stream.host(), wire.sequence.host(),
                   std::uint64_t{wire.stamp_high.host()} << 32 | wire.stamp_low.host()};
}

}  // namespace weft::gen

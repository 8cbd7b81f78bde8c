#include "dataplane/worker/transport.hpp"

namespace weft {
namespace {

bool read_tcp(std::span<const std::byte> l4, std::size_t bytes, Transport& out) noexcept {
  if (l4.size() < sizeof(TcpHeader)) return false;
  const auto& tcp = *reinterpret_cast<const TcpHeader*>(l4.data());
  if (tcp.header_bytes() < sizeof tcp || tcp.header_bytes() > bytes) return false;
  out = {{tcp.source_port.host(), tcp.destination_port.host(), FlowKind::kFlow}, tcp.header_bytes(), tcp.flags};
  return true;
}

bool read_udp(std::span<const std::byte> l4, std::size_t bytes, Transport& out) noexcept {
  if (l4.size() < sizeof(UdpHeader)) return false;
  const auto& udp = *reinterpret_cast<const UdpHeader*>(l4.data());
  if (udp.length.host() < sizeof udp || udp.length.host() > bytes) return false;
  out = {{udp.source_port.host(), udp.destination_port.host(), FlowKind::kFlow}, sizeof udp, 0};
  return true;
}

template <typename Header>
bool read_icmp(std::span<const std::byte> l4, Transport& out) noexcept {
  if (l4.size() < sizeof(Header)) return false;
  out = {icmp_query(*reinterpret_cast<const Header*>(l4.data())), 0, 0};
  return true;
}

}  // namespace

bool read_transport(std::uint8_t protocol, std::uint8_t icmp, std::span<const std::byte> l4, std::size_t bytes,
                    Transport& out, bool more_follows) noexcept {
  if (protocol == kProtocolTcp) return read_tcp(l4, bytes, out);  // the whole header is in the first fragment (RFC 1858)
  if (protocol == kProtocolUdp) return read_udp(l4, more_follows ? 0xffff : bytes, out);
  if (protocol != icmp) return true;
  return icmp == kProtocolIcmp ? read_icmp<IcmpHeader>(l4, out) : read_icmp<Icmpv6Header>(l4, out);
}

}  // namespace weft

#include "dataplane/worker/nat.hpp"

#include "dataplane/net/checksum.hpp"
#include "dataplane/net/headers.hpp"
#include "dataplane/worker/offload.hpp"

namespace weft {
namespace {

using AddressField = Be32 Ipv4Header::*;

/// A header's bytes, as far as the first buffer has them.
struct Bytes {
  std::byte* at;
  std::size_t count;

  template <typename Field>
  Field* field(std::size_t offset) const noexcept {
    return offset + sizeof(Field) <= count ? reinterpret_cast<Field*>(at + offset) : nullptr;
  }
  Bytes from(std::size_t offset) const noexcept { return {at + offset, count - offset}; }
};

Be16 complement(Be16 field) noexcept {
  field.raw = static_cast<std::uint16_t>(~field.raw);
  return field;
}

/// The field of a transport checksum that covers the addresses; null when there is none, or it is not here.
Be16* transport_field(std::uint8_t protocol, const Bytes& l4) noexcept {
  if (protocol == kProtocolTcp) return l4.field<Be16>(kTcpChecksumOffset);
  if (protocol != kProtocolUdp) return nullptr;
  auto* const field = l4.field<Be16>(kUdpChecksumOffset);
  return field == nullptr || field->raw == 0 ? nullptr : field;  // RFC 768: zero means none
}

Be16 updated(Be16 checksum, std::uint8_t protocol, Be32 old_address, Be32 new_address) noexcept {
  checksum = checksum_update(checksum, old_address, new_address);
  if (protocol == kProtocolUdp && checksum.raw == 0) checksum.raw = 0xffff;
  return checksum;
}

bool is_first(const Ipv4Header& ip) noexcept { return (ip.fragment.host() & Ipv4Header::kOffsetMask) == 0; }

/// The packet that an ICMP error quotes, from its IP header on. The error's own checksum covers all that changes.
void translate_quoted(IcmpHeader& icmp, const Bytes& quoted, AddressField which, Be32 old_address,
                      Be32 new_address) noexcept {
  auto* const ip = quoted.field<Ipv4Header>(0);
  if (ip == nullptr || ip->version() != 4 || ip->header_bytes() < sizeof *ip || ip->header_bytes() > quoted.count)
    return;
  if (!(ip->*which == old_address)) return;
  if (is_first(*ip)) {
    if (Be16* const field = transport_field(ip->protocol, quoted.from(ip->header_bytes()))) {
      const Be16 before = *field;
      *field = updated(before, ip->protocol, old_address, new_address);
      icmp.checksum = checksum_update(icmp.checksum, before, *field);
    }
  }
  const Be16 before = ip->checksum;
  ip->*which = new_address;
  ip->checksum = checksum_update(before, old_address, new_address);
  icmp.checksum = checksum_update(icmp.checksum, before, ip->checksum);
  icmp.checksum = checksum_update(icmp.checksum, old_address, new_address);
}

void translate(rte_mbuf* packet, std::uint32_t address, AddressField which, AddressField quoted_which) noexcept {
  const Bytes l3{rte_pktmbuf_mtod_offset(packet, std::byte*, kIpOffset), packet->data_len - kIpOffset};
  auto& ip = *l3.field<Ipv4Header>(0);
  const Be32 old_address = ip.*which;
  const Be32 new_address(address);
  ip.*which = new_address;
  ip.checksum = checksum_update(ip.checksum, old_address, new_address);
  if (!is_first(ip)) return;
  const Bytes l4 = l3.from(ip.header_bytes());
  if (wants_checksum(packet)) {
    const std::size_t offset = ip.protocol == kProtocolTcp ? kTcpChecksumOffset : kUdpChecksumOffset;
    if (auto* const sum = l4.field<Be16>(offset))
      *sum = complement(checksum_update(complement(*sum), old_address, new_address));
  } else if (Be16* const field = transport_field(ip.protocol, l4)) {
    *field = updated(*field, ip.protocol, old_address, new_address);
  } else if (auto* const icmp = l4.field<IcmpHeader>(0);
             icmp != nullptr && ip.protocol == kProtocolIcmp && icmp->is_error()) {
    translate_quoted(*icmp, l4.from(sizeof *icmp), quoted_which, old_address, new_address);
  }
}

}  // namespace

void translate_source(rte_mbuf* packet, std::uint32_t address) noexcept {
  translate(packet, address, &Ipv4Header::source, &Ipv4Header::destination);
}

void translate_destination(rte_mbuf* packet, std::uint32_t address) noexcept {
  translate(packet, address, &Ipv4Header::destination, &Ipv4Header::source);
}

void decrement_time_to_live(rte_mbuf* packet) noexcept {
  auto& ip = *rte_pktmbuf_mtod_offset(packet, Ipv4Header*, kIpOffset);
  const auto word = [&] { return Be16(static_cast<std::uint16_t>(ip.time_to_live << 8 | ip.protocol)); };
  const Be16 before = word();
  --ip.time_to_live;
  ip.checksum = checksum_update(ip.checksum, before, word());
}

}  // namespace weft

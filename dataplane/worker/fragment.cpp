#include "dataplane/worker/fragment.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/net/checksum.hpp"
#include "dataplane/net/headers.hpp"
#include "dataplane/worker/segment.hpp"

namespace weft {
namespace {

struct HeaderBytes {
  std::uint8_t bytes[60];  // the longest IPv4 header
  unsigned count = 0;

  Ipv4Header& ip() noexcept { return *reinterpret_cast<Ipv4Header*>(bytes); }
};

/// The header of every fragment but the first: of the options only those whose first bit says "copy" (RFC 791 3.1).
HeaderBytes later_header(const HeaderBytes& first) noexcept {
  HeaderBytes later;
  std::memcpy(later.bytes, first.bytes, sizeof(Ipv4Header));
  later.count = sizeof(Ipv4Header);
  for (unsigned at = sizeof(Ipv4Header); at < first.count;) {
    const std::uint8_t kind = first.bytes[at];
    if (kind == 0) break;  // end of options
    const unsigned length = kind == 1 ? 1 : at + 1 < first.count ? first.bytes[at + 1] : 0;
    if (length == 0 || (kind != 1 && length < 2) || at + length > first.count) break;  // nonsense: carry no more of it
    if ((kind & 0x80) != 0) {
      std::memcpy(later.bytes + later.count, first.bytes + at, length);
      later.count += length;
    }
    at += length;
  }
  while (later.count % 4 != 0) later.bytes[later.count++] = 0;
  later.ip().version_length = static_cast<std::uint8_t>(0x40 | later.count / 4);
  return later;
}

}  // namespace

unsigned fragment(rte_mbuf* packet, std::uint32_t mtu, rte_mempool* pool,
                  std::span<rte_mbuf*, kMaxFragments> out) noexcept {
  HeaderBytes header;
  const auto& whole = *rte_pktmbuf_mtod_offset(packet, const Ipv4Header*, kIpOffset);
  header.count = whole.header_bytes();
  std::memcpy(header.bytes, &whole, header.count);
  const std::uint32_t payload = whole.total_length.host() - header.count;
  const std::uint16_t flags = whole.fragment.host() & (Ipv4Header::kDontFragment | Ipv4Header::kMoreFragments);
  const std::uint32_t first_offset = whole.fragment.host() & Ipv4Header::kOffsetMask;
  const std::uint32_t payload_at = kIpOffset + header.count;

  unsigned count = 0;
  for (std::uint32_t at = 0; at < payload;) {
    const std::uint32_t room = mtu > header.count ? (mtu - header.count) / 8 * 8 : 0;
    const std::uint32_t piece = payload - at <= mtu - header.count ? payload - at : room;
    rte_mbuf* const frame = count < kMaxFragments && piece != 0 ? rte_pktmbuf_alloc(pool) : nullptr;
    if (frame != nullptr) out[count++] = frame;
    if (frame == nullptr || !append(frame, packet, 0, sizeof(EthernetHeader), pool)) {
      rte_pktmbuf_free_bulk(out.data(), count);
      return 0;
    }
    const bool last = at + piece == payload;
    Ipv4Header& ip = header.ip();
    ip.total_length = Be16(static_cast<std::uint16_t>(header.count + piece));
    ip.fragment =
        Be16(static_cast<std::uint16_t>((last ? flags : flags | Ipv4Header::kMoreFragments) | (first_offset + at / 8)));
    ip.checksum = {};
    ip.checksum = checksum_finish(checksum_add({reinterpret_cast<const std::byte*>(header.bytes), header.count}));
    std::memcpy(rte_pktmbuf_append(frame, static_cast<std::uint16_t>(header.count)), header.bytes, header.count);
    if (!append(frame, packet, payload_at + at, piece, pool)) {
      rte_pktmbuf_free_bulk(out.data(), count);
      return 0;
    }
    if (at == 0) header = later_header(header);
    at += piece;
  }
  rte_pktmbuf_free(packet);
  return count;
}

}  // namespace weft

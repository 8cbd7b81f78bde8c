#include "dataplane/worker/parse_plain.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#if defined(__SSE4_1__)
#include <smmintrin.h>
#endif

#include "dataplane/net/headers.hpp"
#include "dataplane/worker/offload.hpp"
#include "dataplane/worker/parse_ipv6.hpp"

namespace weft {
namespace {

static_assert(std::endian::native == std::endian::little, "headers are compared as words");

template <typename Word>
Word load(const void* at) noexcept {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// What a frame of one ENI begins with, as words of the frame. A check that is off has no bits in its mask.
struct Sender {
  static constexpr std::uint64_t kMac = 0x0000ffffffffffff;
  /// What is left of mac_and_type when the frame is IPv6.
  static constexpr std::uint64_t kIsIpv6 = std::uint64_t{Be16(kEtherTypeIpv4).raw ^ Be16(kEtherTypeIpv6).raw} << 48;

  std::uint64_t mac_and_type = 0, mac_and_type_mask = ~kMac;
  std::uint32_t address = 0, address_mask = 0;  // network order
  bool checks_address = false;
  std::uint16_t vpc = 0;
  IpAddress address6;  // of this ENI, when some packet had it; until then nobody's

  /// Without `checks` for what another worker has checked.
  Sender(const EniRecord& eni, bool checks) noexcept : checks_address(checks && eni.address_check), vpc(eni.vpc) {
    address6.octets.fill(0xff);
    std::memcpy(&mac_and_type, eni.mac.octets.data(), 6);
    mac_and_type |= std::uint64_t{Be16(kEtherTypeIpv4).raw} << 48;
    if (checks && eni.spoof_check) mac_and_type_mask |= kMac;
    address = Be32(eni.address).raw;
    if (checks_address) address_mask = ~0U;
  }
};

/// The TCP flags of a transport that has ports and all of its header, 0 of UDP; -1: not plain.
int plain_transport(std::uint8_t protocol, const std::byte* l4, unsigned l4_bytes) noexcept {
  if (protocol == kProtocolUdp) {
    const unsigned length = reinterpret_cast<const UdpHeader*>(l4)->length.host();
    return length >= sizeof(UdpHeader) && length <= l4_bytes ? 0 : -1;
  }
  if (protocol != kProtocolTcp || l4_bytes < sizeof(TcpHeader)) return -1;
  const auto& tcp = *reinterpret_cast<const TcpHeader*>(l4);
  return tcp.header_bytes() >= sizeof tcp && tcp.header_bytes() <= l4_bytes ? tcp.flags : -1;
}

/// normalise(), of addresses and ports that lie behind each other in the frame.
std::uint8_t write_key(FlowKey4& key, const Ipv4Header& ip, std::uint16_t vpc) noexcept {
#if defined(__SSE4_1__)
  const std::uint8_t direction = ip.source.host() > ip.destination.host() ? 1 : 0;
  // Each address and each port turned into host order; in the second row the ends have changed places.
  alignas(16) static constexpr std::int8_t kOrder[2][16] = {{3, 2, 1, 0, 7, 6, 5, 4, 9, 8, 11, 10, -1, -1, -1, -1},
                                                            {7, 6, 5, 4, 3, 2, 1, 0, 11, 10, 9, 8, -1, -1, -1, -1}};
  const __m128i wire = _mm_loadu_si128(reinterpret_cast<const __m128i*>(&ip.source));
  const __m128i ends = _mm_shuffle_epi8(wire, _mm_load_si128(reinterpret_cast<const __m128i*>(kOrder[direction])));
  const int tail = static_cast<int>(ip.protocol | std::uint32_t{vpc} << 16);  // protocol, reserved, vpc
  _mm_store_si128(reinterpret_cast<__m128i*>(&key), _mm_insert_epi32(ends, tail, 3));
  return direction;
#else
  const auto& ports = *reinterpret_cast<const UdpHeader*>(&ip + 1);
  const NormalisedKey4 normal = normalise(vpc, ip.source.host(), ip.destination.host(), ip.protocol,
                                          ports.source_port.host(), ports.destination_port.host());
  key = normal.key;
  return normal.direction;
#endif
}

/// The least that is read of every frame: up to and with a UDP header.
constexpr unsigned kLeastBytes = kIpv4L4Offset + sizeof(UdpHeader);
static_assert(offsetof(Ipv4Header, source) + kIpOffset + 16 <= kLeastBytes, "write_key() reads 16 bytes");

void set_transport(Burst& burst, unsigned i, int flags) noexcept {
  burst.tcp_flags[i] = static_cast<std::uint8_t>(flags);
  burst.kind[i] = FlowKind::kFlow;
}

/// Out of line, so that the loop keeps its registers for the other family.
[[gnu::noinline]] bool parse_one6(Burst& burst, unsigned i, Sender& sender, WorkerContext& worker) noexcept {
  const rte_mbuf& packet = *burst.packet[i];
  if (packet.data_len < kIpv6L4Offset + sizeof(UdpHeader)) return false;
  const auto& ip = *rte_pktmbuf_mtod_offset(&packet, const Ipv6Header*, kIpOffset);
  const unsigned l4_bytes = ip.payload_length.host();
  if (ip.version() != 6 || is_impossible(ip)) return false;
  if (l4_bytes < sizeof(UdpHeader) || l4_bytes > packet.data_len - kIpv6L4Offset) return false;
  if (sender.checks_address && ip.source != sender.address6) {
    if (!worker.snapshot->owns(burst.source[i], ip.source)) return false;
    sender.address6 = ip.source;
  }
  const auto* const l4 = reinterpret_cast<const std::byte*>(&ip + 1);
  const int flags = plain_transport(ip.next_header, l4, l4_bytes);
  if (flags < 0) return false;

  const auto& ports = *reinterpret_cast<const UdpHeader*>(l4);
  const NormalisedKey6 normal = normalise(sender.vpc, ip.source, ip.destination, ip.next_header,
                                          ports.source_port.host(), ports.destination_port.host());
  set_transport(burst, i, flags);
  burst.ipv6 |= 1U << i;
  burst.key[i] = kNobodysKey;
  burst.key6[i] = normal.key;
  burst.direction[i] = normal.direction;
  burst.hash[i] = hash(normal.key);
  worker.flows6.prefetch(burst.hash[i]);
  return true;
}

bool parse_one(Burst& burst, unsigned i, Sender& sender, WorkerContext& worker) noexcept {
  const rte_mbuf& packet = *burst.packet[i];
  const auto* const frame = rte_pktmbuf_mtod(&packet, const std::byte*);
  if (packet.data_len < kLeastBytes || packet.nb_segs != 1 || has_offloads(&packet)) return false;
  if (reinterpret_cast<const EthernetHeader*>(frame)->destination.is_multicast()) return false;
  const std::uint64_t mac_and_type = load<std::uint64_t>(frame + offsetof(EthernetHeader, source));
  const std::uint64_t difference = (mac_and_type ^ sender.mac_and_type) & sender.mac_and_type_mask;
  if (difference != 0) return difference == Sender::kIsIpv6 && parse_one6(burst, i, sender, worker);

  const auto& ip = *reinterpret_cast<const Ipv4Header*>(frame + kIpOffset);
  constexpr std::uint16_t kFragment = Be16(Ipv4Header::kMoreFragments | Ipv4Header::kOffsetMask).raw;
  const unsigned total = ip.total_length.host();
  if (ip.version_length != 0x45 || (ip.fragment.raw & kFragment) != 0) return false;
  if (total < sizeof ip + sizeof(UdpHeader) || total > packet.data_len - kIpOffset) return false;
  if (((ip.source.raw ^ sender.address) & sender.address_mask) != 0 || ip.source == ip.destination) return false;
  const int flags = plain_transport(ip.protocol, frame + kIpv4L4Offset, total - static_cast<unsigned>(sizeof ip));
  if (flags < 0) return false;

  set_transport(burst, i, flags);
  burst.direction[i] = write_key(burst.key[i], ip, sender.vpc);
  burst.hash[i] = hash(burst.key[i]);
  worker.flows.prefetch(burst.hash[i]);
  return true;
}

template <bool from_port>
void parse_all(Burst& burst, WorkerContext& worker) noexcept {
  const Snapshot& snapshot = *worker.snapshot;
  Sender sender(snapshot.eni(burst.source[0]), from_port);  // a port's burst is of one guest
  std::uint32_t plain = 0, bytes = 0, longest = 0;
  for (unsigned i = 0; i < burst.count; ++i) {
    if constexpr (!from_port) sender.vpc = snapshot.eni(burst.source[i]).vpc;
    if (!parse_one(burst, i, sender, worker)) continue;
    plain |= 1U << i;
    bytes += burst.packet[i]->pkt_len;
    longest = std::max(longest, burst.packet[i]->pkt_len);
  }
  burst.plain = plain;
  burst.bytes = bytes;
  burst.longest = longest;
}

}  // namespace

void parse_plain(Burst& burst, WorkerContext& worker) noexcept {
  if (!burst.from_port) return parse_all<false>(burst, worker);
  const EniRecord& from = worker.snapshot->eni(burst.source[0]);
  if (from.link_up && !from.trust) parse_all<true>(burst, worker);  // what a trusted one claims, check_source() notes
}

}  // namespace weft

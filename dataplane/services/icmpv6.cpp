#include "dataplane/services/icmpv6.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include "dataplane/services/bytes.hpp"

namespace weft::services {
namespace {

constexpr std::uint8_t kNeverForwarded = 255;  // the hop limit that says so (RFC 4861 3.1)
constexpr std::uint8_t kSourceLinkLayer = 1;
constexpr std::uint8_t kTargetLinkLayer = 2;
constexpr std::uint8_t kPrefixInformation = 3;
constexpr std::uint8_t kMtu = 5;

struct IcmpType {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  Be16 checksum;
};

struct Neighbour {  // solicitation and advertisement, RFC 4861 4.3 and 4.4
  static constexpr std::uint32_t kRouter = 0x80000000;
  static constexpr std::uint32_t kSolicited = 0x40000000;
  static constexpr std::uint32_t kOverride = 0x20000000;

  IcmpType icmp;
  Be32 flags;
  IpAddress target;
};
static_assert(sizeof(Neighbour) == 24);

struct LinkLayerOption {
  std::uint8_t type = 0;
  std::uint8_t length = 1;  // in units of 8 bytes
  MacAddress mac;
};
static_assert(sizeof(LinkLayerOption) == 8);

struct Advertisement {  // RFC 4861 4.2, with the three options that we send
  IcmpType icmp{kRouterAdvertisement, 0, {}};
  std::uint8_t hop_limit = 64;
  std::uint8_t flags = 0xc0;  // managed and other: addresses and the rest come by DHCPv6 (facts ec2 1.7)
  Be16 lifetime_s{1800};      // RFC 4861 6.2.1, as are the prefix's
  Be32 reachable_ms, retransmit_ms;
  LinkLayerOption source{kSourceLinkLayer, 1, {}};
  std::uint8_t mtu_type = kMtu, mtu_length = 1;
  Be16 mtu_reserved;
  Be32 mtu;
  std::uint8_t prefix_type = kPrefixInformation, prefix_length = 4;
  std::uint8_t prefix_bits = 64;
  std::uint8_t prefix_flags = 0x80;  // on the link, and not for making addresses of one's own (A is 0)
  Be32 valid_s{2592000};
  Be32 preferred_s{604800};
  Be32 prefix_reserved;
  IpAddress prefix;
};
static_assert(sizeof(Advertisement) == 16 + 8 + 8 + 32 && alignof(Advertisement) == 1);
static_assert(kIpv6L4Offset + sizeof(Advertisement) <= kAdvertisementBytes);

bool is_multicast(const IpAddress& ip) { return ip.octets[0] == 0xff; }
bool is_unspecified(const IpAddress& ip) { return ip == IpAddress{}; }

/// DiscoveryOptions of neighbour discovery: well-formed, and whether there is a source link-layer address (RFC
/// 4861 4.6).
struct DiscoveryOptions {
  bool good = true;
  bool has_source_mac = false;
};
DiscoveryOptions read_discovery_options(std::span<const std::byte> bytes) {
  DiscoveryOptions found;
  Reader reader(bytes);
  while (reader.left() > 0) {
    const std::uint8_t type = reader.u8();
    const std::size_t length = std::size_t{reader.u8()} * 8;
    if (!reader.ok() || length == 0) return {false, false};
    reader.take(length - 2);
    if (!reader.ok()) return {false, false};
    if (type == kSourceLinkLayer) found.has_source_mac = true;
  }
  return found;
}

std::size_t advertise(const ServiceView& view, const IpAddress& destination, const MacAddress& mac,
                      std::span<std::byte> out) {
  if (!view.ipv6_cidr || out.size() < kIpv6L4Offset + sizeof(Advertisement)) return 0;
  Advertisement message;
  message.source.mac = view.router_mac;
  message.mtu = Be32(view.mtu);
  message.prefix_bits = view.ipv6_cidr->length;
  message.prefix = view.ipv6_cidr->address;
  std::memcpy(out.data() + kIpv6L4Offset, &message, sizeof message);
  return seal_icmpv6(out, {view.router_mac, mac, link_local_of(view.router_mac), destination, kNeverForwarded},
                     sizeof message);
}

Answer answer_router_solicitation(const ServiceView& view, const Request& request, std::span<std::byte> out) {
  constexpr std::size_t kFixed = 8;
  if (request.payload.size() < kFixed) return Answer::dropped(Refusal::kMalformed);
  const DiscoveryOptions options = read_discovery_options(request.payload.subspan(kFixed));
  const bool nobody = is_unspecified(request.source);
  if (!options.good || (nobody && options.has_source_mac)) return Answer::dropped(Refusal::kMalformed);
  if (request.destination != kAllRouters && !is_router(view, request.destination))
    return Answer::dropped(Refusal::kNotOffered);
  if (!view.ipv6_cidr) return Answer::dropped(Refusal::kNoAddress);
  const std::size_t length =
      nobody ? router_advertisement(view, out) : advertise(view, request.source, request.source_mac, out);
  return length == 0 ? Answer::dropped(Refusal::kNoRoom) : Answer::answered(length);
}

/// fd00:ec2::/32: a guest with a route of its own to the link-local services asks for them as for neighbours.
bool is_service_range6(const IpAddress& ip) {
  return std::equal(kResolverV6.octets.begin(), kResolverV6.octets.begin() + 4, ip.octets.begin());
}

struct Owner {
  MacAddress mac;
  bool router = false;
};
std::optional<Owner> owner_of(const ServiceView& view, const IpAddress& target) {
  if (is_router(view, target) || is_service_range6(target)) return Owner{view.router_mac, true};
  const auto mac = view.neighbour(target);
  return mac ? std::optional(Owner{*mac, false}) : std::nullopt;
}

bool is_own(const ServiceView& view, const IpAddress& target) {
  return is_own_ipv6(view, target) || target == link_local_of(view.mac);
}

Answer answer_neighbour_solicitation(const ServiceView& view, const Request& request, std::span<std::byte> out) {
  Reader reader(request.payload);
  const auto asked = reader.read<Neighbour>();
  if (!reader.ok() || is_multicast(asked.target) || asked.target.is_v4()) return Answer::dropped(Refusal::kMalformed);
  const DiscoveryOptions options = read_discovery_options(reader.rest());
  const bool probe = is_unspecified(request.source);  // duplicate address detection, RFC 4862 5.4
  const bool to_group = request.destination == solicited_node(asked.target);
  if (!options.good || (probe && (options.has_source_mac || !to_group))) return Answer::dropped(Refusal::kMalformed);
  if (!to_group && is_multicast(request.destination)) return Answer::dropped(Refusal::kMalformed);

  // An answer to a probe for the ENI's own address would make the guest give it up.
  if (is_own(view, asked.target)) return Answer::consumed();
  const auto owner = owner_of(view, asked.target);
  if (!owner) return probe ? Answer::consumed() : Answer::dropped(Refusal::kNeighbourUnknown);

  struct {
    Neighbour neighbour;
    LinkLayerOption mac;
  } message;
  static_assert(sizeof message == 32);
  message.neighbour.icmp.type = kNeighbourAdvertisement;
  message.neighbour.flags =
      Be32((owner->router ? Neighbour::kRouter : 0) | (probe ? 0 : Neighbour::kSolicited) | Neighbour::kOverride);
  message.neighbour.target = asked.target;
  message.mac = {kTargetLinkLayer, 1, owner->mac};
  const auto room = icmpv6_room(out);
  if (room.size() < sizeof message) return Answer::dropped(Refusal::kNoRoom);
  std::memcpy(room.data(), &message, sizeof message);
  // Whoever probes has no address yet, so the answer is to all nodes (RFC 4861 7.2.4), of whom it reaches this one.
  const IpAddress& to = probe ? kAllNodes : request.source;
  const MacAddress to_mac = probe ? multicast_mac(kAllNodes) : request.source_mac;
  return Answer::answered(seal_icmpv6(out, {owner->mac, to_mac, asked.target, to, kNeverForwarded}, sizeof message));
}

Answer answer_echo(const ServiceView& view, const Request& request, std::span<std::byte> out) {
  constexpr std::size_t kEchoHeader = 8;
  const auto room = icmpv6_room(out);
  if (request.payload.size() < kEchoHeader || is_unspecified(request.source) || is_multicast(request.source))
    return Answer::dropped(Refusal::kMalformed);
  if (room.size() < request.payload.size()) return Answer::dropped(Refusal::kNoRoom);
  std::memcpy(room.data(), request.payload.data(), request.payload.size());
  room[0] = std::byte{kEchoReply6};
  return Answer::answered(seal_icmpv6(out, reply_to(request, view.router_mac), request.payload.size()));
}

bool is_discovery(std::uint8_t type) { return type >= kRouterSolicitation && type <= kRedirect; }

}  // namespace

Answer answer_icmpv6(const ServiceView& view, const Request& request, std::span<std::byte> out) noexcept {
  Reader reader(request.payload);
  const auto icmp = reader.read<IcmpType>();
  if (!reader.ok()) return Answer::dropped(Refusal::kMalformed);
  if (is_discovery(icmp.type) && (request.hop_limit != kNeverForwarded || icmp.code != 0))
    return Answer::dropped(Refusal::kMalformed);  // RFC 4861 6.1, 7.1, 8.1
  const bool to_router = is_router(view, request.destination);
  switch (icmp.type) {
    case kRouterSolicitation: return answer_router_solicitation(view, request, out);
    case kNeighbourSolicitation: return answer_neighbour_solicitation(view, request, out);
    case kNeighbourAdvertisement: return Answer::consumed();  // nothing is learned
    case kRouterAdvertisement:                                // no guest is a router for another
    case kRedirect: return Answer::dropped(Refusal::kNotOffered);
    case kListenerReport:
    case kListenerDone:
    case kListenerReportV2: return Answer::consumed();  // a VPC has no multicast to subscribe to
    case kEchoRequest6:
      if (to_router && icmp.code == 0) return answer_echo(view, request, out);
      break;
    default:
      if (to_router && icmp.type < kEchoRequest6) return Answer::consumed();  // an error about what the router said
      break;
  }
  return to_router ? Answer::dropped(Refusal::kNotOffered) : Answer::not_for_us();
}

std::size_t router_advertisement(const ServiceView& view, std::span<std::byte> out) noexcept {
  return advertise(view, kAllNodes, multicast_mac(kAllNodes), out);
}

}  // namespace weft::services

#include "tests/dataplane/worker/pipeline_oracle.hpp"

#include <algorithm>

#include "dataplane/policy/acl_oracle.hpp"
#include "dataplane/policy/oracle.hpp"
#include "dataplane/route/oracle.hpp"

namespace weft::test {
namespace {

constexpr const char* kInternet = "internet";
constexpr std::size_t kInside = 9001, kOutsideMtu = 1500;

bool is_v4(const Frame& frame) { return header_at<EthernetHeader>(frame, 0).ether_type.host() == kEtherTypeIpv4; }
std::size_t l4_at(const Frame& frame) { return is_v4(frame) ? kIpv4L4Offset : kIpv6L4Offset; }
std::size_t bytes_of_ip(const Frame& frame) { return frame.size() - kIpOffset; }

MacAddress router_of(const Subnet& subnet) {
  const auto octets = subnet.cidr.address.octets;
  return {{0x06, 0, octets[12], octets[13], octets[14], static_cast<std::uint8_t>(octets[15] + 1)}};
}
const MacAddress kGateway{{0x06, 0, 169, 254, 0, 1}};

PacketTuple read_tuple(const Frame& frame) {
  PacketTuple tuple;
  if (is_v4(frame)) {
    const auto& header = header_at<Ipv4Header>(frame, kIpOffset);
    tuple.source = IpAddress::from({header.source.host()});
    tuple.destination = IpAddress::from({header.destination.host()});
    tuple.protocol = header.protocol;
  } else {
    const auto& header = header_at<Ipv6Header>(frame, kIpOffset);
    tuple.source = header.source;
    tuple.destination = header.destination;
    tuple.protocol = header.next_header;
  }
  const auto& head = header_at<UdpHeader>(frame, l4_at(frame));
  if (tuple.protocol == kTcp || tuple.protocol == kUdp) {
    tuple.source_port = head.source_port.host();
    tuple.destination_port = head.destination_port.host();
  } else {
    tuple.destination_port = head.source_port.host();  // type and code
  }
  return tuple;
}

bool is_echo_reply(const PacketTuple& tuple) {
  const unsigned type = tuple.destination_port >> 8;
  return (tuple.protocol == kIcmp && type == 0) || (tuple.protocol == kIcmpv6 && type == 129);
}
bool is_icmp(const PacketTuple& tuple) { return tuple.protocol == kIcmp || tuple.protocol == kIcmpv6; }

/// The ports of the flow that a packet is of: of a query the identifier is the asker's.
std::pair<std::uint16_t, std::uint16_t> flow_ports(const Frame& frame, const PacketTuple& tuple) {
  if (!is_icmp(tuple)) return {tuple.source_port, tuple.destination_port};
  const std::uint16_t identifier = header_at<IcmpHeader>(frame, l4_at(frame)).identifier.host();
  const auto request = static_cast<std::uint16_t>((tuple.protocol == kIcmp ? 8 : 128) << 8);
  return is_echo_reply(tuple) ? std::pair(request, identifier) : std::pair(identifier, request);
}

/// The frame with other addresses and as many hops less, every checksum computed from nothing.
Frame rebuilt(const Frame& frame, const IpAddress& from, const IpAddress& to, int hops) {
  Frame made = frame;
  if (!is_v4(made)) {
    header_at<Ipv6Header>(made, kIpOffset).hop_limit =
        static_cast<std::uint8_t>(header_at<Ipv6Header>(made, kIpOffset).hop_limit - hops);
    return made;
  }
  auto& header = header_at<Ipv4Header>(made, kIpOffset);
  header.source = Be32(from.v4().value);
  header.destination = Be32(to.v4().value);
  header.time_to_live = static_cast<std::uint8_t>(header.time_to_live - hops);
  fix_ip_checksum(made);
  Frame l4(made.begin() + kIpv4L4Offset, made.end());
  const Path path{{}, {}, from.to_string(), to.to_string()};
  if (header.protocol == kTcp) {
    header_at<TcpHeader>(l4, 0).checksum = {};
    header_at<TcpHeader>(l4, 0).checksum = l4_checksum(path, kTcp, l4);
  } else if (header.protocol == kUdp) {
    header_at<UdpHeader>(l4, 0).checksum = {};
    Be16 sum = l4_checksum(path, kUdp, l4);
    if (sum.raw == 0) sum.raw = 0xffff;
    header_at<UdpHeader>(l4, 0).checksum = sum;
  }
  std::copy(l4.begin(), l4.end(), made.begin() + kIpv4L4Offset);
  return made;
}

std::vector<Frame> cut(const Frame& whole) {
  std::vector<Frame> fragments;
  const std::size_t payload = whole.size() - kIpv4L4Offset, most = (kOutsideMtu - sizeof(Ipv4Header)) / 8 * 8;
  for (std::size_t at = 0; at < payload; at += most) {
    const std::size_t piece = std::min(most, payload - at);
    Frame fragment(whole.begin(), whole.begin() + kIpv4L4Offset);
    fragment.insert(fragment.end(), whole.begin() + static_cast<long>(kIpv4L4Offset + at),
                    whole.begin() + static_cast<long>(kIpv4L4Offset + at + piece));
    auto& header = header_at<Ipv4Header>(fragment, kIpOffset);
    header.total_length = Be16(static_cast<std::uint16_t>(sizeof header + piece));
    header.fragment =
        Be16(static_cast<std::uint16_t>((at + piece < payload ? Ipv4Header::kMoreFragments : 0) | at / 8));
    fix_ip_checksum(fragment);
    fragments.push_back(fragment);
  }
  return fragments;
}

}  // namespace

/// A packet on its way: a fragment has the tuple of the whole.
struct PipelineOracle::Packet {
  Frame frame;
  PacketTuple tuple;
  FlowId flow;
  unsigned side = 0;  // 0: the flow's lower end sends

  explicit Packet(Frame whole) : frame(std::move(whole)), tuple(read_tuple(frame)) {
    const auto [from, to] = flow_ports(frame, tuple);
    const auto sender = std::pair(tuple.source, from), receiver = std::pair(tuple.destination, to);
    side = sender > receiver;
    const auto& low = side == 0 ? sender : receiver;
    const auto& high = side == 0 ? receiver : sender;
    flow = {low.first, low.second, high.first, high.second, tuple.protocol};
  }
};

FlowId flow_of(const Frame& frame) {
  const PacketTuple tuple = read_tuple(frame);
  const auto [from, to] = flow_ports(frame, tuple);
  const auto one = std::pair(tuple.source, from), two = std::pair(tuple.destination, to);
  return {std::min(one, two).first, std::min(one, two).second, std::max(one, two).first, std::max(one, two).second,
          tuple.protocol};
}

void PipelineOracle::Way::drop(DropReason reason) const {
  ++effect->counters["dropped"];
  ++effect->counters[from + "." + std::string(name(reason))];
}

void PipelineOracle::apply(const Deployment& deployment) {
  deployment_ = deployment;
  ++version_;
}

std::string PipelineOracle::owner(const IpAddress& address) const {
  for (const Instance& instance : deployment_.instances)
    if (instance.enis[0].owns(address)) return instance.name;
  return "";
}

std::optional<IpAddress> PipelineOracle::public_of(const IpAddress& own) const {
  for (const ElasticIp& elastic : deployment_.elastic_ips)
    if (!elastic.eni_id.empty() && elastic.private_ip == own) return elastic.address;
  for (const Instance& instance : deployment_.instances)
    if (instance.enis[0].private_ip == own && instance.enis[0].public_ip) return instance.enis[0].public_ip;
  return std::nullopt;
}

std::optional<IpAddress> PipelineOracle::private_of(const IpAddress& outside) const {
  for (const ElasticIp& elastic : deployment_.elastic_ips)
    if (!elastic.eni_id.empty() && elastic.address == outside) return elastic.private_ip;
  for (const Instance& instance : deployment_.instances)
    if (instance.enis[0].public_ip == outside && public_of(instance.enis[0].private_ip) == outside)
      return instance.enis[0].private_ip;
  return std::nullopt;
}

bool PipelineOracle::is_outside(const IpAddress& address) const {
  if (!address.is_v4()) return !deployment_.vpc_ipv6_cidr->contains(address);
  return !deployment_.vpc_cidr.contains(address) && !deployment_.internet_gateway->public_pool.contains(address);
}

PipelineOracle::Target PipelineOracle::route(const std::string& from, const IpAddress& destination) const {
  const auto local = [&]() -> Target {
    const std::string to = owner(destination);
    return {to, DropReason::kNoSuchAddress};
  };
  if (from == kInternet) return local();
  const RouteDecision decision = oracle_route(deployment_, subnet(from), destination);
  switch (decision.kind) {
    case RouteKind::kLocal: return local();
    case RouteKind::kInternetGateway: return {kInternet, {}};
    case RouteKind::kEni: return {flatten_enis(deployment_)[decision.eni]->instance, {}};
    case RouteKind::kBlackhole: return {"", DropReason::kBlackhole};
    case RouteKind::kNone: break;
  }
  return {"", DropReason::kNoRoute};
}

const PipelineOracle::Memory* PipelineOracle::remembered(const std::string& end, const Packet& packet,
                                                         unsigned side) const {
  const auto found = memories_.find({end, packet.flow, side});
  return found == memories_.end() ? nullptr : &found->second;
}

/// `other`: the next end of the hop, to or from which the packet goes; empty when there is none.
GateVerdict PipelineOracle::gate(const std::string& end, const std::string& other, Direction direction,
                                 const Packet& packet) const {
  if (end == kInternet) return {.allowed = true, .tracked = false};
  const Memory* const memory = remembered(end, packet, direction == Direction::kEgress ? packet.side : 1 - packet.side);
  if (memory != nullptr && (memory->tracked || memory->version == version_))
    return {.allowed = true, .tracked = memory->tracked};
  const IpAddress& remote = direction == Direction::kEgress ? packet.tuple.destination : packet.tuple.source;
  const bool owner = !other.empty() && other != kInternet && eni(other).owns(remote);
  return oracle_evaluate(deployment_, eni(end), direction, packet.tuple, owner ? HopPeer::kOwner : HopPeer::kOther);
}

bool PipelineOracle::acl_allows(const std::string& guest, Direction direction, const PacketTuple& tuple) const {
  return oracle_acl(deployment_, subnet(guest), direction, tuple).allowed;
}

void PipelineOracle::remember(const std::string& from, const std::string& to, const Packet& packet, GateVerdict egress,
                              GateVerdict ingress) {
  const auto key = packet.side == 0 ? std::tuple(packet.flow, from, to) : std::tuple(packet.flow, to, from);
  if (is_echo_reply(packet.tuple) && !hops_.contains(key)) return;  // an answer makes no flow
  ++hops_[key][packet.side];
  memories_[{from, packet.flow, packet.side}] = {egress.tracked, version_};
  memories_[{to, packet.flow, 1 - packet.side}] = {ingress.tracked, version_};
}

Effect PipelineOracle::send(const std::string& from, const Frame& frame) {
  Effect effect;
  effect.counters = {
      {"received", 1}, {from + ".tx_packets", 1}, {from + ".tx_bytes", static_cast<long long>(frame.size())}};
  const Way way{from, &effect};
  Packet packet(frame);
  if (from == kInternet) {
    arrive(way, std::move(packet));
  } else if (eni(from).source_dest_check && eni(from).vf.spoof_check && !eni(from).owns(packet.tuple.source)) {
    way.drop(DropReason::kSpoofedIp);
  } else {
    forward(way, packet);
  }
  return effect;
}

void PipelineOracle::arrive(const Way& way, Packet packet) {
  if (!is_outside(packet.tuple.source)) return way.drop(DropReason::kSpoofedIp);
  IpAddress destination = packet.tuple.destination;
  if (is_v4(packet.frame)) {
    const std::optional<IpAddress> own = private_of(destination);
    if (!own) return way.drop(DropReason::kUnknownPublicAddress);
    destination = *own;
  }
  const unsigned hops = is_v4(packet.frame) ? header_at<Ipv4Header>(packet.frame, kIpOffset).time_to_live
                                            : header_at<Ipv6Header>(packet.frame, kIpOffset).hop_limit;
  if (bytes_of_ip(packet.frame) > kOutsideMtu) return way.drop(DropReason::kTooBig);
  if (hops <= 1) return way.drop(DropReason::kTimeToLive);
  forward(way, Packet(rebuilt(packet.frame, packet.tuple.source, destination, 1)));
}

void PipelineOracle::forward(const Way& way, const Packet& packet) {
  const bool from_guest = way.from != kInternet;
  const Target target = route(way.from, packet.tuple.destination);
  const bool to_guest = !target.to.empty() && target.to != kInternet;

  const GateVerdict egress = gate(way.from, target.to, Direction::kEgress, packet);
  if (!egress.allowed) return way.drop(DropReason::kGroupEgress);
  if (from_guest) {
    const Subnet& own = subnet(way.from);
    const IpPrefix& cidr = packet.tuple.destination.is_v4() ? own.cidr : *own.ipv6_cidr;
    const bool leaves =
        target.to.empty() ? !cidr.contains(packet.tuple.destination) : !to_guest || eni(target.to).subnet != own.name;
    if (leaves && !acl_allows(way.from, Direction::kEgress, packet.tuple)) return way.drop(DropReason::kAclEgress);
  }
  if (target.to.empty()) return way.drop(target.reason);
  const bool enters = to_guest && (!from_guest || eni(way.from).subnet != eni(target.to).subnet);
  if (enters && !acl_allows(target.to, Direction::kIngress, packet.tuple)) return way.drop(DropReason::kAclIngress);
  const GateVerdict ingress = gate(target.to, way.from, Direction::kIngress, packet);
  if (!ingress.allowed) return way.drop(DropReason::kGroupIngress);
  if (to_guest && eni(target.to).source_dest_check && !eni(target.to).owns(packet.tuple.destination))
    return way.drop(DropReason::kNotForEni);
  remember(way.from, target.to, packet, egress, ingress);
  if (to_guest)
    deliver(way, packet, target.to);
  else
    depart(way, packet);
}

void PipelineOracle::hand_over(Effect& effect, const std::string& to, Frame frame) {
  ++effect.counters["delivered"];
  ++effect.counters[to + ".rx_packets"];
  effect.counters[to + ".rx_bytes"] += static_cast<long long>(frame.size());
  effect.delivered[to].push_back(std::move(frame));
}

void PipelineOracle::deliver(const Way& way, const Packet& packet, const std::string& to) {
  if (bytes_of_ip(packet.frame) > kInside) return way.drop(DropReason::kTooBig);
  Frame frame = packet.frame;
  auto& ethernet = header_at<EthernetHeader>(frame, 0);
  ethernet.destination = eni(to).mac;
  if (way.from == kInternet || eni(way.from).subnet != eni(to).subnet) ethernet.source = router_of(subnet(to));
  hand_over(*way.effect, to, std::move(frame));
}

void PipelineOracle::depart(const Way& way, const Packet& packet) {
  const bool four = is_v4(packet.frame);
  if (bytes_of_ip(packet.frame) > kInside) return way.drop(DropReason::kTooBig);
  const std::optional<IpAddress> outside = four ? public_of(packet.tuple.source) : packet.tuple.source;
  if (!outside) return way.drop(DropReason::kNoPublicAddress);
  const bool too_big = bytes_of_ip(packet.frame) > kOutsideMtu;
  const bool may_cut =
      four && (header_at<Ipv4Header>(packet.frame, kIpOffset).fragment.host() & Ipv4Header::kDontFragment) == 0;
  if (too_big && !may_cut) {
    tell_sender(way, packet, four ? 3 : 2, four ? 4 : 0, kOutsideMtu);
    return way.drop(DropReason::kTooBig);
  }
  const unsigned hops = four ? header_at<Ipv4Header>(packet.frame, kIpOffset).time_to_live
                             : header_at<Ipv6Header>(packet.frame, kIpOffset).hop_limit;
  if (hops <= 1) {
    tell_sender(way, packet, four ? 11 : 3, 0, 0);
    return way.drop(DropReason::kTimeToLive);
  }
  const std::optional<IpAddress> back = four ? private_of(packet.tuple.destination) : std::nullopt;
  const Frame frame = rebuilt(packet.frame, *outside, back ? *back : packet.tuple.destination, 1);
  const std::vector<Frame> pieces = too_big ? cut(frame) : std::vector<Frame>{frame};
  if (pieces.size() > 1) way.effect->counters["copies"] += static_cast<long long>(pieces.size()) - 1;
  for (const Frame& piece : pieces) {
    if (back) {  // from the gateway, as if it came from the internet
      Packet again(frame);
      again.frame = piece;
      forward({kInternet, way.effect}, again);
    } else {
      hand_over(*way.effect, kInternet, with_macs(piece, deployment_.internet_gateway->mac, kGateway));
    }
  }
}

void PipelineOracle::tell_sender(const Way& way, const Packet& packet, std::uint8_t type, std::uint8_t code,
                                 std::uint16_t mtu) {
  const bool four = is_v4(packet.frame);
  const Subnet& own = subnet(way.from);
  IpAddress router = four ? own.cidr.address : own.ipv6_cidr->address;
  router.octets[15] = static_cast<std::uint8_t>(router.octets[15] + 1);
  const PacketTuple tuple{router, packet.tuple.source, four ? kIcmp : kIcmpv6, 0,
                          static_cast<std::uint16_t>(type << 8 | code)};
  if (!acl_allows(way.from, Direction::kIngress, tuple)) return;
  const Memory* const memory = remembered(way.from, packet, packet.side);
  const bool tracked = memory != nullptr && memory->tracked;
  if (!(related_icmp_errors_ && tracked) &&
      !oracle_evaluate(deployment_, eni(way.from), Direction::kIngress, tuple, HopPeer::kOther).allowed)
    return;

  const std::size_t quoted = std::min<std::size_t>(bytes_of_ip(packet.frame), four ? 576 - 28 : 1280 - 48);
  Frame l4 = {type, code, 0, 0, 0, 0, static_cast<std::uint8_t>(mtu >> 8), static_cast<std::uint8_t>(mtu)};
  l4.insert(l4.end(), packet.frame.begin() + kIpOffset, packet.frame.begin() + static_cast<long>(kIpOffset + quoted));
  const Path path{router_of(own), header_at<EthernetHeader>(packet.frame, 0).source, router.to_string(),
                  packet.tuple.source.to_string()};
  Frame error;
  if (four) {
    header_at<IcmpHeader>(l4, 0).checksum =
        checksum_finish(checksum_add({reinterpret_cast<const std::byte*>(l4.data()), l4.size()}));
    error = ipv4(path, kIcmp, l4);
    header_at<Ipv4Header>(error, kIpOffset).fragment = Be16(0);
    header_at<Ipv4Header>(error, kIpOffset).type_of_service = 0xc0;
    fix_ip_checksum(error);
  } else {
    header_at<Icmpv6Header>(l4, 0).checksum = l4_checksum(path, kIcmpv6, l4);
    error = ipv6(path, kIcmpv6, l4);
  }
  ++way.effect->counters["originated"];
  ++way.effect->counters[way.from + ".originated"];
  hand_over(*way.effect, way.from, std::move(error));
}

}  // namespace weft::test

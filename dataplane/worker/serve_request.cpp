// What the fabric answers itself to a packet of IP: the router's ping here, everything else by dataplane/services. No
// security group and no network ACL filters it (facts ec2 2.5).
#include <time.h>

#include <array>
#include <cstring>
#include <utility>

#include "dataplane/net/checksum.hpp"
#include "dataplane/net/headers.hpp"
#include "dataplane/services/answer.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

using services::Answer;
using services::Refusal;

/// By services::Refusal.
constexpr std::array<DropReason, services::kRefusals> kReasons = {
    DropReason::kServiceMalformed, DropReason::kServiceFragment, DropReason::kServiceNotOffered,
    DropReason::kServiceNoRequest, DropReason::kServiceNotYours, DropReason::kServiceNoAddress,
    DropReason::kNeighbourUnknown, DropReason::kResolverOff,     DropReason::kServiceNoRoom};
constexpr bool same_names() {
  for (std::size_t i = 0; i < services::kRefusals; ++i)
    if (name(kReasons[i]) != services::kRefusalNames[i]) return false;
  return true;
}
static_assert(same_names(), "each refusal of a service is a drop reason of the same name");

services::Moment moment(const WorkerContext& worker) noexcept {
  if (worker.virtual_clock) return {worker.now_ns, worker.now_ns};
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);  // no system call: the kernel's page of time
  return {static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec),
          worker.now_ns};
}

/// Whether a service may be meant (services/README.md): a group, the router, the resolver, or a link-local address.
bool may_be_service4(std::uint32_t destination, const EniRecord& eni, const SubnetRecord& subnet,
                     const services::ServiceView& view) noexcept {
  return destination == view.resolver.value || destination == 0xffffffff || destination == subnet.last ||
         destination == eni.router ||
         IpAddress::from({destination}).is_for_services();
}
bool may_be_service6(const Burst& burst, unsigned i, const SubnetRecord& subnet) noexcept {
  const IpAddress& destination = burst.destination_address6(i);
  return destination.is_multicast_v6() || destination.is_link_local_v6() || destination.is_for_services() ||
         burst.kind[i] == FlowKind::kAlone || (subnet.ipv6_cidr && destination == subnet.router6());
}

/// The request's buffer is freed, and the answer's takes its place in the burst.
void replace(Burst& burst, unsigned i, rte_mbuf* answer, std::size_t bytes, WorkerContext& worker) noexcept {
  answer->data_len = static_cast<std::uint16_t>(bytes);
  answer->pkt_len = static_cast<std::uint32_t>(bytes);
  rte_pktmbuf_free(burst.packet[i]);
  burst.packet[i] = answer;
  answered(burst, i, worker);
}

/// What was not answered: swallowed, dropped, or no request at all, which gives false.
bool settle(Burst& burst, unsigned i, const Answer& said) noexcept {
  if (said.outcome == Answer::Outcome::kConsumed) burst.fate[i] = Fate::kConsumed;
  if (said.outcome == Answer::Outcome::kDropped) burst.drop(i, kReasons[static_cast<std::size_t>(said.why)]);
  return said.outcome != Answer::Outcome::kNotForUs;
}

/// A request over several buffers: a long ping of the router. It is copied to be read, and its echo, which is as long,
/// goes where it was.
bool ask_at_length(const services::ServiceView& view, Burst& burst, unsigned i, WorkerContext& worker) noexcept {
  std::array<std::byte, kFabricMtu + sizeof(EthernetHeader)> copy, said_bytes;
  rte_mbuf* const request = burst.packet[i];
  const std::size_t length = request->pkt_len;
  if (length > copy.size()) return burst.drop(i, DropReason::kServiceMalformed), true;
  const auto* const bytes = static_cast<const std::byte*>(
      rte_pktmbuf_read(request, 0, static_cast<std::uint32_t>(length), copy.data()));
  const Answer said = services::answer(view, {bytes, length}, moment(worker), worker.services, said_bytes);
  if (said.outcome != Answer::Outcome::kAnswered) return settle(burst, i, said);
  if (said.length != length) return burst.drop(i, DropReason::kServiceNoRoom), true;
  const std::byte* from = said_bytes.data();
  for (rte_mbuf* piece = request; piece != nullptr; from += piece->data_len, piece = piece->next)
    std::memcpy(rte_pktmbuf_mtod(piece, std::byte*), from, piece->data_len);
  request->ol_flags = 0;  // the answer's checksum is whole
  answered(burst, i, worker);
  return true;
}

bool ask_services(Burst& burst, unsigned i, WorkerContext& worker) noexcept {
  const Snapshot& snapshot = *worker.snapshot;
  const EniRecord& eni = snapshot.eni(burst.source[i]);
  const auto neighbour = [&](const IpAddress& target) -> std::optional<MacAddress> {
    const EniSlot slot = snapshot.owner(eni.vpc, target);
    if (slot == kNoEni || snapshot.eni(slot).subnet != eni.subnet) return std::nullopt;
    return snapshot.eni(slot).mac;
  };
  services::ServiceView view = snapshot.services.of(burst.source[i]);
  view.neighbour = neighbour;
  view.eni = port_tag(burst.source[i], eni.born);
  rte_mbuf* const request = burst.packet[i];
  if (rte_pktmbuf_linearize(request) != 0) return ask_at_length(view, burst, i, worker);
  rte_mbuf* const made = rte_pktmbuf_alloc(worker.pool);
  if (made == nullptr) return burst.drop(i, DropReason::kPortFull), true;
  const Answer said =
      services::answer(view, {rte_pktmbuf_mtod(request, const std::byte*), request->data_len}, moment(worker),
                       worker.services, {rte_pktmbuf_mtod(made, std::byte*), rte_pktmbuf_tailroom(made)});
  if (said.outcome == Answer::Outcome::kAnswered) return replace(burst, i, made, said.length, worker), true;
  rte_pktmbuf_free(made);
  return settle(burst, i, said);
}

/// The IPv4 router: ICMP echo and nothing else.
void serve_router(Burst& burst, unsigned i, const EniRecord& eni, WorkerContext& worker) noexcept {
  rte_mbuf* const packet = burst.packet[i];
  auto& ethernet = *rte_pktmbuf_mtod(packet, EthernetHeader*);
  auto& ip = *rte_pktmbuf_mtod_offset(packet, Ipv4Header*, kIpOffset);
  const unsigned l3 = ip.header_bytes();
  auto& icmp = *rte_pktmbuf_mtod_offset(packet, IcmpHeader*, kIpOffset + l3);
  if (ip.is_fragment() || ip.protocol != kProtocolIcmp || icmp.type != IcmpHeader::kEchoRequest || icmp.code != 0)
    return burst.drop(i, DropReason::kRouterService);

  ethernet = {ethernet.source, worker.snapshot->subnets[eni.subnet].router_mac, ethernet.ether_type};
  std::swap(ip.source, ip.destination);
  ip.time_to_live = 64;
  ip.checksum = {};
  ip.checksum = checksum_finish(checksum_add({reinterpret_cast<const std::byte*>(&ip), l3}));
  icmp.type = IcmpHeader::kEchoReply;
  icmp.checksum = checksum_update(icmp.checksum, Be16(IcmpHeader::kEchoRequest << 8), Be16(0));
  answered(burst, i, worker);
}

}  // namespace

void answered(Burst& burst, unsigned i, WorkerContext& worker) noexcept {
  EniCounters& counters = worker.counters[burst.source[i]];
  counters.consumed.add();
  counters.originated.add();
  worker.balance.consumed.add();
  worker.balance.originated.add();
  burst.fate[i] = Fate::kReply;
  burst.destination[i] = burst.source[i];
}

/// The ENI may have gone, and another may have its slot.
void serve_due(WorkerContext& worker) noexcept {
  while (worker.originated->count < kBurst) {
    rte_mbuf* const made = rte_pktmbuf_alloc(worker.pool);
    if (made == nullptr) return;  // it is due again in a second
    const auto due = worker.services.tcp.take_due(
        worker.now_ns, {rte_pktmbuf_mtod(made, std::byte*), rte_pktmbuf_tailroom(made)});
    const auto slot = due ? static_cast<EniSlot>(due->eni) : kNoEni;
    const bool there = due && slot < worker.snapshot->enis.size() && worker.snapshot->eni(slot).present &&
                       port_tag(slot, worker.snapshot->eni(slot).born) == due->eni;
    if (!there) {
      rte_pktmbuf_free(made);
      if (due) continue;
      return;
    }
    made->data_len = static_cast<std::uint16_t>(due->length);
    made->pkt_len = static_cast<std::uint32_t>(due->length);
    worker.counters[slot].originated.add();
    worker.balance.originated.add();
    worker.originated->take(made, slot);
  }
}

bool serve_request(Burst& burst, unsigned i, WorkerContext& worker) noexcept {
  const Snapshot& snapshot = *worker.snapshot;
  const EniSlot source = burst.source[i];
  const EniRecord& eni = snapshot.eni(source);
  const bool guest = eni.kind == EndKind::kInterface;
  if (burst.is_ipv6(i))
    return guest && may_be_service6(burst, i, snapshot.subnets[eni.subnet]) && ask_services(burst, i, worker);
  const std::uint32_t destination = burst.destination_address(i);
  if (guest && may_be_service4(destination, eni, snapshot.subnets[eni.subnet], snapshot.services.of(source)) &&
      ask_services(burst, i, worker))
    return true;
  if (destination != eni.router) return false;
  serve_router(burst, i, eni, worker);
  return true;
}

}  // namespace weft

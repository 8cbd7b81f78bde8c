// Stage 2: a guest may send only as itself.
#include <bit>
#include <cstring>

#include "dataplane/net/headers.hpp"
#include "dataplane/services/answer.hpp"
#include "dataplane/worker/stages.hpp"

namespace weft {
namespace {

/// Six bytes as two loads; the array's own comparison is a call of memcmp().
bool same(const MacAddress& a, const MacAddress& b) noexcept {
  std::uint32_t a_head, b_head;
  std::uint16_t a_tail, b_tail;
  std::memcpy(&a_head, a.octets.data(), 4);
  std::memcpy(&b_head, b.octets.data(), 4);
  std::memcpy(&a_tail, a.octets.data() + 4, 2);
  std::memcpy(&b_tail, b.octets.data() + 4, 2);
  return a_head == b_head && a_tail == b_tail;
}

/// Link-local addresses are any guest's to make up (RFC 4862 5.3, RFC 7217), and lead to the fabric only: the router,
/// groups, and the link-local services. So does the unspecified address, before a guest has any.
bool may_send_unowned(const IpAddress& source, const IpAddress& destination) noexcept {
  if (source.is_unspecified_v6()) return destination.is_multicast_v6();
  return source.is_link_local_v6() && (destination.is_multicast_v6() || destination.is_link_local_v6());
}

/// The slow half, for an ENI that has more than its primary address. Nobody sends from 0.0.0.0, which an ENI without
/// an address has in its record. `proved` is an address that was looked up for this burst and is the ENI's. Out of line,
/// so that the loop keeps its registers.
[[gnu::noinline]] bool owns_source(const Burst& burst, unsigned i, const EniRecord& eni, const Snapshot& snapshot,
                                   IpAddress& proved) noexcept {
  const bool ipv6 = burst.is_ipv6(i);
  const IpAddress source = ipv6 ? burst.source_address6(i) : IpAddress::from({burst.source_address(i)});
  if (source == proved) return true;
  if (!ipv6 && burst.source_address(i) == 0)  // DHCP, which asks before it has an address
    return services::speaks_before_it_has_an_address(
        {rte_pktmbuf_mtod(burst.packet[i], const std::byte*), burst.packet[i]->data_len});
  if (eni.more_addresses && snapshot.owns(burst.source[i], source)) {
    proved = source;
    return true;
  }
  return ipv6 && may_send_unowned(source, burst.destination_address6(i));
}

}  // namespace

void check_source(Burst& burst, const WorkerContext& worker) noexcept {
  if (burst.plain == burst.all()) [[likely]] return;  // parse_plain() has compared both
  IpAddress proved;  // nobody's; a burst is of one guest
  proved.octets.fill(0xff);
  for (std::uint32_t rest = burst.pending_rest(); rest != 0; rest &= rest - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(rest));
    const EniRecord& eni = worker.snapshot->eni(burst.source[i]);
    const auto& ethernet = *rte_pktmbuf_mtod(burst.packet[i], const EthernetHeader*);
    if (!eni.link_up) {
      burst.drop(i, DropReason::kLinkDown);
    } else if (eni.trust ? !worker.snapshot->claimed->claim(burst.source[i], ethernet.source, eni.mac)
                         : eni.spoof_check && !same(ethernet.source, eni.mac)) {
      burst.drop(i, DropReason::kSpoofedMac);
    } else if (eni.address_check && burst.kind[i] != FlowKind::kArp && burst.source_address(i) != eni.address &&
               !owns_source(burst, i, eni, *worker.snapshot, proved)) {
      burst.drop(i, DropReason::kSpoofedIp);  // ARP has its addresses elsewhere: serve() looks
    }
  }
}

}  // namespace weft

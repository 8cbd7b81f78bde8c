#include "dataplane/worker/fragment_table.hpp"

#include <algorithm>

#include "dataplane/net/headers.hpp"

namespace weft {

void FragmentPorts::write(rte_mbuf* packet) const noexcept {
  packet->hash.fdir.lo = static_cast<std::uint32_t>(source) << 16 | destination;
  packet->hash.fdir.hi = static_cast<std::uint32_t>(kind) << 24 | static_cast<std::uint32_t>(protocol) << 16 | service;
}

FragmentPorts FragmentPorts::read(const rte_mbuf* packet) noexcept {
  const std::uint32_t ports = packet->hash.fdir.lo, rest = packet->hash.fdir.hi;
  return {.source = static_cast<std::uint16_t>(ports >> 16),
          .destination = static_cast<std::uint16_t>(ports),
          .service = static_cast<std::uint16_t>(rest),
          .protocol = static_cast<std::uint8_t>(rest >> 16),
          .kind = static_cast<FlowKind>(rest >> 24)};
}

FragmentPorts FragmentPorts::of(const Burst& burst, unsigned i, std::uint16_t service) noexcept {
  const FlowKey4& key = burst.key[i];
  return {.source = key.port[burst.direction[i]],
          .destination = key.port[1 - burst.direction[i]],
          .service = service,
          .protocol = key.protocol,
          .kind = burst.kind[i] == FlowKind::kRelated ? FlowKind::kAlone : burst.kind[i]};
}

void FragmentPorts::complete(PacketTuple& tuple) const noexcept {
  tuple.protocol = protocol;
  const bool icmp = tuple.protocol == kProtocolIcmp || tuple.protocol == kProtocolIcmpv6;
  tuple.source_port = icmp ? 0 : source;
  tuple.destination_port = icmp ? service : destination;
}

FragmentTable::~FragmentTable() {
  while (has_ready()) rte_pktmbuf_free(take_ready().packet);
  while (held_count_ != 0) rte_pktmbuf_free(take_held(0).packet);
}

unsigned FragmentTable::set_of(const FragmentKey& key) noexcept {
  const std::hash<IpAddress> hash;
  std::uint64_t mixed = hash(key.source) * 31 + hash(key.destination);
  mixed = (mixed ^ key.identification ^ std::uint64_t{key.eni} << 32 ^ std::uint64_t{key.protocol} << 48) *
          0x9e3779b97f4a7c15ULL;
  return static_cast<unsigned>(mixed >> 40) % kSets;
}

void FragmentTable::learn(const FragmentKey& key, const FragmentPorts& ports, std::uint32_t now) noexcept {
  Datagram* const set = &datagrams_[set_of(key) * kWays];
  Datagram* place = set;  // the same datagram's, or a free one, or the one not touched for longest
  for (unsigned way = 0; way < kWays; ++way) {
    if (set[way].key == key) {
      place = &set[way];
      break;
    }
    const auto age = [&](const Datagram& d) { return d.key.eni == kNoEni ? ~0U : now - d.seen; };
    if (age(set[way]) > age(*place)) place = &set[way];
  }
  *place = {key, ports, now};
  for (unsigned at = 0; at < held_count_;) {
    if (held_[at].key == key && ready_count_ < kHeld)
      ready_[ready_count_++] = take_held(at);
    else
      ++at;
  }
}

const FragmentPorts* FragmentTable::find(const FragmentKey& key, std::uint32_t now) const noexcept {
  const Datagram* const set = &datagrams_[set_of(key) * kWays];
  for (unsigned way = 0; way < kWays; ++way)
    if (set[way].key == key) return now - set[way].seen <= kLifetime ? &set[way].ports : nullptr;
  return nullptr;
}

bool FragmentTable::hold(const FragmentKey& key, rte_mbuf* packet, std::uint32_t epoch, std::uint32_t now) noexcept {
  const auto of_this_eni = std::count_if(held_.begin(), held_.begin() + held_count_,
                                         [&](const Held& held) { return held.key.eni == key.eni; });
  if (held() == kHeld || of_this_eni >= kHeldOfOneEni) return false;
  held_[held_count_++] = {key, packet, now, epoch};
  return true;
}

FragmentTable::Held FragmentTable::take_held(unsigned at) noexcept {
  const Held taken = held_[at];
  std::move(held_.begin() + at + 1, held_.begin() + held_count_, held_.begin() + at);
  --held_count_;
  return taken;
}

FragmentTable::Held FragmentTable::take_ready() noexcept {
  const Held taken = ready_[0];
  std::move(ready_.begin() + 1, ready_.begin() + ready_count_, ready_.begin());
  --ready_count_;
  return taken;
}

FragmentTable::Held FragmentTable::take_overdue(std::uint32_t now) noexcept {
  if (held_count_ == 0 || now - held_[0].since <= kPatience) return {};
  return take_held(0);
}

}  // namespace weft

#include "dataplane/worker/capture.hpp"

#include <algorithm>
#include <array>

#include "dataplane/net/headers.hpp"
#include "dataplane/worker/offload.hpp"

namespace weft {
namespace {

/// 64 KiB in buffers of a kilobyte; a longer chain is recorded as far as it goes.
constexpr unsigned kMostPieces = 64;

CaptureRecord* offer(const rte_mbuf* packet, EniSlot slot, CaptureDirection direction, WorkerContext& worker) noexcept {
  if (slot == kNoEni || !worker.capture.wants(slot)) return nullptr;
  std::array<std::span<const std::byte>, kMostPieces> pieces;
  unsigned count = 0;
  for (const rte_mbuf* one = packet; one != nullptr && count < kMostPieces; one = one->next)
    pieces[count++] = {rte_pktmbuf_mtod(one, const std::byte*), one->data_len};
  CaptureRecord* const record =
      worker.capture.offer(slot, direction, worker.now_ns, {pieces.data(), count}, packet->pkt_len);
  if (record == nullptr || !wants_checksum(packet)) return record;
  const bool udp = (packet->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_UDP_CKSUM;
  record->sum_from = static_cast<std::uint16_t>(packet->l2_len + packet->l3_len);
  record->sum_field = udp ? kUdpChecksumOffset : kTcpChecksumOffset;
  record->super_segment = wants_segmentation(packet);
  return record;
}

/// It had come as far as the receiver's gate, subnet, allowance or queue.
bool decided_by_receiver(DropReason reason) noexcept {
  return reason == DropReason::kGroupIngress || reason == DropReason::kAclIngress ||
         reason == DropReason::kBwInAllowance || reason == DropReason::kPortFull;
}

}  // namespace

void nobody_sent(Burst& burst) noexcept {
  std::fill_n(burst.record, kBurst, nullptr);  // a length that the compiler knows is no loop
  burst.sent_noted = true;
}

void capture_sent(Burst& burst, WorkerContext& worker) noexcept {
  if (burst.from_port && !worker.capture.wants(burst.source[0])) return nobody_sent(burst);  // a port's burst is one guest's
  const EniSlot gateway = worker.snapshot->gateway;
  for (unsigned i = 0; i < burst.count; ++i) {
    burst.record[i] = nullptr;
    if (burst.fate[i] == Fate::kHeld) continue;
    // From the internet it has been translated since it was sent, and the worker of the port has recorded it.
    if (!burst.from_port && burst.source[i] == gateway) continue;
    burst.record[i] = offer(burst.packet[i], burst.source[i], CaptureDirection::kOut, worker);
  }
  burst.sent_noted = burst.from_port;
}

void decided_elsewhere(Burst& burst) noexcept {
  std::fill_n(burst.record, burst.count, nullptr);
  burst.sent_noted = false;
}

void leave_to_owner(Burst& burst, const WorkerContext& worker) noexcept {
  for (unsigned i = 0; i < burst.count; ++i)
    if (burst.fate[i] == Fate::kAway && burst.record[i] != nullptr && burst.source[i] != worker.snapshot->gateway)
      burst.record[i]->take_back();
}

void capture_drop(const Burst& burst, unsigned i, const rte_mbuf* packet, EniSlot destination, DropReason reason,
                  WorkerContext& worker) noexcept {
  const EniSlot source = burst.source[i];
  CaptureRecord* sent = burst.record[i];
  if (sent == nullptr && !burst.sent_noted && source != destination)  // equal: an answer, which another worker made
    sent = offer(packet, source, CaptureDirection::kOut, worker);
  if (sent != nullptr) sent->dropped(reason);
  if (destination == kNoEni || !decided_by_receiver(reason)) return;
  if (CaptureRecord* const received = offer(packet, destination, CaptureDirection::kIn, worker))
    received->dropped(reason);
}

void capture_drops(Burst& burst, WorkerContext& worker) noexcept {
  for (unsigned i = 0; i < burst.count; ++i)
    if (burst.fate[i] == Fate::kDropped)
      capture_drop(burst, i, burst.packet[i], burst.destination[i], burst.reason[i], worker);
}

void capture_overdue(const rte_mbuf* packet, EniSlot source, DropReason reason, WorkerContext& worker) noexcept {
  if (CaptureRecord* const record = offer(packet, source, CaptureDirection::kOut, worker)) record->dropped(reason);
}

std::uint16_t CapturedPort::transmit(std::span<rte_mbuf* const> burst) noexcept {
  // In rounds, because a super-segment may be cut into more frames than a burst has.
  std::uint16_t taken = 0;
  while (!burst.empty()) {
    std::array<CaptureRecord*, kBurst> records;
    const auto now = burst.first(std::min<std::size_t>(burst.size(), kBurst));
    for (std::size_t k = 0; k < now.size(); ++k)
      records[k] = offer(now[k], slot_, CaptureDirection::kIn, worker_);
    const std::uint16_t sent = port_.transmit(now);
    for (std::size_t k = sent; k < now.size(); ++k)
      if (records[k] != nullptr) records[k]->take_back();
    taken = static_cast<std::uint16_t>(taken + sent);
    if (sent < now.size()) break;
    burst = burst.subspan(sent);
  }
  return taken;
}

}  // namespace weft

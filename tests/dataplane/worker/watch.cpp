#include "tests/dataplane/worker/watch.hpp"

#include <rte_mbuf.h>

#include <algorithm>

namespace weft::test {
namespace {

std::uint64_t clock_ns = 1'000'000'000'000;

/// Zero is as good as not there.
class Filling {
 public:
  explicit Filling(Changes& changes) : changes_(changes) {}
  void operator()(const std::string& name, std::uint64_t value) {
    if (value != 0) changes_[name] = static_cast<long long>(value);
  }

 private:
  Changes& changes_;
};

}  // namespace

std::uint64_t virtual_now_ns() { return clock_ns; }
void advance_virtual_ns(std::uint64_t ns) { clock_ns += ns; }

Changes counters_of(const Engine& engine, const NameOf& name_of) {
  Changes now;
  Filling set(now);
  const Balance balance = engine.balance();
  set("received", balance.received);
  set("originated", balance.originated);
  set("copies", balance.copies);
  set("delivered", balance.delivered);
  set("dropped", balance.dropped);
  set("consumed", balance.consumed);
  set("held", balance.held);
  for (const EniStatistics& s : engine.statistics()) {
    const std::string guest = name_of(s.eni_id);
    set(guest + ".rx_packets", s.rx_packets);
    set(guest + ".rx_bytes", s.rx_bytes);
    set(guest + ".tx_packets", s.tx_packets);
    set(guest + ".tx_bytes", s.tx_bytes);
    set(guest + ".originated", s.originated);
    set(guest + ".consumed", s.consumed);
    for (std::size_t i = 0; i < kDropReasons; ++i) set(guest + "." + std::string(kDropNames[i]), s.drops[i]);
    for (std::size_t i = 0; i < kEnaCounters; ++i) set(guest + "." + std::string(kEnaCounterNames[i]), s.ena[i]);
  }
  return now;
}

std::string flow_name(const PacketTuple& t) {
  return "flow " + t.source.to_string() + ":" + std::to_string(t.source_port) + ">" + t.destination.to_string() + ":" +
         std::to_string(t.destination_port) + "/" + std::to_string(t.protocol);
}

Changes state_of(Engine& engine, const NameOf& name_of) {
  Changes now = counters_of(engine, name_of);
  Filling set(now);
  for (const FlowView& flow : engine.flows()) {
    const std::string name = flow_name(flow.initiator_tuple);
    set(name + " " + flow.state + (flow.tracked[0] ? " tracked" : " untracked") +
            (flow.tracked[1] ? "-tracked" : "-untracked"), 1);
    set(name + " packets", flow.packets[0]);
    set(name + " answers", flow.packets[1]);
  }
  return now;
}

Changes difference(const Changes& now, Changes& last) {
  Changes changed;
  for (const auto& [name, value] : now)
    if (value != last[name]) changed[name] = value - last[name];
  for (const auto& [name, value] : last)
    if (value != 0 && !now.contains(name)) changed[name] = -value;
  last = now;
  return changed;
}

Changes operator+(Changes left, const Changes& right) {
  for (const auto& [name, value] : right) left[name] += value;
  std::erase_if(left, [](const auto& change) { return change.second == 0; });
  return left;
}

rte_mbuf* packet_of(rte_mempool* pool, const Frame& frame) {
  rte_mbuf* packet = rte_pktmbuf_alloc(pool);
  rte_mbuf* last = packet;
  std::size_t at = 0;
  while (at < frame.size()) {
    if (rte_pktmbuf_tailroom(last) == 0) {
      last = last->next = rte_pktmbuf_alloc(pool);
      ++packet->nb_segs;
    }
    const std::size_t piece = std::min<std::size_t>(frame.size() - at, rte_pktmbuf_tailroom(last));
    std::memcpy(rte_pktmbuf_mtod(last, char*), frame.data() + at, piece);
    last->data_len = static_cast<std::uint16_t>(piece);
    packet->pkt_len += static_cast<std::uint32_t>(piece);
    at += piece;
  }
  return packet;
}

Frame bytes_of(const rte_mbuf* packet) {
  Frame frame;
  for (const rte_mbuf* piece = packet; piece != nullptr; piece = piece->next) {
    const auto* bytes = rte_pktmbuf_mtod(piece, const std::uint8_t*);
    frame.insert(frame.end(), bytes, bytes + piece->data_len);
  }
  return frame;
}

}  // namespace weft::test

#include "tests/dataplane/worker/fabric.hpp"

#include <rte_mempool.h>

#include <algorithm>
#include <set>
#include <stdexcept>

namespace weft::test {
namespace {

std::uint64_t clock_ns = 1'000'000'000'000;
std::uint64_t clock() { return clock_ns; }

std::string flow_name(const FlowView& flow) {
  const PacketTuple& t = flow.initiator_tuple;
  return "flow " + t.source.to_string() + ":" + std::to_string(t.source_port) + ">" + t.destination.to_string() + ":" +
         std::to_string(t.destination_port) + "/" + std::to_string(t.protocol);
}

}  // namespace

SecurityGroup open_group(const std::string& name) {
  return make_group(name, {all(cidr("0.0.0.0/0"))}, {all(cidr("0.0.0.0/0"))});
}

SecurityGroup members_group(const std::string& name) {
  return make_group(name, {all(group(name))}, {all(group(name))});
}

Instance guest(const std::string& name, const std::string& address, std::vector<std::string> groups,
               const std::string& subnet) {
  Instance made = make_instance(name, address, std::move(groups), InterfaceType::kInterface, subnet);
  const std::uint32_t value = v4(address);
  made.enis[0].mac = {{0x02, 0, static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
                       static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)}};
  return made;
}

std::vector<Instance> four_guests(const std::vector<std::string>& groups) {
  return {guest("a", "10.0.1.4", groups), guest("b", "10.0.1.5", groups), guest("c", "10.0.1.6", groups),
          guest("d", "10.0.2.4", groups, "far")};
}

Fabric::Fabric(Deployment deployment, const Options& options) : options_(options) {
  EngineOptions engine_options;
  engine_options.workers = options.workers;
  engine_options.flow_capacity = options.flow_capacity;
  engine_options.flow_capacity6 = options.flow_capacity6;
  engine_options.packets = options.packets;
  engine_options.related_icmp_errors = options.related_icmp_errors;
  if (options.workers == 0) engine_options.now_ns = &clock;
  auto engine = Engine::create(engine_options);
  if (!engine) throw std::runtime_error(engine.error().to_string());
  engine_ = std::move(*engine);
  apply(std::move(deployment));
}

Fabric::~Fabric() {
  rings_.clear();  // frees what nobody took, while the pool is there; the ports keep their side
  engine_.reset();
}

void Fabric::apply(Deployment deployment, std::vector<Engine::Attachment> own_ports) {
  std::set<std::string> have;
  for (const auto& attachment : own_ports) have.insert(attachment.eni_id);
  std::vector<Engine::Attachment> added = std::move(own_ports);
  for (const Instance& instance : deployment.instances) {
    const std::string& id = instance.enis[0].id;
    if (have.contains(id) || engine_->slot_of(id)) continue;
    Rings rings{std::make_shared<PacketRing>(options_.ring_depth), std::make_shared<PacketRing>(options_.ring_depth)};
    rings_[instance.name] = rings;
    added.push_back({id, std::make_unique<RingPort>(rings.in, rings.out, options_.port)});
  }
  if (deployment.internet_gateway && !engine_->slot_of(deployment.internet_gateway->id)) {
    Rings rings{std::make_shared<PacketRing>(options_.ring_depth), std::make_shared<PacketRing>(options_.ring_depth)};
    rings_["internet"] = rings;
    added.push_back({deployment.internet_gateway->id, std::make_unique<RingPort>(rings.in, rings.out, options_.port)});
  }
  auto applied = engine_->apply(std::make_shared<const Deployment>(std::move(deployment)), std::move(added));
  if (!applied) throw std::runtime_error(applied.error().to_string());
  last_ = state();
  last_counters_ = counters();
}

const Eni& Fabric::eni(const std::string& guest) const { return engine_->deployment()->find_instance(guest)->enis[0]; }

Path Fabric::path_to(const std::string& from, const std::string& address) const {
  const Eni& sender = eni(from);
  const IpPrefix subnet = deployment().find_subnet(sender.subnet)->cidr;
  MacAddress via = sender.subnet == "far" ? kFarRouterMac : kRouterMac;
  for (const Instance& other : deployment().instances)
    if (other.enis[0].private_ip.to_string() == address && subnet.contains(other.enis[0].private_ip))
      via = other.enis[0].mac;
  return {sender.mac, via, sender.private_ip.to_string(), address};
}

Path Fabric::path(const std::string& from, const std::string& to) const { return path_to(from, address(to)); }

rte_mbuf* Fabric::packet(const Frame& frame) {
  rte_mbuf* packet = rte_pktmbuf_alloc(engine_->mempool());
  rte_mbuf* last = packet;
  std::size_t at = 0;
  while (at < frame.size()) {
    if (rte_pktmbuf_tailroom(last) == 0) {
      last = last->next = rte_pktmbuf_alloc(engine_->mempool());
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

void Fabric::inject(const std::string& guest, rte_mbuf* packet) {
  if (rings_.at(guest).in->push({&packet, 1}) != 1) throw std::runtime_error("the guest's ring is full");
}

rte_mbuf* Fabric::receive_packet(const std::string& guest) {
  rte_mbuf* packet = nullptr;
  return rings_.at(guest).out->pop({&packet, 1}) == 1 ? packet : nullptr;
}

Frame bytes_of(const rte_mbuf* packet) {
  Frame frame;
  for (const rte_mbuf* piece = packet; piece != nullptr; piece = piece->next) {
    const auto* bytes = rte_pktmbuf_mtod(piece, const std::uint8_t*);
    frame.insert(frame.end(), bytes, bytes + piece->data_len);
  }
  return frame;
}

std::optional<Frame> Fabric::receive(const std::string& guest) {
  rte_mbuf* packet = receive_packet(guest);
  if (packet == nullptr) return std::nullopt;
  Frame frame = bytes_of(packet);
  rte_pktmbuf_free(packet);
  return frame;
}

bool Fabric::passes(const std::string& from, const std::string& to, const Frame& frame) {
  send(from, frame);
  const bool got = receive(to).has_value();
  EXPECT_TRUE(engine_->balance().holds());
  return got;
}

Changes Fabric::counters() const {
  Changes now;
  const Balance balance = engine_->balance();
  const auto set = [&](const std::string& name, std::uint64_t value) {
    if (value != 0) now[name] = static_cast<long long>(value);
  };
  set("received", balance.received);
  set("originated", balance.originated);
  set("copies", balance.copies);
  set("delivered", balance.delivered);
  set("dropped", balance.dropped);
  set("consumed", balance.consumed);
  set("held", balance.held);
  for (const EniStatistics& s : engine_->statistics()) {
    const std::string guest = s.eni_id.substr(4);
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

Changes Fabric::state() const {
  Changes now = counters();
  const auto set = [&](const std::string& name, std::uint64_t value) {
    if (value != 0) now[name] = static_cast<long long>(value);
  };
  for (const FlowView& flow : engine_->flows()) {
    const std::string name = flow_name(flow);
    set(name + " " + flow.state + (flow.tracked[0] ? " tracked" : " untracked") +
            (flow.tracked[1] ? "-tracked" : "-untracked"), 1);
    set(name + " packets", flow.packets[0]);
    set(name + " answers", flow.packets[1]);
  }
  return now;
}

namespace {

Changes difference(const Changes& now, Changes& last) {
  Changes changed;
  for (const auto& [name, value] : now)
    if (value != last[name]) changed[name] = value - last[name];
  for (const auto& [name, value] : last)
    if (value != 0 && !now.contains(name)) changed[name] = -value;
  last = now;
  return changed;
}

}  // namespace

Changes Fabric::changes() {
  last_counters_ = counters();
  return difference(state(), last_);
}

Changes Fabric::counter_changes() { return difference(counters(), last_counters_); }

void Fabric::advance_ms(std::uint64_t ms) { clock_ns += ms * 1'000'000; }

std::uint64_t Fabric::now_ns() { return clock_ns; }

Changes operator+(Changes left, const Changes& right) {
  for (const auto& [name, value] : right) left[name] += value;
  std::erase_if(left, [](const auto& change) { return change.second == 0; });
  return left;
}

Changes Fabric::sent(const std::string& guest, const Frame& frame) const {
  return {{"received", 1}, {guest + ".tx_packets", 1}, {guest + ".tx_bytes", static_cast<long long>(frame.size())}};
}

Changes Fabric::dropped(const std::string& guest, const Frame& frame, DropReason reason) const {
  return sent(guest, frame) + Changes{{"dropped", 1}, {guest + "." + std::string(name(reason)), 1}};
}

Changes Fabric::delivered(const std::string& from, const std::string& to, const Frame& frame) const {
  return sent(from, frame) +
         Changes{{"delivered", 1}, {to + ".rx_packets", 1}, {to + ".rx_bytes", static_cast<long long>(frame.size())}};
}

}  // namespace weft::test

#include "tests/dataplane/worker/fabric.hpp"

#include <rte_mempool.h>

#include <algorithm>
#include <set>
#include <stdexcept>

namespace weft::test {
namespace {

/// These tests name their ENIs eni-NAME.
std::string guest_of(const std::string& eni_id) { return eni_id.substr(4); }

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
  if (options.workers == 0) engine_options.now_ns = &virtual_now_ns;
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

rte_mbuf* Fabric::packet(const Frame& frame) { return packet_of(engine_->mempool(), frame); }

void Fabric::inject(const std::string& guest, rte_mbuf* packet) {
  if (rings_.at(guest).in->push({&packet, 1}) != 1) throw std::runtime_error("the guest's ring is full");
}

rte_mbuf* Fabric::receive_packet(const std::string& guest) {
  rte_mbuf* packet = nullptr;
  return rings_.at(guest).out->pop({&packet, 1}) == 1 ? packet : nullptr;
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

Changes Fabric::counters() const { return counters_of(*engine_, guest_of); }

Changes Fabric::state() const { return state_of(*engine_, guest_of); }

Changes Fabric::changes() {
  last_counters_ = counters();
  return difference(state(), last_);
}

Changes Fabric::counter_changes() { return difference(counters(), last_counters_); }

void Fabric::advance_ms(std::uint64_t ms) { advance_virtual_ns(ms * 1'000'000); }

std::uint64_t Fabric::now_ns() { return virtual_now_ns(); }

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

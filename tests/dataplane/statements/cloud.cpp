#include "tests/dataplane/statements/cloud.hpp"

#include <spdlog/spdlog.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "dataplane/control/controller.hpp"
#include "dataplane/control/topology_file.hpp"
#include "dataplane/net/ipv6_headers.hpp"
#include "tests/dataplane/statements/ring_environment.hpp"

namespace weft::test {
namespace {

std::string name_of(const Deployment& deployment, const std::string& eni_id) {
  if (deployment.internet_gateway && deployment.internet_gateway->id == eni_id) return deployment.internet_gateway->guest;
  const Eni* eni = deployment.find_eni(eni_id);
  if (eni == nullptr) return eni_id;
  if (!eni->name.empty()) return eni->name;
  return eni->instance + (eni->device_index == 0 ? "" : "/eth" + std::to_string(eni->device_index));
}

MacAddress router_mac_of(const Subnet& subnet) {
  const std::uint32_t router = v4(subnet.router().to_string());
  return {{0x06, 0, static_cast<std::uint8_t>(router >> 24), static_cast<std::uint8_t>(router >> 16),
           static_cast<std::uint8_t>(router >> 8), static_cast<std::uint8_t>(router)}};
}

PacketTuple tuple_of(const Frame& frame) {
  PacketTuple tuple;
  std::size_t l4 = kIpv4L4Offset;
  if (header_at<EthernetHeader>(frame, 0).ether_type.host() == kEtherTypeIpv6) {
    const auto& ip = header_at<Ipv6Header>(frame, kIpOffset);
    tuple.source = ip.source;
    tuple.destination = ip.destination;
    tuple.protocol = ip.next_header;
    l4 = kIpv6L4Offset;
  } else {
    const auto& ip = header_at<Ipv4Header>(frame, kIpOffset);
    tuple.source = IpAddress::from({ip.source.host()});
    tuple.destination = IpAddress::from({ip.destination.host()});
    tuple.protocol = ip.protocol;
  }
  if (tuple.protocol == kProtocolTcp || tuple.protocol == kProtocolUdp) {
    tuple.source_port = header_at<UdpHeader>(frame, l4).source_port.host();
    tuple.destination_port = header_at<UdpHeader>(frame, l4).destination_port.host();
  } else if (tuple.protocol == kProtocolIcmp || tuple.protocol == kProtocolIcmpv6) {
    const auto& icmp = header_at<IcmpHeader>(frame, l4);
    tuple.source_port = icmp.identifier.host();
    tuple.destination_port = static_cast<std::uint16_t>(icmp.type << 8);  // any code: facts ec2 2.4
  }
  return tuple;
}

std::string flow_of(const Frame& first) { return flow_name(tuple_of(first)); }

Changes sent(const std::string& from, const Frame& frame) {
  return {{"received", 1}, {from + ".tx_packets", 1}, {from + ".tx_bytes", static_cast<long long>(frame.size())}};
}
Changes got(const std::string& to, const Frame& frame) {
  return {{"delivered", 1}, {to + ".rx_packets", 1}, {to + ".rx_bytes", static_cast<long long>(frame.size())}};
}
Frame ip_packet(const Frame& frame) { return {frame.begin() + kIpOffset, frame.end()}; }

}  // namespace

struct Cloud::State {
  std::string directory;
  RingEnvironment environment;
  std::unique_ptr<EfaServer> efa;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Controller> controller;
  Changes last;
  std::string message;

  NameOf names() const {
    return [deployment = controller->deployment()](const std::string& id) {
      return deployment ? name_of(*deployment, id) : id;
    };
  }
  Changes look() { return engine->deployment() ? state_of(*engine, names()) : Changes{}; }
  const RingEnvironment::Rings& rings(const std::string& name) const {
    const std::shared_ptr<const Deployment> deployment = controller->deployment();
    for (const auto& [id, rings] : environment.rings())
      if (name_of(*deployment, id) == name) return rings;
    throw std::runtime_error("no interface " + name);
  }
};

Cloud::Cloud(const Given& given, const Options& options) : state_(std::make_unique<State>()) {
  spdlog::set_level(spdlog::level::err);
  EngineOptions engine_options;
  engine_options.workers = 0;
  engine_options.flow_capacity = engine_options.flow_capacity6 = 4096;
  engine_options.packets = 8191;
  engine_options.now_ns = &virtual_now_ns;
  auto engine = Engine::create(engine_options);
  if (!engine) throw std::runtime_error(engine.error().to_string());
  state_->engine = std::move(*engine);
  if (options.efa) {
    char directory[] = "/tmp/weft-statements-XXXXXX";
    state_->directory = mkdtemp(directory);
    EfaError error;
    state_->efa = EfaServer::create(state_->engine->wake_fd(), &error);
    if (!state_->efa) throw std::runtime_error(error.message);
    state_->engine->set_message_switch(state_->efa->message_switch(),
                                       [efa = state_->efa.get()](EniSlot slot) { return efa->counters(slot); });
    state_->environment.set_efa_server(state_->efa.get(), state_->directory);
  }
  state_->controller = std::make_unique<Controller>(*state_->engine, state_->environment);
  EXPECT_EQ(up(given), "") << message() << "\n" << given.text();
  changes();
}

Cloud::~Cloud() {
  state_->environment.clear();  // frees what nobody took, while the pool is there
  state_->controller.reset();
  state_->engine.reset();
  state_->efa.reset();
  if (!state_->directory.empty()) std::filesystem::remove_all(state_->directory);
}

Engine& Cloud::engine() { return *state_->engine; }
std::string Cloud::runtime_directory() const { return state_->directory; }
const std::string& Cloud::message() const { return state_->message; }

std::string Cloud::apply(const std::function<Result<void>()>& change) {
  const std::shared_ptr<const Deployment> running = state_->controller->deployment();
  Changes before = state_->look();
  const Result<void> done = change();
  if (done) {
    state_->last = state_->look();
    return "";
  }
  state_->message = done.error().to_string();
  EXPECT_EQ(state_->controller->deployment(), running);
  EXPECT_EQ(difference(state_->look(), before), Changes{}) << "what is refused changes nothing";
  return done.error().code;
}

namespace {

Result<void> without_warnings(const Result<Outcome>& outcome) {
  if (!outcome) return outcome.error();
  EXPECT_TRUE(outcome->warnings.empty()) << outcome->warnings.front();
  return {};
}

}  // namespace

std::string Cloud::up(const Given& given) {
  return apply([&] { return without_warnings(state_->controller->apply("topology.yaml", given.text())); });
}

std::string Cloud::up(const Given& given, const std::function<void(Topology&)>& edit) {
  return apply([&]() -> Result<void> {
    Result<Topology> topology = parse_topology(given.text(), "topology.yaml");
    if (!topology) return topology.error();
    edit(*topology);
    Result<Deployment> wanted = resolve(*topology, state_->controller->deployment().get());
    if (!wanted) return wanted.error();
    return without_warnings(state_->controller->apply(std::move(*wanted)));
  });
}

std::string Cloud::change_life(LifeChange change, const std::string& instance) {
  return apply([&]() -> Result<void> {
    Result<LifeOutcome> outcome = state_->controller->change_life(change, instance);
    if (!outcome) return outcome.error();
    return {};
  });
}

std::string Cloud::stop(const std::string& instance) { return change_life(LifeChange::kStop, instance); }
std::string Cloud::start(const std::string& instance) { return change_life(LifeChange::kStart, instance); }
std::string Cloud::terminate(const std::string& instance) { return change_life(LifeChange::kTerminate, instance); }

const Deployment& Cloud::deployment() const { return *state_->engine->deployment(); }

const Eni& Cloud::eni(const std::string& name) const {
  const Deployment& now = deployment();
  for (const Instance& instance : now.instances)
    for (const Eni& eni : instance.enis)
      if (name_of(now, eni.id) == name) return eni;
  for (const Eni& eni : now.available_enis)
    if (name_of(now, eni.id) == name) return eni;
  throw std::runtime_error("no interface " + name);
}

Path Cloud::path_to(const std::string& from, const std::string& to) const {
  const Eni& sender = eni(from);
  const Subnet& subnet = *deployment().find_subnet(sender.subnet);
  const IpAddress target = *IpAddress::parse(to);
  MacAddress via = router_mac_of(subnet);
  for (const Instance& instance : deployment().instances)
    for (const Eni& other : instance.enis)
      if (other.subnet == sender.subnet && other.owns(target)) via = other.mac;
  return {sender.mac, via, (target.is_v4() ? sender.private_ip : sender.ipv6_addresses.at(0)).to_string(), to};
}

Path Cloud::path_in(const std::string& to) const {
  const InternetGateway& gateway = *deployment().internet_gateway;
  const bool v4_wanted = IpAddress::parse(to)->is_v4();
  for (const IpAddress& host : gateway.addresses)
    if (host.is_v4() == v4_wanted) return {gateway.mac, mac("06:00:a9:fe:00:01"), host.to_string(), to};
  throw std::runtime_error("nobody out there can send to " + to);
}

void Cloud::send(const std::string& from, const Frame& frame) {
  rte_mbuf* packet = packet_of(state_->engine->mempool(), frame);
  if (state_->rings(from).in->push({&packet, 1}) != 1) throw std::runtime_error("the guest's ring is full");
  state_->engine->run_once();
  EXPECT_TRUE(state_->engine->balance().holds());
}

std::optional<Frame> Cloud::receive(const std::string& name) {
  rte_mbuf* packet = nullptr;
  if (state_->rings(name).out->pop({&packet, 1}) == 0) return std::nullopt;
  Frame frame = bytes_of(packet);
  rte_pktmbuf_free(packet);
  return frame;
}

void Cloud::ignore() {
  const std::shared_ptr<const Deployment> now = state_->controller->deployment();
  for (const auto& [id, rings] : state_->environment.rings())
    while (receive(name_of(*now, id))) {
    }
  changes();
}

Changes Cloud::changes() { return difference(state_->look(), state_->last); }

void Cloud::expect_silence(const std::string& but) {
  const std::shared_ptr<const Deployment> now = state_->controller->deployment();
  for (const auto& [id, rings] : state_->environment.rings())
    if (const std::string name = name_of(*now, id); name != but) { EXPECT_FALSE(receive(name).has_value()) << name; }
}

Frame Cloud::delivers(const std::string& from, const Frame& frame, const std::string& to, const Changes& also) {
  send(from, frame);
  EXPECT_EQ(changes(), sent(from, frame) + got(to, frame) + also);
  const std::optional<Frame> arrived = receive(to);
  EXPECT_TRUE(arrived.has_value()) << to << " gets nothing";
  expect_silence();
  if (!arrived) return frame;
  if (from != "internet" && to != "internet") { EXPECT_EQ(ip_packet(*arrived), ip_packet(frame)); }
  return *arrived;
}

void Cloud::drops(const std::string& from, const Frame& frame, DropReason reason, const Changes& also) {
  send(from, frame);
  const Changes dropped = {{"dropped", 1}, {from + "." + std::string(name(reason)), 1}};
  EXPECT_EQ(changes(), sent(from, frame) + dropped + also);
  expect_silence();
}

Frame Cloud::answers(const std::string& from, const Frame& frame) {
  send(from, frame);
  const std::optional<Frame> answer = receive(from);
  EXPECT_TRUE(answer.has_value()) << from << " gets no answer";
  expect_silence();
  const Changes answered = {{"consumed", 1}, {from + ".consumed", 1}, {"originated", 1}, {from + ".originated", 1}};
  EXPECT_EQ(changes(), sent(from, frame) + answered + got(from, answer.value_or(Frame{})));
  return answer.value_or(Frame(64));
}

bool Cloud::passes(const std::string& from, const Frame& frame, const std::string& to) {
  send(from, frame);
  const bool got = receive(to).has_value();
  ignore();
  return got;
}

std::uint64_t Cloud::ena(const std::string& name, EnaCounter counter) const {
  for (const EniStatistics& one : state_->engine->statistics())
    if (one.eni_id == eni(name).id) return one.ena[static_cast<std::size_t>(counter)];
  throw std::runtime_error("no statistics of " + name);
}

std::uint64_t Cloud::conntrack_available(const std::string& name) const {
  for (const EniStatistics& one : state_->engine->statistics())
    if (one.eni_id == eni(name).id) return one.conntrack_allowance_available;
  throw std::runtime_error("no statistics of " + name);
}

Changes begins(const Frame& frame, const std::string& state) {
  return {{flow_of(frame) + " " + state, 1}, {flow_of(frame) + " packets", 1}};
}
Changes one_more(const Frame& first) { return {{flow_of(first) + " packets", 1}}; }
Changes one_answer(const Frame& first) { return {{flow_of(first) + " answers", 1}}; }
Changes replaces(const Frame& first, long long packets) { return {{flow_of(first) + " packets", 1 - packets}}; }
Changes forgets(const Frame& first, const std::string& state, long long packets, long long answers) {
  const std::string flow = flow_of(first);
  return Changes{} + Changes{{flow + " " + state, -1}, {flow + " packets", -packets}, {flow + " answers", -answers}};
}
Changes turns(const Frame& first, const std::string& before, const std::string& after) {
  return {{flow_of(first) + " " + before, -1}, {flow_of(first) + " " + after, 1}};
}

}  // namespace weft::test

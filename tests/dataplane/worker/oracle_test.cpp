// Random packets against the slow twin (DESIGN D13): a pipeline that is written from the Deployment and the linear
// oracle of the rules, with a std::map for connections and not one line of the engine's.
#include <gtest/gtest.h>

#include <tuple>

#include "dataplane/policy/oracle.hpp"
#include "tests/dataplane/worker/guests6.hpp"
#include "tests/sanitized.hpp"

namespace weft::test {
namespace {

struct Outcome {
  std::string receiver;                 // empty: nobody
  std::optional<DropReason> reason;
  bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  return out << (outcome.reason ? std::string(name(*outcome.reason)) : "to " + outcome.receiver);
}

/// One side's memory of a connection, as EC2 keeps it: at each ENI for itself.
struct Memory {
  bool tracked = false;
  unsigned version = 0;  // of the rules it was judged by
};

class SlowFabric {
 public:
  void apply(const Deployment& deployment) {
    deployment_ = deployment;
    ++version_;
  }

  /// TCP or UDP of either family from a guest. The hop's ends are the guests themselves: every address is its guest's own here.
  Outcome send(const std::string& from, const PacketTuple& packet) {
    const Eni& source = deployment_.find_instance(from)->enis[0];
    if (!source.owns(packet.source)) return {"", DropReason::kSpoofedIp};
    const Instance* receiver = nullptr;
    for (const Instance& instance : deployment_.instances)
      if (instance.enis[0].owns(packet.destination)) receiver = &instance;

    Memory* egress_memory = remembered(from, packet);
    GateVerdict egress = judge(egress_memory, source, Direction::kEgress, packet);
    if (!egress.allowed) return {"", DropReason::kGroupEgress};
    if (receiver == nullptr)
      return {"", in_vpc(packet.destination) ? DropReason::kNoSuchAddress : DropReason::kNoRoute};
    Memory* ingress_memory = remembered(receiver->name, packet);
    GateVerdict ingress = judge(ingress_memory, receiver->enis[0], Direction::kIngress, packet);
    if (!ingress.allowed) return {"", DropReason::kGroupIngress};
    memories_[key(from, packet)] = {egress.tracked, version_};
    memories_[key(receiver->name, packet)] = {ingress.tracked, version_};
    return {receiver->name, std::nullopt};
  }

 private:
  bool in_vpc(const IpAddress& ip) const {
    return deployment_.vpc_cidr.contains(ip) || deployment_.vpc_ipv6_cidr->contains(ip);
  }
  using Key = std::tuple<std::string, IpAddress, std::uint16_t, IpAddress, std::uint16_t, std::uint8_t>;

  static Key key(const std::string& guest, const PacketTuple& p) {
    const auto one = std::make_pair(p.source, p.source_port), two = std::make_pair(p.destination, p.destination_port);
    const auto& low = std::min(one, two);
    const auto& high = std::max(one, two);
    return {guest, low.first, low.second, high.first, high.second, p.protocol};
  }
  Memory* remembered(const std::string& guest, const PacketTuple& packet) {
    const auto found = memories_.find(key(guest, packet));
    return found == memories_.end() ? nullptr : &found->second;
  }
  GateVerdict judge(const Memory* memory, const Eni& eni, Direction direction, const PacketTuple& packet) const {
    // A flow is what its first packet made it; its answers do not turn an untracked flow into a tracked one.
    if (memory != nullptr && (memory->tracked || memory->version == version_)) return {true, memory->tracked};
    return oracle_evaluate(deployment_, eni, direction, packet);  // an untracked verdict ends with its rules
  }

  Deployment deployment_;
  unsigned version_ = 0;
  std::map<Key, Memory> memories_;
};

class RandomNetwork {
 public:
  explicit RandomNetwork(std::uint32_t seed) : policy_(seed), random_(seed) {}

  /// Random rules; always the same guests, so that connections live over changes.
  Deployment deployment() {
    Deployment made = policy_.deployment();
    std::vector<std::string> names;
    for (SecurityGroup& group : made.security_groups) {  // more that pass than the random rules alone allow
      names.push_back(group.name);
      if (below(2) == 0) group.egress.push_back(all(cidr("0.0.0.0/0")));
      if (below(2) == 0) group.egress.push_back(all(cidr("::/0")));
      if (below(2) == 0) group.ingress.push_back(rule(kUdp, 0, static_cast<int>(below(8)), cidr("fd00::/64")));
      if (below(3) == 0) group.ingress.push_back(rule(kTcp, 0, static_cast<int>(below(8)), cidr("10.0.0.0/16")));
    }
    made.instances = four_guests({});
    made.available_enis.clear();  // it could have an address of theirs
    for (Instance& instance : made.instances)
      for (unsigned n = below(3); n > 0; --n)
        instance.enis[0].security_groups.push_back(names[below(static_cast<unsigned>(names.size()))]);
    // fd00::1:N, as the random rules have them; c has a delegated prefix too.
    for (std::size_t i = 0; i < made.instances.size(); ++i)
      made.instances[i].enis[0].ipv6_addresses = {ip("fd00::1:" + std::to_string(4 + i))};
    made.instances[2].enis[0].prefixes = {*IpPrefix::parse("fd00:0:0:0:c::/80")};
    made.vpc_ipv6_cidr = *IpPrefix::parse("fd00::/56");
    for (Subnet& subnet : made.subnets) subnet.ipv6_cidr = *IpPrefix::parse("fd00::/64");
    return made;
  }

  PacketTuple packet(const Deployment& deployment, const std::string& from) {
    if (below(2) == 0) return packet6(deployment, from);
    PacketTuple tuple;
    tuple.source = deployment.find_instance(from)->enis[0].private_ip;
    if (below(30) == 0) tuple.source = ip("10.0.1.77");
    tuple.destination = below(12) == 0 ? ip(below(2) == 0 ? "10.0.1.88" : "192.0.2.1")
                                       : deployment.instances[below(4)].enis[0].private_ip;
    choose_ports(tuple);
    return tuple;
  }

  PacketTuple packet6(const Deployment& deployment, const std::string& from) {
    const auto address_of = [&](const Instance& instance) {
      const Eni& eni = instance.enis[0];
      return !eni.prefixes.empty() && below(3) == 0 ? ip("fd00::c:0:0:" + std::to_string(1 + below(3)))
                                                    : eni.ipv6_addresses[0];
    };
    PacketTuple tuple;
    tuple.source = address_of(*deployment.find_instance(from));
    if (below(30) == 0) tuple.source = ip("fd00::1:77");
    tuple.destination =
        below(12) == 0 ? ip(below(2) == 0 ? "fd00::1:88" : "2001:db8::1") : address_of(deployment.instances[below(4)]);
    choose_ports(tuple);
    return tuple;
  }

  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }

 private:
  void choose_ports(PacketTuple& tuple) {
    tuple.protocol = below(2) == 0 ? kTcp : kUdp;
    tuple.source_port = static_cast<std::uint16_t>(below(8));  // few, so that answers and connections meet
    tuple.destination_port = static_cast<std::uint16_t>(below(8));
  }

  RandomPolicy policy_;
  std::mt19937 random_;
};

Frame frame_of(const Path& path, const PacketTuple& tuple) {
  const bool four = tuple.source.is_v4();
  if (tuple.protocol == kTcp) {
    return four ? tcp(path, tuple.source_port, tuple.destination_port, TcpHeader::kAck)
                : tcp6(path, tuple.source_port, tuple.destination_port, TcpHeader::kAck);
  }
  return four ? udp(path, tuple.source_port, tuple.destination_port)
              : udp6(path, tuple.source_port, tuple.destination_port);
}

class SlowTwin : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(SlowTwin, AgreesOnEveryPacketOverChangingRules) {
  RandomNetwork random(GetParam());
  Deployment deployment = random.deployment();
  Fabric fabric(deployment);
  SlowFabric slow;
  slow.apply(deployment);
  const std::vector<std::string> guests = {"a", "b", "c", "d"};
  std::uint64_t delivered = 0, refused = 0, delivered6 = 0;
  for (int step = 0; step < 3000; ++step) {
    if (random.below(200) == 0) {
      deployment = random.deployment();
      fabric.apply(deployment);
      slow.apply(deployment);
    }
    const std::string from = guests[random.below(4)];
    const PacketTuple tuple = random.packet(deployment, from);
    if (tuple.source == tuple.destination) continue;
    Path path = fabric.path_to(from, tuple.destination.to_string());
    path.from = tuple.source.to_string();
    const Frame frame = frame_of(path, tuple);

    const Outcome expected = slow.send(from, tuple);
    fabric.send(from, frame);
    Outcome got;
    for (const std::string& guest : guests)
      if (fabric.receive(guest)) got.receiver += guest;
    const Changes changes = fabric.changes();
    for (std::size_t i = 0; i < kDropReasons; ++i)
      if (changes.contains(from + "." + std::string(kDropNames[i]))) got.reason = static_cast<DropReason>(i);
    ++(got.reason ? refused : tuple.source.is_v4() ? delivered : delivered6);
    ASSERT_EQ(got, expected) << "step " << step << ": " << from << " sends " << tuple.source.to_string() << ":"
                             << tuple.source_port << " > " << tuple.destination.to_string() << ":"
                             << tuple.destination_port << " protocol " << int{tuple.protocol};
  }
  EXPECT_TRUE(fabric.engine().balance().holds());
  EXPECT_GT(refused, 100U);  // else the random policies test nothing
  EXPECT_GT(delivered, 60U);
  EXPECT_GT(delivered6, 60U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SlowTwin, ::testing::Range(1U, 1 + seeds(4, 2)));

}  // namespace
}  // namespace weft::test

// The engine's flow logs against a plain twin: a list of (packet, what became of it), summed up by hand.
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <sstream>

#include "tests/dataplane/worker/guests6.hpp"
#include "tests/dataplane/worker/logged_fabric.hpp"

namespace weft::test {
namespace {

const std::string kOracleFormat =
    "${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} "
    "${action} ${tcp-flags} ${flow-direction} ${log-status}";

using Random = std::mt19937_64;

struct Packet {
  std::string from;  // guest
  std::string source, destination;
  unsigned source_port = 0, destination_port = 0, protocol = 0, flags = 0;
  bool ipv6 = false;
  Frame frame;
};

struct Sum {
  std::uint64_t packets = 0, bytes = 0, start = 0, end = 0;
  unsigned flags = 0;
};

/// One record's sum for each line there should be; the words before and after the sums are the key, and which of the
/// ENIs it is that had the name one after the other.
class Twin {
 public:
  void gone(const std::string& eni) { ++generations_[eni]; }
  void add(const std::string& eni, const Packet& packet, const char* action, const char* direction) {
    std::ostringstream key;
    key << generations_[eni] << "# " << eni << ' ' << packet.source << ' ' << packet.destination << ' ' << packet.source_port << ' '
        << packet.destination_port << ' ' << packet.protocol << " | " << action << ' ' << direction;
    Sum& sum = sums_[key.str()];
    const std::uint64_t now = Fabric::now_ns() / 1'000'000'000;
    if (sum.packets++ == 0) sum.start = now;
    sum.end = now;
    sum.bytes += packet.frame.size() - 14;
    if (packet.protocol != 6) return;
    sum.flags |= packet.flags & 7;
    if ((packet.flags & 2) != 0) sum.flags |= packet.flags & 16;
    sum.flags &= 1 | 2 | 4 | 16;
  }
  /// As lines, in any order.
  std::multiset<std::string> lines() {
    std::multiset<std::string> lines;
    for (const auto& [key, sum] : sums_) {
      const std::size_t bar = key.find(" | ");
      const std::string way = key.substr(bar + 3);
      std::ostringstream line;
      const std::size_t begin = key.find("# ") + 2;
      line << key.substr(begin, bar - begin) << ' ' << sum.packets << ' ' << sum.bytes << ' ' << sum.start << ' ' << sum.end << ' '
           << way.substr(0, way.find(' ')) << ' ' << sum.flags << ' ' << way.substr(way.find(' ') + 1) << " OK";
      lines.insert(line.str());
    }
    sums_.clear();
    return lines;
  }

 private:
  std::map<std::string, Sum> sums_;
  std::map<std::string, int> generations_;
};

std::vector<RuleDeclaration> random_rules(Random& random) {
  std::vector<RuleDeclaration> rules;
  for (auto n = random() % 4; n != 0; --n) {
    const bool ipv6 = random() % 3 == 0;
    const RulePeer peer = cidr(ipv6 ? "::/0" : random() % 2 == 0 ? "0.0.0.0/0" : "10.0.1.0/29");
    switch (random() % 4) {
      case 0: rules.push_back(all(peer)); break;
      case 1: rules.push_back(rule(kTcp, 80, static_cast<int>(80 + random() % 3), peer)); break;
      case 2: rules.push_back(rule(kUdp, 0, static_cast<int>(random() % 200), peer)); break;
      default: rules.push_back(rule(ipv6 ? kIcmpv6 : kIcmp, -1, -1, peer)); break;
    }
  }
  return rules;
}

Deployment random_vpc(Random& random) {
  std::vector<SecurityGroup> groups;
  for (const char* name : {"g", "h"}) groups.push_back(make_group(name, random_rules(random), random_rules(random)));
  std::vector<Instance> guests = four_guests({"g"});
  for (Instance& one : guests)
    if (random() % 2 == 0) one.enis[0].security_groups = {"g", "h"};
  if (random() % 3 == 0) guests.erase(guests.begin() + static_cast<std::ptrdiff_t>(1 + random() % 3));
  Deployment deployment = dual_stack(std::move(groups), std::move(guests));
  if (random() % 2 == 0)
    add_acl(deployment, "far", {deny(10, kTcp, 81, 81), allow(100), allow(101, kAllProtocols, -1, -1, "::/0")},
            {deny(10, kUdp, 0, 40), allow(100), allow(101, kAllProtocols, -1, -1, "::/0")});
  return deployment;
}

Packet random_packet(Random& random, const Fabric& fabric) {
  const std::vector<Instance>& guests = fabric.deployment().instances;
  Packet packet;
  packet.from = guests[random() % guests.size()].name;
  const std::string to = std::string(1, "abcd"[random() % 4]);
  packet.ipv6 = random() % 3 == 0;
  const bool there = fabric.deployment().find_instance(to) != nullptr;
  const std::string nowhere = packet.ipv6 ? "2001:db8:0:1::77" : "10.0.1.77";
  const std::string to_address = !there ? nowhere : packet.ipv6 ? address6(to) : fabric.address(to);
  const Path path =
      packet.ipv6 ? path_to6(fabric, packet.from, to_address) : fabric.path_to(packet.from, to_address);
  packet.source = path.from;
  packet.destination = path.to;
  const auto payload = static_cast<std::size_t>(random() % 1200);
  const auto port = [&] { return static_cast<std::uint16_t>(random() % 2 == 0 ? 80 + random() % 3 : random() % 60); };
  const std::uint16_t from_port = port(), to_port = port();
  switch (random() % 3) {
    case 0: {
      const std::uint8_t flags[] = {2, 18, 16, 24, 17, 4, 20};
      packet.flags = flags[random() % 7];
      packet.protocol = 6;
      const auto bits = static_cast<std::uint8_t>(packet.flags);
      packet.frame = packet.ipv6 ? tcp6(path, from_port, to_port, bits, payload) : tcp(path, from_port, to_port, bits, payload);
      break;
    }
    case 1:
      packet.protocol = 17;
      packet.frame = packet.ipv6 ? udp6(path, from_port, to_port, payload) : udp(path, from_port, to_port, payload);
      break;
    default:
      packet.protocol = packet.ipv6 ? kIcmpv6 : kIcmp;
      packet.frame = packet.ipv6 ? icmp6(path, static_cast<std::uint8_t>(128 + random() % 2), 0, 7)
                                 : icmp(path, static_cast<std::uint8_t>(random() % 2 * 8), 0, 7);
      return packet;
  }
  packet.source_port = from_port;
  packet.destination_port = to_port;
  return packet;
}

std::string guest_of(const Fabric& fabric, const std::string& address) {
  for (const Instance& guest : fabric.deployment().instances)
    if (guest.enis[0].owns(ip(address))) return guest.name;
  return "";
}

/// What became of it is read from the counters and from the receiver's port, never from the rules.
void judge_by_its_fate(Twin& twin, Fabric& fabric, const Packet& packet) {
  fabric.counter_changes();
  fabric.send(packet.from, packet.frame);
  const Changes changes = fabric.counter_changes();
  const std::string to = guest_of(fabric, packet.destination);
  const bool delivered = !to.empty() && fabric.receive(to).has_value();
  const auto was = [&](const char* reason) { return changes.contains(packet.from + "." + reason); };
  const std::string sender = "eni-" + packet.from, receiver = "eni-" + to;
  if (was("group-egress") || was("acl-egress")) return twin.add(sender, packet, "REJECT", "egress");
  if (was("malformed")) return;  // to itself: no gate has seen it
  const bool rejected = was("group-ingress") || was("acl-ingress");
  if (!delivered && !rejected && !was("no-such-address")) {
    ADD_FAILURE() << "what became of it? " << (changes.empty() ? "" : changes.begin()->first);
    return;
  }
  twin.add(sender, packet, "ACCEPT", "egress");
  if (delivered || rejected) twin.add(receiver, packet, delivered ? "ACCEPT" : "REJECT", "ingress");
}

TEST(FlowLogOracle, LinesAreTheSumsOfWhatBecameOfEachPacket) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  Random random(seed);
  LoggedFabric logged(random_vpc(random), {flow_log("all", kOracleFormat)});
  Twin twin;
  std::size_t lines = 0, rejects = 0;
  for (int interval = 0; interval < 30; ++interval) {
    for (auto changes = random() % 4; changes != 0; --changes) {
      for (auto packets = random() % 80; packets != 0; --packets) {
        judge_by_its_fate(twin, logged.fabric, random_packet(random, logged.fabric));
        Fabric::advance_ms(random() % 300);
      }
      logged.apply(random_vpc(random));
      for (const char* guest : {"a", "b", "c", "d"})
        if (logged.fabric.deployment().find_instance(guest) == nullptr) twin.gone(std::string("eni-") + guest);
    }
    const Lines got = logged.traffic("all");
    lines += got.size();
    for (const std::string& line : got) rejects += line.find("REJECT") != std::string::npos ? 1 : 0;
    ASSERT_EQ(std::multiset<std::string>(got.begin(), got.end()), twin.lines()) << "interval " << interval;
  }
  EXPECT_GT(lines, 100U);
  EXPECT_GT(rejects, 20U);
}

}  // namespace
}  // namespace weft::test

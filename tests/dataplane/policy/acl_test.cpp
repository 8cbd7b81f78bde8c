// Network ACLs (facts ec2 2.6, statement 27): tables of checkable lines, and the compiled ACL in step with its linear
// twin on random entries and packets. A failure prints the seed; WEFT_SEED=<seed> starts there.
#include "dataplane/policy/acl.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "dataplane/model/describe.hpp"
#include "dataplane/policy/acl_oracle.hpp"
#include "tests/dataplane/policy/fixtures.hpp"

namespace weft {
namespace {

using namespace test;

AclEntryDeclaration entry(int number, bool allow, int protocol, int from, int to, const std::string& cidr_text) {
  AclEntryDeclaration made;
  made.rule_number = number;
  made.allow = allow;
  made.protocol = protocol;
  made.from_port = from;
  made.to_port = to;
  made.cidr = prefix(cidr_text);
  return made;
}
AclEntryDeclaration everything(int number, bool allow, const std::string& cidr_text = "0.0.0.0/0") {
  return entry(number, allow, kAllProtocols, -1, -1, cidr_text);
}

Deployment with_acl(std::vector<AclEntryDeclaration> ingress, std::vector<AclEntryDeclaration> egress) {
  Deployment deployment = make_deployment({}, {});
  deployment.network_acls.push_back({"acl-1", "web", false, std::move(ingress), std::move(egress)});
  deployment.subnets[0].network_acl = "web";
  return deployment;
}

AclVerdict ask(const Deployment& deployment, Direction direction, const PacketTuple& tuple) {
  const AclPolicy policy = AclPolicy::compile(deployment);
  const AclVerdict compiled = policy.decide(policy.of_subnet(0), direction, tuple);
  EXPECT_EQ(compiled, oracle_acl(deployment, deployment.subnets[0], direction, tuple));
  EXPECT_EQ(policy.allows(policy.of_subnet(0), direction, tuple), compiled.allowed);
  return compiled;
}

struct AclCase {
  const char* description;
  std::vector<AclEntryDeclaration> ingress;
  PacketTuple packet;
  AclVerdict verdict;
};

TEST(Acl, DecidesByTheFirstEntryThatMatches) {
  const PacketTuple web = packet("10.0.2.4", "10.0.1.4", kTcp, 80);
  const PacketTuple ping = packet("10.0.2.4", "10.0.1.4", kIcmp, icmp(8, 0));
  const PacketTuple too_big = packet("10.0.2.4", "10.0.1.4", kIcmp, icmp(3, 4));
  const PacketTuple v6_ping = packet("fd00::1", "fd00::2", kIcmpv6, icmp(128, 0));
  const AclVerdict implicit{.allowed = false, .rule_number = {}};
  const AclCase cases[] = {
      {"no entry: denied", {}, web, implicit},
      {"statement 27: 90 denies before 100 allows",
       {entry(90, false, kTcp, 80, 80, "0.0.0.0/0"), everything(100, true)},
       web,
       {false, 90}},
      {"the order is that of the numbers, not of the file",
       {everything(100, true), entry(90, false, kTcp, 80, 80, "0.0.0.0/0")},
       web,
       {false, 90}},
      {"another port goes on to 100",
       {entry(90, false, kTcp, 81, 90, "0.0.0.0/0"), everything(100, true)},
       web,
       {true, 100}},
      {"another protocol goes on",
       {entry(90, false, kUdp, 80, 80, "0.0.0.0/0"), everything(100, true)},
       web,
       {true, 100}},
      {"another source goes on", {everything(90, false, "10.0.3.0/24"), everything(100, true)}, web, {true, 100}},
      {"the first and the last port of a range", {entry(10, true, kTcp, 80, 80, "10.0.2.4/32")}, web, {true, 10}},
      {"other protocols have all ports",
       {entry(10, true, kGre, 1, 1, "0.0.0.0/0")},
       packet("10.0.2.4", "10.0.1.4", kGre, 0),
       {true, 10}},
      {"ICMP by type and code", {entry(10, true, kIcmp, 3, 4, "0.0.0.0/0")}, too_big, {true, 10}},
      {"another type", {entry(10, true, kIcmp, 3, 4, "0.0.0.0/0")}, ping, implicit},
      {"another code", {entry(10, true, kIcmp, 3, 1, "0.0.0.0/0")}, too_big, implicit},
      {"any code", {entry(10, true, kIcmp, 3, -1, "0.0.0.0/0")}, too_big, {true, 10}},
      {"any type", {entry(10, true, kIcmp, -1, -1, "0.0.0.0/0")}, ping, {true, 10}},
      {"58 with an IPv4 CIDR is all ICMP, whatever type it says",
       {entry(10, true, kIcmpv6, 128, 0, "0.0.0.0/0")},
       too_big,
       {true, 10}},
      {"58 with an IPv6 CIDR has type and code", {entry(10, true, kIcmpv6, 128, 0, "::/0")}, v6_ping, {true, 10}},
      {"and another type does not match", {entry(10, true, kIcmpv6, 129, 0, "::/0")}, v6_ping, implicit},
      {"the families are apart: IPv4", {everything(10, true, "::/0")}, web, implicit},
      {"the families are apart: IPv6", {everything(10, true)}, v6_ping, implicit},
      {"the highest number", {everything(32766, true)}, web, {true, 32766}},
  };
  for (const AclCase& c : cases)
    EXPECT_EQ(ask(with_acl(c.ingress, {}), Direction::kIngress, c.packet), c.verdict) << c.description;
}

// Statement 27, second half: no state. The reply is judged by the egress entries, where its port is ephemeral.
TEST(Acl, LetsNoReplyPassByState) {
  const Deployment deployment = with_acl({everything(100, true)}, {entry(100, true, kTcp, 443, 443, "0.0.0.0/0")});
  EXPECT_TRUE(ask(deployment, Direction::kIngress, packet("10.0.2.4", "10.0.1.4", kTcp, 80)).allowed);
  EXPECT_FALSE(ask(deployment, Direction::kEgress, packet("10.0.1.4", "10.0.2.4", kTcp, 40000)).allowed);
  const Deployment ephemeral = with_acl({everything(100, true)}, {entry(100, true, kTcp, 32768, 61000, "0.0.0.0/0")});
  EXPECT_TRUE(ask(ephemeral, Direction::kEgress, packet("10.0.1.4", "10.0.2.4", kTcp, 40000)).allowed);
}

TEST(Acl, LooksAtTheDestinationOfWhatLeaves) {
  const Deployment deployment = with_acl({}, {everything(10, false, "10.0.2.0/24"), everything(20, true)});
  EXPECT_EQ(ask(deployment, Direction::kEgress, packet("10.0.1.4", "10.0.2.4", kTcp, 80)), (AclVerdict{false, 10}));
  EXPECT_EQ(ask(deployment, Direction::kEgress, packet("10.0.2.4", "10.0.3.4", kTcp, 80)), (AclVerdict{true, 20}));
}

TEST(Acl, IsOpenWhenNothingOfAFamilyCanBeDenied) {
  const auto open = [](const Deployment& deployment, bool ipv6) {
    const AclPolicy policy = AclPolicy::compile(deployment);
    return policy.open(policy.of_subnet(0), ipv6);
  };
  const Deployment v4 = with_acl({everything(100, true)}, {everything(100, true)});
  EXPECT_TRUE(open(v4, false));
  EXPECT_FALSE(open(v4, true));
  const Deployment both = with_acl({everything(100, true), everything(101, true, "::/0")},
                                   {everything(100, true), everything(101, true, "::/0")});
  EXPECT_TRUE(open(both, false));
  EXPECT_TRUE(open(both, true));
  EXPECT_FALSE(open(with_acl({everything(100, true)}, {}), false)) << "one direction is not both";
  EXPECT_FALSE(open(
      with_acl({entry(9, false, kTcp, 1, 1, "10.0.0.0/8"), everything(100, true)}, {everything(100, true)}), false));
  EXPECT_TRUE(open(with_acl({everything(100, true), everything(101, false)}, {everything(100, true)}), false))
      << "what comes behind decides nothing";
  EXPECT_TRUE(open(make_deployment({}, {}), false)) << "a subnet without an ACL";
}

class RandomAcls {
 public:
  explicit RandomAcls(std::uint32_t seed) : random_(seed) {}
  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }

  Deployment deployment() {
    Deployment made = make_deployment({}, {});
    for (int i = 0; i < 3; ++i)
      made.network_acls.push_back({"acl-" + std::to_string(i), std::to_string(i), false, entries(), entries()});
    made.subnets[0].network_acl = std::to_string(below(3));
    made.subnets[1].network_acl = std::to_string(below(3));
    return made;
  }
  IpAddress address() {
    if (below(4) == 0) return ip("fd00::" + std::to_string(below(3)) + ":" + std::to_string(below(4)));
    return ip("10.0." + std::to_string(below(3)) + "." + std::to_string(below(4)));
  }
  PacketTuple tuple() {
    const std::uint8_t chosen = protocol();
    const bool typed = chosen == kIcmp || chosen == kIcmpv6;
    return {address(), address(), chosen, static_cast<std::uint16_t>(below(65536)),
            static_cast<std::uint16_t>(typed ? icmp(static_cast<int>(below(4)), static_cast<int>(below(3))) : port())};
  }

 private:
  std::uint8_t protocol() {
    constexpr std::uint8_t kChoices[] = {kTcp, kTcp, kUdp, kUdp, kIcmp, kIcmpv6, kGre, 0, 255};
    return kChoices[below(std::size(kChoices))];
  }
  int port() { return below(8) == 0 ? (below(2) == 0 ? 0 : 65535) : static_cast<int>(below(8)); }
  std::string cidr_text() {
    switch (below(5)) {
      case 0: return "0.0.0.0/0";
      case 1: return "::/0";
      case 2: return "fd00::" + std::to_string(below(3)) + ":0/" + std::to_string(108 + below(21));
      default:
        return "10.0." + std::to_string(below(3)) + "." + std::to_string(below(4)) + "/" +
               std::to_string(20 + below(13));
    }
  }
  std::vector<AclEntryDeclaration> entries() {
    std::vector<AclEntryDeclaration> made;
    std::set<int> numbers;
    for (unsigned n = below(10); n > 0; --n) numbers.insert(1 + static_cast<int>(below(32766)));
    for (const int number : numbers) {
      const std::uint8_t chosen = protocol();
      if (below(4) == 0) {
        made.push_back(everything(number, below(2) == 0, cidr_text()));
      } else if (chosen == kIcmp || chosen == kIcmpv6) {
        const int type = static_cast<int>(below(5)) - 1;
        made.push_back(
            entry(number, below(2) == 0, chosen, type, type < 0 ? -1 : static_cast<int>(below(4)) - 1, cidr_text()));
      } else {
        const int from = port();
        made.push_back(entry(number, below(2) == 0, chosen, from, std::max(from, port()), cidr_text()));
      }
    }
    std::shuffle(made.begin(), made.end(), random_);
    return made;
  }
  std::mt19937 random_;
};

TEST(Acl, AgreesWithTheOracleOnRandomEntries) {
  const char* start = std::getenv("WEFT_SEED");
  const auto first = static_cast<std::uint32_t>(start != nullptr ? std::strtoul(start, nullptr, 0) : 1);
  long allowed = 0, denied = 0, implicit = 0, open = 0;
  for (std::uint32_t seed = first; seed < first + 3'000; ++seed) {
    RandomAcls random(seed);
    const Deployment deployment = random.deployment();
    const AclPolicy policy = AclPolicy::compile(deployment);
    for (int i = 0; i < 30; ++i) {
      const PacketTuple tuple = random.tuple();
      const unsigned subnet = random.below(2);
      for (const Direction direction : {Direction::kEgress, Direction::kIngress}) {
        const AclVerdict verdict = policy.decide(policy.of_subnet(subnet), direction, tuple);
        ASSERT_EQ(verdict, oracle_acl(deployment, deployment.subnets[subnet], direction, tuple))
            << "seed " << seed << " " << direction_name(direction) << " " << tuple.source.to_string() << " > "
            << tuple.destination.to_string() << " " << int{tuple.protocol} << " " << tuple.destination_port;
        const bool v6 = !(direction == Direction::kEgress ? tuple.destination : tuple.source).is_v4();
        if (policy.open(policy.of_subnet(subnet), v6)) {
          ASSERT_TRUE(verdict.allowed) << "seed " << seed;
          ++open;
        }
        (verdict.allowed ? allowed : verdict.rule_number ? denied : implicit) += 1;
      }
    }
  }
  EXPECT_GT(allowed, 10'000);
  EXPECT_GT(denied, 10'000);
  EXPECT_GT(implicit, 10'000);
  EXPECT_GT(open, 100);
}

}  // namespace
}  // namespace weft

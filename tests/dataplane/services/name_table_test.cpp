// The table of names against a slow and obvious twin, and its corners.
#include "dataplane/services/name_table.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/dataplane/services/world.hpp"

namespace weft::services::name_table_test {
namespace {

std::string numbered(std::string prefix, std::size_t number) { return prefix.append(std::to_string(number)); }

std::string wire(const std::string& text) {
  Name name;
  EXPECT_TRUE(to_wire(text, name)) << text;
  return std::string(name.view());
}

/// What name has which addresses: straight from the list of hosts, the first claim first.
std::optional<std::vector<IpAddress>> oracle(const std::vector<NamedHost>& hosts, const std::string& name) {
  for (const NamedHost& host : hosts) {
    if (name == host.id + ".ec2.internal") return host.addresses;
    for (const auto* list : {&host.addresses, &host.secondary})
      for (const IpAddress& a : *list)
        if (a.is_v4() && name == address_label(a.v4()) + ".ec2.internal") return std::vector{a};
  }
  for (const NamedHost& host : hosts)
    if (name == host.name || name == host.name + ".ec2.internal") return host.addresses;
  return std::nullopt;
}
std::string pointer_oracle(const std::vector<NamedHost>& hosts, const IpAddress& address) {
  for (const NamedHost& host : hosts)
    for (const auto* list : {&host.addresses, &host.secondary})
      for (const IpAddress& a : *list)
        if (a == address) return (a.is_v4() ? address_label(a.v4()) : host.id) + ".ec2.internal";
  return "";
}

TEST(NameTableRandom, FindsWhatTheObviousTwinFinds) {
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::vector<IpPrefix> cidrs{prefix("10.0.0.0/16"), prefix("2001:db8:1::/56")};
  for (int round = 0; round < 30; ++round) {
    std::vector<NamedHost> hosts;
    const auto v4 = [&] { return IpAddress::from({0x0a000000 + static_cast<std::uint32_t>(random() % 300)}); };
    const auto v6 = [&] {
      IpAddress a = ip("2001:db8:1::");
      a.octets[15] = static_cast<std::uint8_t>(random() % 50);
      return a;
    };
    for (unsigned i = 0, count = random() % 60; i < count; ++i) {
      NamedHost host{numbered("n", random() % 80), numbered("i-", random() % 80), {v4()}, {}};
      if (random() % 2 == 0) host.addresses.push_back(v6());
      for (unsigned more = random() % 3; more > 0; --more) host.secondary.push_back(v4());
      hosts.push_back(host);
    }
    const NameTable table("ec2.internal", cidrs, hosts);
    for (int question = 0; question < 300; ++question) {
      const std::size_t number = random() % 90;
      const IpAddress address = random() % 2 == 0 ? v4() : v6();
      const std::string names[] = {numbered("n", number),
                                   numbered("n", number) + ".ec2.internal",
                                   numbered("i-", number) + ".ec2.internal",
                                   address_label(v4().v4()) + ".ec2.internal",
                                   numbered("i-", number),
                                   numbered("x", number) + ".ec2.internal"};
      const std::string& name = names[random() % std::size(names)];
      const auto expected = oracle(hosts, name);
      const auto found = table.find(wire(name));
      ASSERT_EQ(found.kind, expected ? NameTable::Kind::kName : NameTable::Kind::kNoName) << name;
      const std::vector given(found.addresses.begin(), found.addresses.end());
      ASSERT_EQ(given, expected.value_or(std::vector<IpAddress>{})) << name;

      const std::string pointer = pointer_oracle(hosts, address);
      const auto reverse = table.find(reverse_name(IpPrefix{address, 128}));
      ASSERT_EQ(std::string(reverse.pointer), pointer.empty() ? "" : wire(pointer)) << address.to_string();
      ASSERT_EQ(reverse.kind, pointer.empty() ? NameTable::Kind::kNoName : NameTable::Kind::kName);
    }
  }
}

TEST(NameTable, AUsersNameDoesNotTakeEc2s) {
  const std::vector<NamedHost> hosts{{"ip-10-0-0-5", "i-1", {ip("10.0.0.4")}, {}}, {"b", "i-2", {ip("10.0.0.5")}, {}}};
  const NameTable table("ec2.internal", {}, hosts);
  EXPECT_EQ(table.find(wire("ip-10-0-0-5.ec2.internal")).addresses[0], ip("10.0.0.5"));
}

TEST(NameTable, NamesThatTheDnsCannotHoldAreLeftOutAndCounted) {
  const std::vector<NamedHost> hosts{{std::string(64, 'a'), "i-1", {ip("10.0.0.4")}, {}},
                                     {"a..b", "i-2", {ip("10.0.0.5")}, {}}};
  const NameTable table("ec2.internal", {}, hosts);
  EXPECT_EQ(table.left_out(), 4U);
  EXPECT_EQ(table.find(wire("i-1.ec2.internal")).addresses.size(), 1U);
}

TEST(NameTable, OfSeveralDomainsTheFirstIsTheZone) {
  const std::vector<NamedHost> hosts{{"a", "i-1", {ip("10.0.0.4")}, {}}};
  const NameTable table("corp.example other.example", {}, hosts);
  EXPECT_EQ(table.find(wire("a.corp.example")).kind, NameTable::Kind::kName);
  EXPECT_EQ(table.find(wire("a.other.example")).kind, NameTable::Kind::kForeign);
  const NameTable none("", {}, hosts);
  EXPECT_EQ(none.find(wire("a")).kind, NameTable::Kind::kName);
  EXPECT_EQ(none.find(wire("b.c")).kind, NameTable::Kind::kForeign);
}

TEST(NameTable, ReverseNamesAreReadBackAsWritten) {
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 2000; ++i) {
    IpAddress address;
    for (auto& octet : address.octets) octet = static_cast<std::uint8_t>(random());
    if (i % 2 == 0) address = IpAddress::from({static_cast<std::uint32_t>(random())});
    const unsigned step = address.is_v4() ? 8 : 4, parts = address.is_v4() ? 4 : 32;
    const auto length = static_cast<std::uint8_t>((address.is_v4() ? 96 : 0) + step * (random() % (parts + 1)));
    const IpPrefix wanted = IpPrefix::make(address, length);
    ASSERT_EQ(reverse_of(reverse_name(wanted)), wanted) << wanted.to_string();
  }
}

TEST(NameTable, ACidrThatEndsInsideAnOctetHasItsZoneAtTheOctet) {
  const std::vector<IpPrefix> cidrs{prefix("10.0.64.0/18")};
  const std::vector<NamedHost> hosts{{"a", "i-1", {ip("10.0.64.4")}, {}}};
  const NameTable table("ec2.internal", cidrs, hosts);
  EXPECT_EQ(table.find(reverse_name(prefix("10.0.0.0/16"))).kind, NameTable::Kind::kApex);
  EXPECT_EQ(table.find(reverse_name(prefix("10.0.64.4/32"))).kind, NameTable::Kind::kName);
}

}  // namespace
}  // namespace weft::services::name_table_test

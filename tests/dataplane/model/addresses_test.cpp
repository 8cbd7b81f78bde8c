// Secondary addresses, IPv6 and delegated prefixes (facts ec2 1.3, 1.4, 1.6).
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "dataplane/model/address_pool.hpp"
#include "tests/dataplane/model/build_topology.hpp"

namespace weft::testing {
namespace {

using Mistakes = std::vector<std::string>;

const Eni& eth0(const Deployment& deployment, const std::string& name) {
  return deployment.find_instance(name)->enis[0];
}

TEST(Addresses, statement_1_only_251_of_a_24_can_ever_be_given_out) {
  const IpPrefix block = cidr("10.0.0.0/24");
  for (const char* reserved : {"10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.255", "10.0.1.4"})
    EXPECT_FALSE(is_usable(block, ip(reserved))) << reserved;
  AddressPool pool;
  std::set<IpAddress> given;
  while (std::optional<IpAddress> one = pool.take_lowest(block, "x")) EXPECT_TRUE(given.insert(*one).second);
  EXPECT_EQ(given.size(), 251u);
  EXPECT_EQ(*given.begin(), ip("10.0.0.4"));
  EXPECT_EQ(*given.rbegin(), ip("10.0.0.254"));
  EXPECT_EQ(count_usable(block), "251");
}

TEST(Addresses, of_an_ipv6_64_the_first_four_and_the_last_are_reserved) {
  const IpPrefix block = cidr("2001:db8::/64");
  for (const char* reserved : {"2001:db8::", "2001:db8::3", "2001:db8::ffff:ffff:ffff:ffff", "2001:db8:0:1::4"})
    EXPECT_FALSE(is_usable(block, ip(reserved))) << reserved;
  EXPECT_TRUE(is_usable(block, ip("2001:db8::4")));
  EXPECT_TRUE(is_usable(block, ip("2001:db8::ffff:ffff:ffff:fffe")));
  EXPECT_FALSE(is_usable(block, cidr("2001:db8::/80"))) << "it holds the first four";
  EXPECT_TRUE(is_usable(block, cidr("2001:db8:0:0:1::/80")));
  EXPECT_FALSE(is_usable(block, cidr("2001:db8:0:0:ffff::/80"))) << "it holds the last";
  EXPECT_FALSE(is_usable(block, cidr("2001:db8:0:0:1::/96")));
}

TEST(Addresses, the_search_steps_over_delegated_prefixes) {
  AddressPool pool;
  const IpPrefix v6 = cidr("2001:db8::/64");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(pool.take_lowest_prefix(v6, "p"));
  EXPECT_EQ(pool.take_lowest(v6, "x"), ip("2001:db8::4"));
  const IpPrefix v4 = cidr("10.0.0.0/26");
  EXPECT_EQ(pool.take_lowest_prefix(v4, "p"), cidr("10.0.0.16/28"));
  std::set<IpAddress> given;
  while (std::optional<IpAddress> one = pool.take_lowest(v4, "x")) given.insert(*one);
  EXPECT_EQ(given.size(), 64u - 5 - 16);
  EXPECT_FALSE(given.contains(ip("10.0.0.20")));
  EXPECT_FALSE(pool.take_lowest_prefix(v4, "p")) << "every /28 has an address in use or reserved";
}

// The pool against a plain list of who has each single address.
TEST(Addresses, the_pool_agrees_with_a_plain_list) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const IpPrefix block = cidr("10.0.0.0/25");
    AddressPool pool;
    std::vector<bool> taken(128);
    const auto at = [](std::uint32_t offset) { return IpAddress::from({ip("10.0.0.0").v4().value + offset}); };
    for (int step = 0; step < 150; ++step) {
      const std::uint32_t offset = random() % 128;
      switch (random() % 4) {
        case 0: {
          EXPECT_EQ(pool.take(at(offset), "x"), !taken[offset]);
          taken[offset] = true;
          break;
        }
        case 1: {
          const std::uint32_t start = offset & ~15u;
          bool free = true;
          for (std::uint32_t i = start; i < start + 16; ++i) free &= !taken[i];
          EXPECT_EQ(pool.take(IpPrefix::make(at(start), 124), "x"), free);
          if (free) std::fill_n(taken.begin() + start, 16, true);
          break;
        }
        case 2: {
          std::uint32_t lowest = 4;
          while (lowest < 127 && taken[lowest]) ++lowest;
          const std::optional<IpAddress> got = pool.take_lowest(block, "x");
          ASSERT_EQ(got.has_value(), lowest < 127);
          if (got) {
            EXPECT_EQ(*got, at(lowest));
            taken[lowest] = true;
          }
          break;
        }
        default: EXPECT_EQ(pool.holder(at(offset)) != nullptr, taken[offset]); break;
      }
    }
  }
}

TEST(Addresses, listed_and_counted_ones_come_and_stay) {
  Topology topology = dual_stack();
  topology.instances = {instance("x"), instance("y")};
  InterfaceDeclaration& x = topology.instances[0].interfaces[0];
  x.secondary_private_ips = {v4("10.0.1.9"), v4("10.0.1.5")};
  x.ipv6_addresses = {ip("2001:db8:1:101::99")};
  x.ipv4_prefixes = {cidr("10.0.1.32/28")};
  InterfaceDeclaration& y = topology.instances[1].interfaces[0];
  y.secondary_private_ip_count = 2;
  y.ipv6_address_count = 2;
  y.ipv4_prefix_count = 1;
  y.ipv6_prefix_count = 1;
  const Deployment deployment = resolved(topology);
  EXPECT_EQ(eth0(deployment, "x").private_ip, ip("10.0.1.4"));
  EXPECT_EQ(eth0(deployment, "x").secondary_private_ips, (std::vector<IpAddress>{ip("10.0.1.9"), ip("10.0.1.5")}));
  EXPECT_EQ(eth0(deployment, "x").ipv6_addresses, std::vector<IpAddress>{ip("2001:db8:1:101::99")});
  EXPECT_EQ(eth0(deployment, "x").prefixes, std::vector<IpPrefix>{cidr("10.0.1.32/28")});
  EXPECT_TRUE(eth0(deployment, "x").owns(ip("10.0.1.40")));
  EXPECT_EQ(eth0(deployment, "y").private_ip, ip("10.0.1.6"));
  EXPECT_EQ(eth0(deployment, "y").secondary_private_ips, (std::vector<IpAddress>{ip("10.0.1.7"), ip("10.0.1.8")}));
  EXPECT_EQ(eth0(deployment, "y").ipv6_addresses,
            (std::vector<IpAddress>{ip("2001:db8:1:101::4"), ip("2001:db8:1:101::5")}));
  EXPECT_EQ(eth0(deployment, "y").prefixes,
            (std::vector<IpPrefix>{cidr("10.0.1.16/28"), cidr("2001:db8:1:101:1::/80")}));
  EXPECT_TRUE(plan(&deployment, resolved(topology, &deployment)).empty());

  y.secondary_private_ip_count = 1;  // the first stays
  x.secondary_private_ips = {v4("10.0.1.5")};
  const Deployment fewer = resolved(topology, &deployment);
  EXPECT_EQ(fewer.find_instance("y")->id, deployment.find_instance("y")->id) << "while it runs";
  EXPECT_EQ(eth0(fewer, "y").secondary_private_ips, std::vector<IpAddress>{ip("10.0.1.7")});
  EXPECT_EQ(eth0(fewer, "x").secondary_private_ips, std::vector<IpAddress>{ip("10.0.1.5")});
}

TEST(Addresses, statement_9_an_address_that_another_keeps_is_not_moved) {
  Topology topology = small();
  topology.instances = {instance("a"), instance("b")};
  topology.instances[0].interfaces[0].secondary_private_ips = {v4("10.0.1.50")};
  const Deployment before = resolved(topology);
  topology.instances[1].interfaces[0].secondary_private_ips = {v4("10.0.1.50")};
  const Result<Deployment> both = resolve(topology, &before);
  ASSERT_FALSE(both);
  EXPECT_EQ(both.error().code, "InvalidParameterValue");
  EXPECT_EQ(both.error().where.key, "instances[1].interfaces[0].secondary_private_ips[0]");
  EXPECT_NE(both.error().message.find("[10.0.1.50] assigned, but move is not allowed."), std::string::npos);

  topology.instances[0].interfaces[0].secondary_private_ips.clear();  // the file plainly moves it
  const Deployment moved = resolved(topology, &before);
  EXPECT_TRUE(eth0(moved, "a").secondary_private_ips.empty());
  EXPECT_EQ(eth0(moved, "b").secondary_private_ips, std::vector<IpAddress>{ip("10.0.1.50")});

  topology.instances[1].interfaces[0].secondary_private_ips = {v4("10.0.1.4")};  // a's primary
  EXPECT_EQ(mistakes(topology, &before),
            Mistakes{"InvalidParameterValue at instances[1].interfaces[0].secondary_private_ips[0]"});
}

TEST(Addresses, statement_10_an_m5_large_has_ten_slots_an_interface_and_a_prefix_takes_one) {
  Topology topology = small();
  topology.instances = {instance("x")};
  topology.instances[0].type = "m5.large";
  InterfaceDeclaration& interface = topology.instances[0].interfaces[0];
  interface.secondary_private_ip_count = 8;
  interface.ipv4_prefix_count = 1;
  EXPECT_EQ(mistakes(topology), Mistakes{});
  interface.ipv4_prefix_count = 2;
  EXPECT_EQ(mistakes(topology),
            Mistakes{"PrivateIpAddressLimitExceeded at instances[0].interfaces[0].secondary_private_ips"});
  interface.ipv4_prefix_count = 9;
  interface.secondary_private_ip_count = 0;
  EXPECT_EQ(mistakes(topology), Mistakes{}) << "1 primary and 9 prefixes, as of a c5.large in the guide";
  interface.ipv4_prefix_count = 10;
  EXPECT_EQ(mistakes(topology), Mistakes{"PrivateIpAddressLimitExceeded at instances[0].interfaces[0].ipv4_prefixes"});
}

struct Wrong {
  const char* what;
  void (*break_it)(InterfaceDeclaration&);
  const char* mistake;  // the key after instances[0].interfaces[0].
};

const Wrong kWrong[] = {
    {"reserved secondary", [](InterfaceDeclaration& i) { i.secondary_private_ips = {v4("10.0.1.3")}; },
     "InvalidParameterValue secondary_private_ips[0]"},
    {"secondary outside", [](InterfaceDeclaration& i) { i.secondary_private_ips = {v4("10.0.2.5")}; },
     "InvalidParameterValue secondary_private_ips[0]"},
    {"secondary twice",
     [](InterfaceDeclaration& i) {
       i.secondary_private_ips = {v4("10.0.1.9"), v4("10.0.1.9")};
     },
     "InvalidParameterValue secondary_private_ips[1]"},
    {"secondary of another", [](InterfaceDeclaration& i) { i.secondary_private_ips = {v4("10.0.1.200")}; },
     "InvalidIPAddress.InUse secondary_private_ips[0]"},
    {"list and count",
     [](InterfaceDeclaration& i) {
       i.ipv6_addresses = {ip("2001:db8:1:101::9")};
       i.ipv6_address_count = 1;
     },
     "InvalidParameterCombination ipv6_addresses"},
    {"negative count", [](InterfaceDeclaration& i) { i.ipv4_prefix_count = -1; },
     "InvalidParameterValue ipv4_prefixes"},
    {"huge count", [](InterfaceDeclaration& i) { i.secondary_private_ip_count = 2'000'000'000; },
     "PrivateIpAddressLimitExceeded secondary_private_ips"},
    {"prefix of a wrong size", [](InterfaceDeclaration& i) { i.ipv4_prefixes = {cidr("10.0.1.32/27")}; },
     "InvalidParameterValue ipv4_prefixes[0]"},
    {"prefix outside", [](InterfaceDeclaration& i) { i.ipv4_prefixes = {cidr("10.0.9.32/28")}; },
     "InvalidParameterValue ipv4_prefixes[0]"},
    {"prefix over reserved addresses", [](InterfaceDeclaration& i) { i.ipv4_prefixes = {cidr("10.0.1.0/28")}; },
     "InvalidParameterValue ipv4_prefixes[0]"},
    {"prefix over another's address", [](InterfaceDeclaration& i) { i.ipv4_prefixes = {cidr("10.0.1.192/28")}; },
     "InvalidIPAddress.InUse ipv4_prefixes[0]"},
    {"IPv6 prefix over IPv4", [](InterfaceDeclaration& i) { i.ipv4_prefixes = {cidr("2001:db8:1:101:1::/80")}; },
     "InvalidParameterValue ipv4_prefixes[0]"},
    {"IPv6 outside", [](InterfaceDeclaration& i) { i.ipv6_addresses = {ip("2001:db8:1:102::9")}; },
     "InvalidParameterValue ipv6_addresses[0]"},
    {"IPv6 reserved", [](InterfaceDeclaration& i) { i.ipv6_addresses = {ip("2001:db8:1:101::1")}; },
     "InvalidParameterValue ipv6_addresses[0]"},
    {"IPv6 where there is none",
     [](InterfaceDeclaration& i) {
       i.subnet = "b";
       i.ipv6_address_count = 1;
     },
     "InvalidParameterValue ipv6_addresses"},
    {"full subnet",
     [](InterfaceDeclaration& i) {
       i.subnet = "b";
       i.secondary_private_ip_count = 11;
     },
     "InsufficientFreeAddressesInSubnet subnet"},
    {"no room for a prefix",
     [](InterfaceDeclaration& i) {
       i.subnet = "b";
       i.ipv4_prefix_count = 1;
     },
     "InsufficientFreeAddressesInSubnet subnet"},
};

TEST(Addresses, what_is_wrong_is_refused_with_ec2s_code_at_the_key) {
  for (const Wrong& wrong : kWrong) {
    Topology topology = dual_stack();
    topology.instances = {instance("x"), instance("y")};
    topology.instances[1].interfaces[0].private_ip = v4("10.0.1.200");
    wrong.break_it(topology.instances[0].interfaces[0]);
    std::string mistake = wrong.mistake;
    mistake.replace(mistake.find(' '), 1, " at instances[0].interfaces[0].");
    EXPECT_EQ(mistakes(topology), Mistakes{mistake}) << wrong.what;
  }
}

TEST(Addresses, an_ipv6_block_can_come_later_and_go_again) {
  Topology topology = small();
  topology.instances = {instance("x")};
  const Deployment before = resolved(topology);
  topology.vpc.ipv6_cidr = cidr("2001:db8:1:100::/56");
  topology.subnets[0].ipv6_cidr = cidr("2001:db8:1:101::/64");
  topology.instances[0].interfaces[0].ipv6_address_count = 1;
  const Deployment with = resolved(topology, &before);
  EXPECT_EQ(with.instances[0].id, before.instances[0].id);
  EXPECT_EQ(eth0(with, "x").ipv6_addresses, std::vector<IpAddress>{ip("2001:db8:1:101::4")});
  topology.subnets[0].ipv6_cidr = cidr("2001:db8:1:1ff::/64");
  EXPECT_EQ(eth0(resolved(topology, &with), "x").ipv6_addresses, std::vector<IpAddress>{ip("2001:db8:1:1ff::4")});
}

TEST(Addresses, ipv6_blocks_of_vpc_and_subnet_have_their_sizes) {
  Topology topology = dual_stack();
  topology.vpc.ipv6_cidr = cidr("2001:db8:1::/48");
  EXPECT_EQ(mistakes(topology), Mistakes{"InvalidVpcRange at vpc.ipv6_cidr"});
  topology = dual_stack();
  topology.subnets[1].ipv6_cidr = topology.subnets[0].ipv6_cidr;
  topology.subnets[2].ipv6_cidr = cidr("2001:db8:1:100::/60");
  EXPECT_EQ(mistakes(topology), (Mistakes{"InvalidSubnet.Conflict at subnets[1].ipv6_cidr",
                                          "InvalidSubnet.Range at subnets[2].ipv6_cidr"}));
  topology = dual_stack();
  topology.subnets[0].ipv6_cidr = cidr("2001:db8:2:101::/64");
  EXPECT_EQ(mistakes(topology), Mistakes{"InvalidSubnet.Range at subnets[0].ipv6_cidr"});
  topology.vpc.ipv6_cidr.reset();
  EXPECT_EQ(mistakes(topology), Mistakes{"InvalidSubnet.Range at subnets[0].ipv6_cidr"});
}

}  // namespace
}  // namespace weft::testing

// A file that nobody meant well, or that is no topology at all, is an error and nothing else.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <random>

#include "dataplane/control/topology_file.hpp"
#include "dataplane/model/deployment.hpp"

namespace weft {
namespace {

TEST(HostileFile, depth_is_an_error_not_a_crash) {
  for (const char* deep : {"[", "{a: ", "- ", "? "}) {
    std::string text = "version: 1\nvpc: ";
    if (deep[0] == '-' || deep[0] == '?') text = "";
    for (int i = 0; i < 100'000; ++i) text += deep;
    EXPECT_FALSE(parse_topology(text, "deep.yaml")) << deep;
  }
}

TEST(HostileFile, aliases_that_multiply_do_not_take_memory) {
  std::string text = "a: &a [x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c <= 'i'; ++c) {
    text += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 9; ++i) text += std::string(i ? "," : "") + "*" + static_cast<char>(c - 1);
    text += "]\n";
  }
  EXPECT_FALSE(parse_topology(text, "laughs.yaml"));
  EXPECT_FALSE(parse_topology("version: 1\nvpc: &v {cidr: *v}\n", "self.yaml"));
}

TEST(HostileFile, aliases_cannot_repeat_a_group_of_many_rules_many_times) {
  std::string text = "version: 1\nvpc: {cidr: 10.0.0.0/16}\nsecurity_groups:\n  - &g\n    name: a\n    ingress:\n";
  for (int i = 0; i < 2'000; ++i) text += "      - {protocol: all, cidr: 10.0.0.0/8}\n";
  for (int i = 0; i < 10'000; ++i) text += "  - *g\n";  // twenty million rules
  const Result<Topology> topology = parse_topology(text, "repeats.yaml");
  ASSERT_FALSE(topology);
  EXPECT_NE(topology.error().message.find("aliases"), std::string::npos) << topology.error().to_string();
}

TEST(HostileFile, a_large_file_is_refused_unread) {
  const Result<Topology> result = parse_topology(std::string(kLargestTopology + 1, ' '), "large.yaml");
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("at most"), std::string::npos);
  EXPECT_FALSE(load_topology("/dev/zero"));
}

TEST(HostileFile, what_cannot_be_read_says_why) {
  const Result<Topology> missing = load_topology("/nowhere/x.yaml");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, "Weft.FileNotReadable");
  EXPECT_EQ(missing.error().where.file, "/nowhere/x.yaml");
  EXPECT_NE(missing.error().message.find("No such file"), std::string::npos) << missing.error().message;
  EXPECT_FALSE(load_topology("/"));
}

TEST(HostileFile, a_comma_at_the_beginning_ends) {  // yaml-cpp's LoadAll takes all memory for it
  EXPECT_FALSE(parse_topology(",version: 1\nvpc: {cidr: 10.0.0.0/16}\n", "comma.yaml"));
}

TEST(HostileFile, random_changes_of_a_good_file_never_crash) {
  const std::string good =
      "version: 1\nvpc: {cidr: 10.0.0.0/16}\nsubnets:\n  - {name: hpc, cidr: 10.0.1.0/24, az: use1-az1}\n"
      "security_groups:\n  - name: efa\n    ingress: [{protocol: all, group: efa}]\n"
      "    egress:\n      - {protocol: tcp, ports: 1-2, cidr: 0.0.0.0/0}\n      - {protocol: icmp, type: 8, group: "
      "self}\n"
      "internet_gateway: {addresses: [198.51.100.10], public_pool: 203.0.113.0/24}\n"
      "prefix_lists: [{name: p, entries: [192.0.2.0/24]}]\nhosts: {racks_per_zone: 4}\n"
      "route_tables: [{name: out, main: true, routes: [{destination: 0.0.0.0/0, target: internet_gateway}]}]\n"
      "network_acls:\n  - {name: n, ingress: [{rule: 1, action: deny, protocol: all, cidr: '::/0'}]}\n"
      "flow_logs: [{name: f, interface: node-0, destination: /tmp/x, log_format: '${start}'}]\n"
      "elastic_ips: [{name: e, interface: node-0}]\nnetwork_interfaces: [{name: spare, secondary_private_ips: 2}]\n"
      "placement_groups:\n  - {name: tight, strategy: cluster}\ninstances:\n  - name: node\n    count: 2\n"
      "    placement_group: tight\n    interfaces:\n      - {subnet: hpc, type: efa, security_groups: [efa]}\n";
  ASSERT_TRUE(parse_topology(good, "good.yaml"));
  const std::string interesting = "{}[]:,-&*!|>'\"%@`#?\n\t \0\x7f\xff\xc3";
  std::mt19937 random(1);
  int refused = 0, accepted = 0;
  for (int round = 0; round < 3'000; ++round) {
    std::string text = good;
    for (unsigned edits = random() % 4 + 1; edits > 0; --edits) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0: text[at] = interesting[random() % interesting.size()]; break;
        case 1: text.erase(at, random() % 8 + 1); break;
        case 2: text.insert(at, text.substr(random() % text.size(), random() % 20)); break;
      }
    }
    const Result<Topology> topology = parse_topology(text, "random.yaml");
    if (topology) {
      const Result<Deployment> deployment = resolve(*topology, nullptr);
      ++accepted;
      EXPECT_TRUE(deployment || !deployment.error().code.empty());
    } else {
      ++refused;
      EXPECT_EQ(topology.error().where.file, "random.yaml");
      EXPECT_FALSE(topology.error().message.empty());
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(accepted, 30);
}

}  // namespace
}  // namespace weft

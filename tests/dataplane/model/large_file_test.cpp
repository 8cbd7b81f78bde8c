// Files as large as a quota allows: a group of 1,000 rules, 100,000 prefixes in lists.
#include <gtest/gtest.h>

#include <string>

#include "dataplane/control/topology_file.hpp"
#include "dataplane/model/deployment.hpp"

namespace weft {
namespace {

const std::string kSmallNetwork =
    "version: 1\nvpc: {cidr: 10.0.0.0/16}\nsubnets:\n  - {name: s, cidr: 10.0.1.0/24}\n";

std::string group_of(int rules, const std::string& parameters, const std::string& groups) {
  std::string text = kSmallNetwork + parameters + "security_groups:\n  - {name: other}\n  - name: many\n    ingress:\n";
  for (int n = 0; n < rules; ++n)
    text += "      - {protocol: tcp, port: " + std::to_string(1 + n) + ", cidr: 10.0.0.0/8}\n";
  return text + "instances:\n  - {name: a, interfaces: [{subnet: s, security_groups: [" + groups + "]}]}\n";
}

std::string code_of(const std::string& text) {
  const Result<Topology> topology = parse_topology(text, "large.yaml");
  if (!topology) return topology.error().to_string();
  const Result<Deployment> deployment = resolve(*topology, nullptr);
  return deployment ? "" : deployment.error().code;
}

TEST(LargeFile, a_raised_quota_admits_a_group_of_a_thousand_rules) {
  const std::string raised = "parameters: {rules_per_security_group: 1000}\n";
  EXPECT_EQ(code_of(group_of(60, "", "many")), "");
  EXPECT_EQ(code_of(group_of(61, "", "many")), "RulesPerSecurityGroupLimitExceeded");
  EXPECT_EQ(code_of(group_of(1000, raised, "many")), "");
  EXPECT_EQ(code_of(group_of(1001, raised, "many")), "RulesPerSecurityGroupLimitExceeded");
}

TEST(LargeFile, rules_of_a_group_times_groups_of_an_interface_are_at_most_a_thousand) {
  const auto quota = [](int rules) { return "parameters: {rules_per_security_group: " + std::to_string(rules) + "}\n"; };
  EXPECT_EQ(code_of(group_of(2, quota(500), "many, other")), "");
  EXPECT_EQ(code_of(group_of(2, quota(501), "many, other")), "SecurityGroupsPerInterfaceLimitExceeded");
}

TEST(LargeFile, a_rule_that_is_there_twice_is_found_among_a_thousand) {
  std::string text = group_of(999, "parameters: {rules_per_security_group: 1000}\n", "many");
  text.insert(text.find("instances:"), "      - {protocol: tcp, port: 7, cidr: 10.0.0.0/8, description: again}\n");
  EXPECT_EQ(code_of(text), "InvalidPermission.Duplicate");
}

TEST(LargeFile, a_hundred_thousand_prefixes_of_the_longest_kind_fit) {
  std::string text = kSmallNetwork + "prefix_lists:\n";
  for (int list = 0; list < 100; ++list) {
    text += "  - name: list-" + std::to_string(list) + "\n    entries:\n";
    for (int n = 0; n < 1000; ++n)
      text += "      - 2001:db8:1111:2222:3333:4444:" + std::to_string(1000 + list) + ":" + std::to_string(1000 + n) + "/128\n";
  }
  const Result<Topology> topology = parse_topology(text, "large.yaml");
  ASSERT_TRUE(topology) << topology.error().to_string();
  const Result<Deployment> deployment = resolve(*topology, nullptr);
  ASSERT_TRUE(deployment) << deployment.error().to_string();
  std::size_t entries = 0;
  for (const PrefixList& list : deployment->prefix_lists) entries += list.entries.size();
  EXPECT_EQ(entries, 100'000U);
  EXPECT_EQ(topology->where("prefix_lists[1].entries[0]").line, 5 + 1 + 1002 + 2);
}

TEST(LargeFile, what_is_over_a_bound_is_refused_with_the_bound) {
  const auto message = [](const std::string& text) {
    const Result<Topology> topology = parse_topology(text, "large.yaml");
    return topology ? std::string() : topology.error().to_string();
  };
  std::string values = "version: 1\nsubnets: [";
  for (int n = 0; n < 1'100'000; ++n) values += "1,";
  EXPECT_NE(message(values + "]").find("1048576 keys and values"), std::string::npos);
  EXPECT_NE(message("version: 1\nvpc: " + std::string(80, '[')).find("inside 64 lists"), std::string::npos);
  EXPECT_NE(message(std::string(kLargestTopology + 1, '#')).find("at most 8388608"), std::string::npos);
}

}  // namespace
}  // namespace weft

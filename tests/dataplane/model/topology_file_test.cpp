// What a good file means: every key, every form, every default.
#include <gtest/gtest.h>

#include "dataplane/control/topology_file.hpp"
#include "dataplane/model/deployment.hpp"
#include "tests/dataplane/model/build_topology.hpp"

namespace weft::testing {
namespace {

Topology parsed(const std::string& text) {
  Result<Topology> topology = parse_topology(text, "test.yaml");
  if (!topology) throw std::runtime_error(topology.error().to_string());
  return *topology;
}

RuleDeclaration rule(const std::string& text) {
  return parsed("version: 1\nvpc: {cidr: 10.0.0.0/16}\nsecurity_groups: [{name: g, ingress: [" + text + "]}]\n")
      .security_groups.at(0)
      .ingress.at(0);
}

TEST(TopologyFile, the_smallest_one) {
  const Topology topology = parsed("version: 1\nvpc: {cidr: 10.0.0.0/16}\n");
  EXPECT_EQ(topology.version, 1);
  EXPECT_EQ(topology.vpc.cidr, cidr("10.0.0.0/16"));
  EXPECT_TRUE(topology.instances.empty());
  EXPECT_TRUE(resolve(topology, nullptr));
}

TEST(TopologyFile, blocks_are_made_canonical_as_ec2_does) {
  EXPECT_EQ(parsed("version: 1\nvpc: {cidr: 100.68.0.18/18}\n").vpc.cidr, cidr("100.68.0.0/18"));
}

TEST(TopologyFile, forms_of_a_rule) {
  struct Form {
    const char* text;
    int protocol, from, to;
  };
  for (const Form& form : std::initializer_list<Form>{
           {"{protocol: tcp, port: 22, group: g}", 6, 22, 22},
           {"{protocol: tcp, port: 80-443, group: g}", 6, 80, 443},
           {"{protocol: udp, ports: 80 - 443, group: g}", 17, 80, 443},
           {"{protocol: udp, ports: '53', group: g}", 17, 53, 53},
           {"{protocol: tcp, from: 80, to: 443, group: g}", 6, 80, 443},
           {"{protocol: tcp, port: all, group: g}", 6, 0, 65535},
           {"{protocol: 6, port: 0, group: g}", 6, 0, 0},
           {"{protocol: icmp, group: g}", 1, -1, -1},
           {"{protocol: icmp, type: 8, group: g}", 1, 8, -1},
           {"{protocol: icmp, type: 3, code: 4, group: g}", 1, 3, 4},
           {"{protocol: icmp, type: -1, group: g}", 1, -1, -1},
           {"{protocol: icmpv6, group: g}", 58, -1, -1},
           {"{protocol: all, group: g}", -1, -1, -1},
           {"{protocol: -1, group: g}", -1, -1, -1},
           {"{protocol: 47, group: g}", 47, -1, -1},
       }) {
    const RuleDeclaration read = rule(form.text);
    EXPECT_EQ(read.protocol, form.protocol) << form.text;
    EXPECT_EQ(read.from_port, form.from) << form.text;
    EXPECT_EQ(read.to_port, form.to) << form.text;
  }
}

TEST(TopologyFile, peers_of_a_rule) {
  EXPECT_EQ(std::get<GroupReference>(rule("{protocol: all, group: web}").peer).name, "web");
  EXPECT_EQ(std::get<GroupReference>(rule("{protocol: all, group: self}").peer).name, "g");
  EXPECT_EQ(std::get<IpPrefix>(rule("{protocol: all, cidr: 10.1.0.0/16}").peer), cidr("10.1.0.0/16"));
  EXPECT_EQ(std::get<IpPrefix>(rule("{protocol: all, cidr: '::/0'}").peer), cidr("::/0"));
  EXPECT_EQ(rule("{protocol: all, group: g, description: why}").description, "why");
}

TEST(TopologyFile, egress_left_out_is_ec2s_default_and_empty_is_nothing) {
  const Topology topology = parsed(
      "version: 1\nvpc: {cidr: 10.0.0.0/16}\nsecurity_groups:\n  - {name: open}\n  - {name: shut, egress: []}\n"
      "  - {name: default}\n");
  ASSERT_EQ(topology.security_groups[0].egress.size(), 1u);
  EXPECT_EQ(std::get<IpPrefix>(topology.security_groups[0].egress[0].peer), cidr("0.0.0.0/0"));
  EXPECT_TRUE(topology.security_groups[0].ingress.empty());
  EXPECT_TRUE(topology.security_groups[1].egress.empty());
  ASSERT_EQ(topology.security_groups[2].ingress.size(), 1u);
  EXPECT_EQ(std::get<GroupReference>(topology.security_groups[2].ingress[0].peer).name, "default");
}

TEST(TopologyFile, instances_and_interfaces) {
  const Topology topology = parsed(R"(version: 1
vpc: {cidr: 10.0.0.0/16}
subnets:
  - {name: hpc, cidr: 10.0.1.0/24}
placement_groups:
  - {name: tight}
  - {name: wide, strategy: spread}
  - {name: racks, strategy: partition}
instances:
  - name: one
    interfaces:
      - {}
  - name: many
    count: 1
    type: hpc7g.16xlarge
    placement_group: tight
    interfaces:
      - subnet: hpc
        type: efa
        security_groups: [default]
        private_ip: 10.0.1.20
        source_dest_check: false
)");
  EXPECT_EQ(topology.subnets[0].az, "use1-az1");
  EXPECT_EQ(topology.placement_groups[0].strategy, PlacementStrategy::kCluster);
  EXPECT_EQ(topology.placement_groups[1].strategy, PlacementStrategy::kSpread);
  EXPECT_EQ(topology.placement_groups[2].strategy, PlacementStrategy::kPartition);
  const InstanceDeclaration& one = topology.instances[0];
  EXPECT_FALSE(one.counted);
  EXPECT_EQ(one.interfaces[0].subnet, "hpc") << "the only subnet is meant when none is named";
  EXPECT_EQ(one.interfaces[0].type, InterfaceType::kInterface);
  EXPECT_TRUE(one.interfaces[0].source_dest_check);
  const InstanceDeclaration& many = topology.instances[1];
  EXPECT_TRUE(many.counted);
  EXPECT_EQ(many.interfaces[0].type, InterfaceType::kEfa);
  EXPECT_EQ(many.interfaces[0].private_ip, Ipv4Address::parse("10.0.1.20"));
  EXPECT_FALSE(many.interfaces[0].source_dest_check);
  const Result<Deployment> deployment = resolve(topology, nullptr);
  ASSERT_TRUE(deployment) << deployment.error().to_string();
  EXPECT_NE(deployment->find_instance("one"), nullptr);
  EXPECT_NE(deployment->find_instance("many-0"), nullptr) << "count was written, so even one is numbered";
}

TEST(TopologyFile, anchors_save_writing) {
  const Topology topology = parsed(R"(version: 1
vpc: {cidr: 10.0.0.0/16}
security_groups:
  - {name: a, ingress: &rules [{protocol: tcp, port: 22, cidr: 0.0.0.0/0}]}
  - {name: b, ingress: *rules}
)");
  EXPECT_EQ(topology.security_groups[1].ingress, topology.security_groups[0].ingress);
}

TEST(TopologyFile, errors_of_resolve_point_at_the_line_of_the_key) {
  const Topology topology = parsed(R"(version: 1
vpc: {cidr: 10.0.0.0/16}
subnets:
  - {name: hpc, cidr: 10.0.1.0/24}
instances:
  - name: one
    interfaces:
      - subnet: hpc
        security_groups:
          - default
          - efa
)");
  const Result<Deployment> deployment = resolve(topology, nullptr);
  ASSERT_FALSE(deployment);
  EXPECT_EQ(deployment.error().to_string(),
            "test.yaml:11: instances[0].interfaces[0].security_groups[1]: no security group has the name 'efa'; there "
            "is: default [InvalidGroup.NotFound]");
}

}  // namespace
}  // namespace weft::testing

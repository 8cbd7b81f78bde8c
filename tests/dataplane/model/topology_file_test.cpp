// What a good file means: every key, every form, every default.
#include <gtest/gtest.h>

#include "dataplane/control/topology_file.hpp"
#include "dataplane/model/deployment.hpp"

namespace weft {
namespace {

IpPrefix cidr(const std::string& text) { return IpPrefix::parse(text).value(); }
IpAddress ip(const std::string& text) { return IpAddress::parse(text).value(); }
Ipv4Address ip4(const std::string& text) { return Ipv4Address::parse(text).value(); }

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
  EXPECT_EQ(std::get<PrefixListReference>(rule("{protocol: all, prefix_list: offices}").peer).name, "offices");
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

TEST(TopologyFile, a_vpc_with_ipv6_opens_new_groups_for_it_too) {
  const Topology topology = parsed(
      "version: 1\nvpc: {cidr: 10.0.0.0/16, ipv6_cidr: '2001:db8:1::/56'}\nsecurity_groups:\n  - {name: open}\n"
      "  - {name: shut, egress: []}\n  - {name: default}\n");
  for (int group : {0, 2}) {
    ASSERT_EQ(topology.security_groups[group].egress.size(), 2u);
    EXPECT_EQ(std::get<IpPrefix>(topology.security_groups[group].egress[0].peer), cidr("0.0.0.0/0"));
    EXPECT_EQ(std::get<IpPrefix>(topology.security_groups[group].egress[1].peer), cidr("::/0"));
  }
  EXPECT_TRUE(topology.security_groups[1].egress.empty());
}

TEST(TopologyFile, the_network_and_its_defaults) {
  const Topology plain = parsed("version: 1\nvpc: {cidr: 10.0.0.0/16}\nsubnets: [{name: a, cidr: 10.0.0.0/24}]\n");
  EXPECT_FALSE(plain.vpc.ipv6_cidr);
  EXPECT_TRUE(plain.vpc.dns_support);
  EXPECT_EQ(plain.vpc.dhcp, DhcpOptions{});
  EXPECT_EQ(plain.vpc.dhcp.domain_name, "ec2.internal");
  EXPECT_EQ(plain.parameters, Parameters{});
  EXPECT_EQ(plain.hosts.racks_per_zone, 16);
  EXPECT_EQ(plain.hosts.hosts_per_rack, 16);
  EXPECT_FALSE(plain.internet_gateway);
  EXPECT_FALSE(plain.subnets[0].ipv6_cidr || plain.subnets[0].map_public_ip_on_launch);
  EXPECT_TRUE(plain.subnets[0].route_table.empty() && plain.subnets[0].network_acl.empty());

  const Topology topology = parsed(R"(version: 1
vpc:
  cidr: 10.0.0.0/16
  ipv6_cidr: 2001:db8:1::/56
  dns_support: false
  dhcp: {domain_name: lab.internal, domain_name_servers: [10.0.0.9, 10.0.0.10], ntp_servers: [10.0.0.11]}
hosts: {racks_per_zone: 2, hosts_per_rack: 3}
parameters: {tcp_opening_timeout: 1, tcp_closing_timeout: 2, icmp_timeout: 3, credit_seconds: 3600, burst_ms: 5,
  refused_packets_use_pps: true, related_icmp_errors: false, router_answers_arp: true,
  express_channels: false}
prefix_lists:
  - {name: offices, entries: [192.0.2.0/25, 192.0.2.128/26]}
  - {name: sites, max_entries: 7, entries: ['2001:db8:5::/48']}
  - {name: later, address_family: IPv6}
subnets:
  - {name: a, cidr: 10.0.0.0/24, ipv6_cidr: '2001:db8:1:1::/64', route_table: out, network_acl: wall,
     map_public_ip_on_launch: true}
placement_groups:
  - {name: p, strategy: partition, partition_count: 5}
  - {name: q, strategy: partition}
)");
  EXPECT_EQ(topology.vpc.ipv6_cidr, cidr("2001:db8:1::/56"));
  EXPECT_FALSE(topology.vpc.dns_support);
  EXPECT_EQ(topology.vpc.dhcp, (DhcpOptions{"lab.internal", {ip4("10.0.0.9"), ip4("10.0.0.10")}, {ip4("10.0.0.11")}}));
  EXPECT_EQ(topology.parameters, (Parameters{1, 2, 3, 3600, 5, true, false, true, false}));
  EXPECT_EQ(topology.hosts.racks_per_zone, 2);
  EXPECT_EQ(topology.hosts.hosts_per_rack, 3);
  ASSERT_EQ(topology.prefix_lists.size(), 3u);
  EXPECT_FALSE(topology.prefix_lists[0].ipv6);
  EXPECT_EQ(topology.prefix_lists[0].max_entries, 2) << "as many as there are";
  EXPECT_EQ(topology.prefix_lists[0].entries[1], cidr("192.0.2.128/26"));
  EXPECT_TRUE(topology.prefix_lists[1].ipv6) << "the family of the entries";
  EXPECT_EQ(topology.prefix_lists[1].max_entries, 7);
  EXPECT_TRUE(topology.prefix_lists[2].ipv6);
  EXPECT_EQ(topology.prefix_lists[2].max_entries, 1);
  const SubnetDeclaration& subnet = topology.subnets[0];
  EXPECT_EQ(subnet.ipv6_cidr, cidr("2001:db8:1:1::/64"));
  EXPECT_EQ(subnet.route_table, "out");
  EXPECT_EQ(subnet.network_acl, "wall");
  EXPECT_TRUE(subnet.map_public_ip_on_launch);
  EXPECT_EQ(topology.placement_groups[0].partition_count, 5);
  EXPECT_EQ(topology.placement_groups[1].partition_count, 2);
}

TEST(TopologyFile, routes_gateway_and_elastic_ips) {
  const Topology topology = parsed(R"(version: 1
vpc: {cidr: 10.0.0.0/16}
internet_gateway: {addresses: [192.0.2.1], public_pool: 198.18.0.0/24}
route_tables:
  - name: out
    main: true
    routes:
      - {destination: 0.0.0.0/0, target: internet_gateway}
      - {destination: 10.9.0.0/16, interface: nat/eth1}
      - {destination: 10.8.0.0/16, target: blackhole}
      - {destination: '::/0', target: igw}
  - {name: shut}
elastic_ips:
  - {name: one}
  - {name: two, address: 198.18.0.7, interface: web/eth1, private_ip: 10.0.0.20, allow_reassociation: false}
)");
  ASSERT_TRUE(topology.internet_gateway);
  EXPECT_EQ(topology.internet_gateway->addresses, std::vector{ip("192.0.2.1")});
  EXPECT_EQ(topology.internet_gateway->public_pool, cidr("198.18.0.0/24"));
  const RouteTableDeclaration& out = topology.route_tables.at(0);
  EXPECT_TRUE(out.main);
  EXPECT_EQ(out.routes,
            (std::vector<RouteDeclaration>{{cidr("0.0.0.0/0"), RouteTargetKind::kInternetGateway, "", 0},
                                           {cidr("10.9.0.0/16"), RouteTargetKind::kInterface, "nat/eth1", 0},
                                           {cidr("10.8.0.0/16"), RouteTargetKind::kBlackhole, "", 0},
                                           {cidr("::/0"), RouteTargetKind::kInternetGateway, "", 0}}));
  EXPECT_EQ(out.routes[1].line, 9);
  EXPECT_FALSE(topology.route_tables.at(1).main);
  EXPECT_TRUE(topology.route_tables.at(1).routes.empty());
  const ElasticIpDeclaration& one = topology.elastic_ips.at(0);
  EXPECT_FALSE(one.address || one.private_ip);
  EXPECT_TRUE(one.interface.empty() && one.allow_reassociation);
  const ElasticIpDeclaration& two = topology.elastic_ips.at(1);
  EXPECT_EQ(two.address, ip4("198.18.0.7"));
  EXPECT_EQ(two.interface, "web/eth1");
  EXPECT_EQ(two.private_ip, ip4("10.0.0.20"));
  EXPECT_FALSE(two.allow_reassociation);
}

TEST(TopologyFile, a_gateway_is_true_or_false_or_says_what_is_out_there) {
  const std::string head = "version: 1\nvpc: {cidr: 10.0.0.0/16}\ninternet_gateway: ";
  for (const char* plain : {"true\n", "{}\n"}) {
    const Topology topology = parsed(head + plain);
    ASSERT_TRUE(topology.internet_gateway) << plain;
    EXPECT_EQ(topology.internet_gateway->addresses, (std::vector{ip("198.51.100.10"), ip("2001:db8::10")}));
    EXPECT_EQ(topology.internet_gateway->public_pool, cidr("203.0.113.0/24"));
  }
  EXPECT_FALSE(parsed(head + "false\n").internet_gateway);
}

TEST(TopologyFile, network_acls) {
  const Topology topology = parsed(R"(version: 1
vpc: {cidr: 10.0.0.0/16}
network_acls:
  - name: wall
    ingress:
      - {rule: 100, action: allow, protocol: tcp, port: 443, cidr: 0.0.0.0/0}
      - {rule: 32766, action: deny, protocol: all, cidr: '::/0'}
    egress:
      - {rule: 1, action: allow, protocol: icmp, type: 3, code: 4, cidr: 0.0.0.0/0}
      - {rule: 2, action: allow, protocol: udp, from: 1024, to: 65535, cidr: 10.0.0.0/8}
  - {name: closed}
)");
  const NetworkAclDeclaration& wall = topology.network_acls.at(0);
  EXPECT_EQ(wall.ingress, (std::vector<AclEntryDeclaration>{{100, true, 6, 443, 443, cidr("0.0.0.0/0"), 0},
                                                            {32766, false, kAllProtocols, -1, -1, cidr("::/0"), 0}}));
  EXPECT_EQ(wall.egress, (std::vector<AclEntryDeclaration>{{1, true, 1, 3, 4, cidr("0.0.0.0/0"), 0},
                                                           {2, true, 17, 1024, 65535, cidr("10.0.0.0/8"), 0}}));
  EXPECT_EQ(wall.egress[1].line, 10);
  EXPECT_TRUE(topology.network_acls.at(1).ingress.empty() && topology.network_acls.at(1).egress.empty());
}

TEST(TopologyFile, every_key_of_an_interface) {
  const Topology topology = parsed(R"(version: 1
vpc: {cidr: 10.0.0.0/16}
subnets: [{name: a, cidr: 10.0.0.0/24}]
instances:
  - name: x
    partition: 2
    limits: {baseline_gbps: 0.75, peak_gbps: 10, pps: 1000000, connections: 5000, flow_gbps: 2.5}
    metadata_options:
      {http_tokens: optional, http_put_response_hop_limit: 64, http_endpoint: disabled, http_protocol_ipv6: enabled}
    interfaces:
      - {}
      - secondary_private_ips: [10.0.0.20, 10.0.0.21]
        ipv6_addresses: ['2001:db8::1']
        ipv4_prefixes: [10.0.0.32/28]
        ipv6_prefixes: ['2001:db8::/80']
        description: second
        associate_public_ip: false
        connection_tracking: {tcp_established_timeout: 60, udp_timeout: 31, udp_stream_timeout: 180}
        device_index: 3
        network_card: 1
        delete_on_termination: false
        enable_frag_bypass: true
        ena_srd: true
        ena_srd_udp: true
        vf: {rate: 2.5Gbit, spoof_check: false, trust: true, link: disable}
        type: efa-only
      - {secondary_private_ips: 3, ipv6_addresses: 4, ipv4_prefixes: 5, ipv6_prefixes: 6}
network_interfaces:
  - {name: spare}
  - {name: moved, instance: x, device_index: 4, delete_on_termination: true, private_ip: 10.0.0.9}
)");
  const InstanceDeclaration& x = topology.instances.at(0);
  EXPECT_EQ(x.partition, 2);
  EXPECT_EQ(x.limits, (LimitsDeclaration{0.75, 10.0, 1'000'000u, 5000u, 2.5}));
  EXPECT_EQ(x.metadata_options, (MetadataOptions{false, 64, false, true}));
  EXPECT_EQ(MetadataOptions{}, (MetadataOptions{true, 1, true, false})) << "EC2's defaults (facts ec2 7.4)";
  const InterfaceDeclaration& plain = x.interfaces.at(0);
  EXPECT_TRUE(plain.secondary_private_ips.empty() && plain.ipv6_addresses.empty());
  EXPECT_EQ(plain.secondary_private_ip_count + plain.ipv6_address_count + plain.ipv4_prefix_count +
                plain.ipv6_prefix_count + plain.network_card, 0);
  EXPECT_FALSE(plain.associate_public_ip || plain.device_index);
  EXPECT_TRUE(plain.delete_on_termination);
  EXPECT_FALSE(plain.enable_frag_bypass || plain.ena_srd || plain.ena_srd_udp);
  EXPECT_EQ(plain.connection_tracking, ConnectionTracking{});
  const InterfaceDeclaration& full = x.interfaces.at(1);
  EXPECT_EQ(full.secondary_private_ips, (std::vector{ip4("10.0.0.20"), ip4("10.0.0.21")}));
  EXPECT_EQ(full.ipv6_addresses, std::vector{ip("2001:db8::1")});
  EXPECT_EQ(full.ipv4_prefixes, std::vector{cidr("10.0.0.32/28")});
  EXPECT_EQ(full.ipv6_prefixes, std::vector{cidr("2001:db8::/80")});
  EXPECT_EQ(full.description, "second");
  EXPECT_EQ(full.associate_public_ip, false);
  EXPECT_EQ(full.connection_tracking, (ConnectionTracking{60, 31, 180}));
  EXPECT_EQ(full.device_index, 3);
  EXPECT_EQ(full.network_card, 1);
  EXPECT_FALSE(full.delete_on_termination);
  EXPECT_TRUE(full.enable_frag_bypass && full.ena_srd && full.ena_srd_udp);
  EXPECT_EQ(plain.vf, VfSettings{});
  EXPECT_EQ(full.vf, (VfSettings{.spoof_check = false, .trust = true, .link = VfLink::kDisable, .max_tx_rate_mbps = 2500}));
  EXPECT_EQ(full.type, InterfaceType::kEfaOnly);
  const InterfaceDeclaration& counts = x.interfaces.at(2);
  EXPECT_EQ(counts.secondary_private_ip_count, 3);
  EXPECT_EQ(counts.ipv6_address_count, 4);
  EXPECT_EQ(counts.ipv4_prefix_count, 5);
  EXPECT_EQ(counts.ipv6_prefix_count, 6);
  const NetworkInterfaceDeclaration& spare = topology.network_interfaces.at(0);
  EXPECT_EQ(spare.name, "spare");
  EXPECT_EQ(spare.interface.subnet, "a");
  EXPECT_TRUE(spare.instance.empty());
  EXPECT_FALSE(spare.interface.delete_on_termination) << "it is there for itself";
  const NetworkInterfaceDeclaration& moved = topology.network_interfaces.at(1);
  EXPECT_EQ(moved.instance, "x");
  EXPECT_EQ(moved.interface.device_index, 4);
  EXPECT_EQ(moved.interface.private_ip, ip4("10.0.0.9"));
  EXPECT_TRUE(moved.interface.delete_on_termination);
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

TEST(TopologyFile, every_mistake_that_resolve_finds_points_at_its_line) {
  const Topology topology = parsed(R"(version: 1
vpc: {cidr: 10.0.0.0/16}
route_tables:
  - name: out
    routes:
      - {destination: 0.0.0.0/0, target: internet_gateway}
network_acls:
  - name: wall
    ingress:
      - {rule: 1, action: allow, protocol: all, cidr: 0.0.0.0/0}
      - {rule: 1, action: deny, protocol: all, cidr: 10.0.0.0/8}
subnets:
  - name: a
    cidr: 10.1.0.0/24
  - name: b
    cidr: 10.0.1.0/24
    network_acl: wal
security_groups:
  - name: web
    ingress:
      - {protocol: all, group: nobody}
      - protocol: all
        prefix_list: nothing
instances:
  - name: x
    placement_group: tight
    interfaces:
      - subnet: b
        ipv6_addresses: 2
)");
  const Result<Deployment> deployment = resolve(topology, nullptr);
  ASSERT_FALSE(deployment);
  std::vector<std::string> said = {deployment.error().code + " " + deployment.error().where.to_string()};
  for (const Error& other : deployment.error().others) said.push_back(other.code + " " + other.where.to_string());
  EXPECT_EQ(said, (std::vector<std::string>{
                      "InvalidGatewayID.NotFound test.yaml:6: route_tables[0].routes[0].target",
                      "NetworkAclEntryAlreadyExists test.yaml:11: network_acls[0].ingress[1].rule",
                      "InvalidSubnet.Range test.yaml:14: subnets[0].cidr",
                      "InvalidNetworkAclID.NotFound test.yaml:17: subnets[1].network_acl",
                      "InvalidGroup.NotFound test.yaml:21: security_groups[0].ingress[0].group",
                      "InvalidPrefixListId.NotFound test.yaml:23: security_groups[0].ingress[1].prefix_list",
                      "InvalidPlacementGroup.Unknown test.yaml:26: instances[0].placement_group",
                      "InvalidParameterValue test.yaml:29: instances[0].interfaces[0].ipv6_addresses",
                  }));
}

}  // namespace
}  // namespace weft

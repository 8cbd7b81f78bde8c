#include <gtest/gtest.h>

#include "dataplane/control/json.hpp"
#include "dataplane/control/topology_file.hpp"

namespace weft {
namespace {

RuleDeclaration rule(IpProtocol protocol, int from, int to, RulePeer peer) {
  RuleDeclaration made;
  made.protocol = protocol;
  made.from_port = from;
  made.to_port = to;
  made.peer = std::move(peer);
  made.description = "quoted \"text\", ümlaut";
  made.line = 17;
  return made;
}

template <typename T>
std::vector<T> all_of(std::initializer_list<const char*> texts) {
  std::vector<T> values;
  for (const char* text : texts) values.push_back(*T::parse(text));
  return values;
}

Eni interface(const std::string& id, const std::string& instance) {
  Eni eni;
  eni.id = id;
  eni.name = "named-" + id;
  eni.instance = instance;
  eni.device_index = 1;
  eni.network_card = 2;
  eni.delete_on_termination = false;
  eni.subnet = "s";
  eni.type = InterfaceType::kEfa;
  eni.mac = *MacAddress::parse("02:01:02:03:04:05");
  eni.private_ip = *IpAddress::parse("10.0.1.9");
  eni.security_groups = {"g"};
  eni.source_dest_check = false;
  eni.vf.index = 7;
  eni.vf.spoof_check = false;
  eni.vf.trust = true;
  eni.vf.link = VfLink::kDisable;
  eni.vf.max_tx_rate_mbps = 1000;
  eni.vf.declared.max_tx_rate_mbps = 50;
  eni.description = "what it is for";
  eni.secondary_private_ips = all_of<IpAddress>({"10.0.1.10", "10.0.1.11"});
  eni.ipv6_addresses = all_of<IpAddress>({"2001:db8:1:1::9"});
  eni.prefixes = all_of<IpPrefix>({"10.0.1.32/28", "2001:db8:1:1:5::/80"});
  eni.connection_tracking = {60, 31, 61};
  eni.public_ip_wanted = true;
  eni.public_ip = *IpAddress::parse("203.0.113.4");
  return eni;
}

void add_network(Deployment& d) {
  d.vpc_id = "vpc-0123456789abcdef0";
  d.vpc_cidr = *IpPrefix::parse("10.0.0.0/16");
  d.vpc_ipv6_cidr = *IpPrefix::parse("2001:db8:1::/56");
  d.dns_support = false;
  d.parameters = {1, 2, 3, 4, 5, true, false, true};
  d.hosts = {3, 5};
  d.dhcp = {"lab.internal", all_of<Ipv4Address>({"10.0.0.9", "10.0.0.10"}), all_of<Ipv4Address>({"10.0.0.11"})};
  d.internet_gateway = InternetGateway{"igw-1", "internet", *MacAddress::parse("02:00:00:00:00:01"),
                                       all_of<IpAddress>({"198.51.100.10", "2001:db8::10"}),
                                       *IpPrefix::parse("203.0.113.0/24"),
                                       {.driver = PortBackend::Driver::kEthdev, .device = "0000:03:00.0", .socket = {}}};
  d.route_tables = {{"rtb-1",
                     "out",
                     true,
                     {{*IpPrefix::parse("10.0.0.0/16"), RouteTargetKind::kLocal, ""},
                      {*IpPrefix::parse("::/0"), RouteTargetKind::kInternetGateway, "", 17},
                      {*IpPrefix::parse("10.9.0.0/16"), RouteTargetKind::kInterface, "eni-1"},
                      {*IpPrefix::parse("10.8.0.0/16"), RouteTargetKind::kInterface, ""},
                      {*IpPrefix::parse("10.7.0.0/16"), RouteTargetKind::kBlackhole, ""}}}};
  d.subnets = {{"subnet-1", "s", *IpPrefix::parse("10.0.1.0/24"), "use1-az2", *IpPrefix::parse("2001:db8:1:1::/64"),
                "out", "wall", true}};
  d.placement_groups = {{"pg-1", "c", PlacementStrategy::kCluster, 0},
                        {"pg-2", "s", PlacementStrategy::kSpread, 0},
                        {"pg-3", "p", PlacementStrategy::kPartition, 5}};
  d.elastic_ips = {{"eipalloc-1", "eipassoc-1", "web", *IpAddress::parse("203.0.113.9"), "eni-1",
                    *IpAddress::parse("10.0.1.10")},
                   {"eipalloc-2", "", "idle", *IpAddress::parse("203.0.113.10"), "", {}}};
}

void add_flow_logs(Deployment& d) {
  d.flow_logs = {{"fl-1", "all", d.vpc_id, TrafficType::kAll, 600, "${srcaddr} ${dstaddr}", "/tmp/one"},
                 {"fl-2", "web", "eni-1", TrafficType::kReject, 60, "${bytes}", "/tmp/two"},
                 {"fl-3", "subnet", "subnet-1", TrafficType::kAccept, 60, "${bytes}", "/tmp/two"}};
}

/// Every field off its default.
Deployment everything() {
  Deployment d;
  add_network(d);
  d.prefix_lists = {{"pl-1", "offices", false, 9, all_of<IpPrefix>({"192.0.2.0/24"})},
                    {"pl-2", "sites", true, 1, all_of<IpPrefix>({"2001:db8:5::/48"})}};
  d.network_acls = {{"acl-1",
                     "wall",
                     true,
                     {{100, true, 6, 443, 444, *IpPrefix::parse("0.0.0.0/0"), 21}},
                     {{101, false, 58, 2, 0, *IpPrefix::parse("::/0"), 22},
                      {32766, true, kAllProtocols, -1, -1, *IpPrefix::parse("10.0.0.0/8"), 23}}}};
  d.security_groups = {{"sg-1",
                        "g",
                        "what for",
                        {rule(6, 22, 23, *IpPrefix::parse("0.0.0.0/0")), rule(1, 8, -1, GroupReference{"g"}),
                         rule(58, 128, 0, PrefixListReference{"offices"})},
                        {rule(kAllProtocols, -1, -1, GroupReference{"g"}), rule(17, 0, 65535, *IpPrefix::parse("::/0")),
                         rule(50, -1, -1, *IpPrefix::parse("10.1.0.0/16"))}}};
  Instance a;
  a.id = "i-1";
  a.name = "a";
  a.type = "hpc7g.16xlarge";
  a.placement_group = "p";
  a.placement = {3, 4, 5};
  a.allowances = {0.1, 200, 5'000'000'000, 136'812, 9.53};
  a.state = InstanceState::kStopped;
  a.starts = 6;
  a.enis = {interface("eni-1", "a"), interface("eni-2", "a")};
  a.enis[1].type = InterfaceType::kEfaOnly;
  a.enis[1].private_ip = {};
  a.enis[1].public_ip.reset();
  a.enis[1].connection_tracking = {};
  Instance bare;
  bare.id = "i-2";
  bare.name = "without-interfaces";
  d.instances = {a, bare};
  d.available_enis = {interface("eni-3", "")};
  add_flow_logs(d);
  return d;
}

void expect_same(const Eni& after, const Eni& before) {
  EXPECT_EQ(after.id, before.id);
  EXPECT_EQ(after.name, before.name);
  EXPECT_EQ(after.instance, before.instance);
  EXPECT_EQ(after.device_index, before.device_index);
  EXPECT_EQ(after.network_card, before.network_card);
  EXPECT_EQ(after.delete_on_termination, before.delete_on_termination);
  EXPECT_EQ(after.subnet, before.subnet);
  EXPECT_EQ(after.type, before.type);
  EXPECT_EQ(after.mac, before.mac);
  EXPECT_EQ(after.private_ip, before.private_ip);
  EXPECT_EQ(after.security_groups, before.security_groups);
  EXPECT_EQ(after.source_dest_check, before.source_dest_check);
  EXPECT_EQ(after.vf.index, before.vf.index);
  EXPECT_EQ(after.vf.spoof_check, before.vf.spoof_check);
  EXPECT_EQ(after.vf.trust, before.vf.trust);
  EXPECT_EQ(after.vf, before.vf);
  EXPECT_EQ(after.vf.max_tx_rate_mbps, before.vf.max_tx_rate_mbps);
  EXPECT_EQ(after.description, before.description);
  EXPECT_EQ(after.secondary_private_ips, before.secondary_private_ips);
  EXPECT_EQ(after.ipv6_addresses, before.ipv6_addresses);
  EXPECT_EQ(after.prefixes, before.prefixes);
  EXPECT_EQ(after.connection_tracking, before.connection_tracking);
  EXPECT_EQ(after.public_ip_wanted, before.public_ip_wanted);
  EXPECT_EQ(after.public_ip, before.public_ip);
}

void expect_same_network(const Deployment& after, const Deployment& before) {
  EXPECT_EQ(after.vpc_ipv6_cidr, before.vpc_ipv6_cidr);
  EXPECT_EQ(after.dns_support, before.dns_support);
  EXPECT_EQ(after.parameters, before.parameters);
  EXPECT_EQ(after.hosts, before.hosts);
  EXPECT_EQ(after.dhcp, before.dhcp);
  ASSERT_TRUE(after.internet_gateway);
  EXPECT_EQ(after.internet_gateway->mac, before.internet_gateway->mac);
  EXPECT_EQ(after.internet_gateway->guest, before.internet_gateway->guest);
  EXPECT_EQ(after.internet_gateway->addresses, before.internet_gateway->addresses);
  EXPECT_EQ(after.internet_gateway->public_pool, before.internet_gateway->public_pool);
  EXPECT_EQ(after.internet_gateway->port, before.internet_gateway->port);
  EXPECT_EQ(after.route_tables[0].routes, before.route_tables[0].routes);
  for (std::size_t i = 0; i < after.route_tables[0].routes.size(); ++i)
    EXPECT_EQ(after.route_tables[0].routes[i].line, before.route_tables[0].routes[i].line);
  EXPECT_TRUE(after.route_tables[0].main);
  EXPECT_EQ(after.subnets[0].ipv6_cidr, before.subnets[0].ipv6_cidr);
  EXPECT_EQ(after.subnets[0].route_table, "out");
  EXPECT_EQ(after.subnets[0].network_acl, "wall");
  EXPECT_TRUE(after.subnets[0].map_public_ip_on_launch);
  EXPECT_EQ(after.placement_groups[2].strategy, PlacementStrategy::kPartition);
  EXPECT_EQ(after.placement_groups[2].partition_count, 5);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(after.elastic_ips[i].association_id, before.elastic_ips[i].association_id);
    EXPECT_EQ(after.elastic_ips[i].address, before.elastic_ips[i].address);
    EXPECT_EQ(after.elastic_ips[i].eni_id, before.elastic_ips[i].eni_id);
    EXPECT_EQ(after.elastic_ips[i].private_ip, before.elastic_ips[i].private_ip);
    EXPECT_EQ(after.prefix_lists[i].ipv6, before.prefix_lists[i].ipv6);
    EXPECT_EQ(after.prefix_lists[i].entries, before.prefix_lists[i].entries);
    EXPECT_EQ(after.prefix_lists[i].max_entries, before.prefix_lists[i].max_entries);
  }
}

TEST(Json, ADeploymentSurvivesTheRoundTripWithEveryField) {
  const Deployment before = everything();
  Result<Deployment> after = deployment_from_json(to_json(before).dump());
  ASSERT_TRUE(after) << after.error().to_string();
  EXPECT_EQ(to_json(*after).dump(1), to_json(before).dump(1));
  // What the encoder itself might have lost.
  expect_same_network(*after, before);
  EXPECT_EQ(after->security_groups[0].ingress, before.security_groups[0].ingress);
  EXPECT_EQ(after->security_groups[0].egress, before.security_groups[0].egress);
  EXPECT_EQ(after->security_groups[0].egress[2].line, 17);
  EXPECT_EQ(after->network_acls[0].ingress, before.network_acls[0].ingress);
  EXPECT_EQ(after->network_acls[0].egress, before.network_acls[0].egress);
  EXPECT_EQ(after->network_acls[0].egress[1].line, 23);
  EXPECT_TRUE(after->network_acls[0].is_default);
  const Instance& a = after->instances[0];
  EXPECT_EQ(a.placement, before.instances[0].placement);
  EXPECT_EQ(a.allowances, before.instances[0].allowances);
  EXPECT_EQ(a.state, InstanceState::kStopped);
  EXPECT_EQ(a.starts, 6u);
  for (std::size_t i = 0; i < 2; ++i) expect_same(a.enis[i], before.instances[0].enis[i]);
  expect_same(after->available_enis[0], before.available_enis[0]);
  EXPECT_EQ(after->instances[1].state, InstanceState::kRunning);
  EXPECT_EQ(after->flow_logs, before.flow_logs);
}

TEST(Json, ADeploymentWithoutAGatewayIpv6OrAnythingSurvivesToo) {
  Deployment before;
  before.vpc_id = "vpc-1";
  before.vpc_cidr = *IpPrefix::parse("10.0.0.0/16");
  Result<Deployment> after = deployment_from_json(to_json(before).dump());
  ASSERT_TRUE(after) << after.error().to_string();
  EXPECT_FALSE(after->internet_gateway || after->vpc_ipv6_cidr);
  EXPECT_EQ(to_json(*after), to_json(before));
}

TEST(Json, AfterARestartTheSameFileHasNothingToDo) {
  const Result<Topology> topology = parse_topology(R"(version: 1
vpc: {cidr: 10.0.0.0/16, ipv6_cidr: '2001:db8:1::/56', dhcp: {domain_name: lab.internal}}
internet_gateway: true
prefix_lists: [{name: offices, max_entries: 4, entries: [198.51.100.0/24]}]
route_tables:
  - {name: out, routes: [{destination: 0.0.0.0/0, target: internet_gateway}, {destination: 10.9.0.0/16, interface: spare}]}
network_acls: [{name: edge, ingress: [{rule: 7, action: allow, protocol: icmpv6, type: 128, cidr: '::/0'}]}]
subnets:
  - {name: front, cidr: 10.0.0.0/24, ipv6_cidr: '2001:db8:1::/64', route_table: out, network_acl: edge,
     map_public_ip_on_launch: true}
security_groups:
  - name: web
    ingress: [{protocol: icmpv6, type: 128, code: 0, cidr: '::/0'}, {protocol: tcp, port: 22, prefix_list: offices}]
placement_groups: [{name: p, strategy: partition, partition_count: 3}]
elastic_ips: [{name: idle}, {name: www, interface: web-1}]
instances:
  - name: web
    count: 3
    type: m5.large
    placement_group: p
    limits: {pps: 1000, flow_gbps: 0.1}
    metadata_options:
      {http_tokens: optional, http_put_response_hop_limit: 3, http_endpoint: disabled, http_protocol_ipv6: enabled}
    interfaces:
      - {security_groups: [web], secondary_private_ips: 2, ipv6_addresses: 2, ipv4_prefixes: 1, ipv6_prefixes: 1,
         connection_tracking: {udp_timeout: 45}, description: front}
flow_logs:
  - {name: everything, destination: /tmp/flows}
  - {name: one, interface: web-2/eth0, traffic_type: REJECT, max_aggregation_interval: 60, destination: /tmp/flows}
network_interfaces:
  - {name: spare, source_dest_check: false}
  - {name: second, instance: web-0, device_index: 1}
)",
                                                   "all.yaml");
  ASSERT_TRUE(topology) << topology.error().to_string();
  const Result<Deployment> before = resolve(*topology, nullptr);
  ASSERT_TRUE(before) << before.error().to_string();
  const Result<Deployment> after = deployment_from_json(to_json(*before).dump());
  ASSERT_TRUE(after) << after.error().to_string();
  EXPECT_EQ(to_json(*after).dump(1), to_json(*before).dump(1));
  const Result<Deployment> again = resolve(*topology, &*after);
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(to_json(*again).dump(1), to_json(*before).dump(1)) << "every id and address is what it was";
  for (const Change& change : plan(&*after, *again)) ADD_FAILURE() << change.resource << " " << change.name;
}

/// Not read: it follows from something else.
bool is_derived(const std::string& pointer) {
  const bool of_an_interface = pointer.find("nterfaces/") != std::string::npos && pointer[1] != 's';
  for (const char* end : {"/router", "/group_id", "/prefix_list_id", "/status"})
    if (pointer.ends_with(end)) return true;
  if (pointer.starts_with("/route_tables/") && pointer.ends_with("/state")) return true;
  if (pointer.starts_with("/elastic_ips/") && pointer.ends_with("/instance")) return true;
  if (pointer.starts_with("/flow_logs/") && (pointer.ends_with("/resource") || pointer.ends_with("/resource_type")))
    return true;
  return (of_an_interface && pointer.ends_with("/az")) || pointer.starts_with("/security_groups/0/interfaces") ||
         pointer.starts_with("/route_tables/0/subnets") || pointer.starts_with("/network_acls/0/subnets");
}

TEST(Json, EveryFieldThatIsMissingOrWrongIsADamagedState) {
  const Json whole = to_json(everything());
  const Json flat = whole.flatten();
  int wrong = 0, missing = 0;
  for (const auto& [pointer, value] : flat.items()) {
    if (is_derived(pointer)) continue;
    Json damaged = whole;
    damaged[Json::json_pointer(pointer)] = Json::object();  // of no field's type
    EXPECT_FALSE(deployment_from_json(damaged.dump())) << pointer;
    ++wrong;

    const Json::json_pointer place(pointer);
    Json lacking = whole;
    Json& around = lacking[place.parent_pointer()];
    if (!around.is_object() || place.back() == "line") continue;  // one less in a list is no damage; no line, no mistake
    around.erase(place.back());
    EXPECT_FALSE(deployment_from_json(lacking.dump())) << "without " << pointer;
    ++missing;
  }
  EXPECT_GT(wrong, 200);
  EXPECT_GT(missing, 180);
}

TEST(Json, WhatIsOutOfRangeOrNamesNothingIsADamagedState) {
  struct Damage {
    const char* pointer;
    Json value;
  };
  const Json whole = to_json(everything());
  for (const Damage& damage : std::initializer_list<Damage>{
           {"/instances/0/starts", -1},
           {"/instances/0/starts", 4294967296},
           {"/instances/0/starts", 1.5},
           {"/instances/0/placement/rack", -1},
           {"/instances/0/allowances/peak_gbps", -0.5},
           {"/instances/0/allowances/peak_gbps", "10"},
           {"/instances/0/allowances/pps", 18446744073709551615u},
           {"/instances/0/state", "pending"},
           {"/instances/0/metadata_options/http_put_response_hop_limit", 65},
           {"/instances/0/metadata_options/http_tokens", "maybe"},
           {"/instances/0/interfaces/0/device_index", 4294967297},
           {"/instances/0/interfaces/0/instance", "b"},
           {"/instances/0/interfaces/0/subnet", "elsewhere"},
           {"/instances/0/interfaces/0/security_groups/0", "nobody"},
           {"/instances/0/interfaces/0/type", "trunk"},
           {"/instances/0/interfaces/0/connection_tracking/udp_timeout", 0},
           {"/instances/0/interfaces/0/vf/index", -7},
           {"/available_interfaces/0/instance", "a"},
           {"/security_groups/0/ingress/0/to_port", 65536},
           {"/security_groups/0/ingress/0/from_port", 24},
           {"/security_groups/0/ingress/1/group", "nobody"},
           {"/security_groups/0/ingress/2/icmp_type", 256},
           {"/security_groups/0/ingress/2/prefix_list", "nobody"},
           {"/network_acls/0/ingress/0/rule", 0},
           {"/network_acls/0/ingress/0/action", "permit"},
           {"/route_tables/0/routes/0/target", "nat"},
           {"/route_tables/0/routes/2/eni", "eni-9"},
           {"/elastic_ips/0/eni", "eni-9"},
           {"/flow_logs/0/resource_id", "vpc-9"},
           {"/flow_logs/1/resource_id", "eni-9"},
           {"/flow_logs/0/traffic_type", "all"},
           {"/flow_logs/0/max_aggregation_interval", 61},
           {"/flow_logs/0/log_format", "${nothing}"},
           {"/subnets/0/route_table", "nowhere"},
           {"/subnets/0/network_acl", "nobody"},
       }) {
    Json damaged = whole;
    damaged[Json::json_pointer(damage.pointer)] = damage.value;
    const Result<Deployment> result = deployment_from_json(damaged.dump());
    ASSERT_FALSE(result) << damage.pointer << " " << damage.value;
    EXPECT_EQ(result.error().code, "InternalError");
  }
}

TEST(Json, DepthIsADamagedStateAndNotTheEndOfTheStack) {
  EXPECT_FALSE(deployment_from_json(std::string(100'000, '[')));
  EXPECT_FALSE(deployment_from_json(std::string(50'000, '[') + std::string(50'000, ']')));
}

TEST(Json, TextThatIsNoJsonIsADamagedStateAndNoException) {
  for (const char* text : {"", "{", "[]", "null", "\xff\xfe", "{\"vpc\":{\"id\":1,\"cidr\":\"x\"}}"})
    EXPECT_FALSE(deployment_from_json(text)) << text;
}

TEST(Json, AnErrorHasOnlyThePlaceItKnows) {
  EXPECT_EQ(to_json(Error{"C", "m", {}}).dump(), R"({"error":{"code":"C","message":"m"}})");
  EXPECT_EQ(to_json(Error{"C", "m", {"f", 3, "k"}}).dump(),
            R"({"error":{"code":"C","message":"m","where":{"file":"f","line":3,"key":"k"}}})");
}

TEST(Json, SeveralErrorsAreAListThatBeginsWithTheFirst) {
  Errors errors;
  errors.add({"B", "second", {"f", 9, "k"}});
  errors.add({"A", "first", {"f", 2, ""}});
  EXPECT_EQ(to_json(std::move(errors).joined()).dump(),
            R"({"error":{"code":"A","message":"first","where":{"file":"f","line":2},"errors":[)"
            R"({"code":"A","message":"first","where":{"file":"f","line":2}},)"
            R"({"code":"B","message":"second","where":{"file":"f","line":9,"key":"k"}}]}})");
}

TEST(Json, ATupleHasPortsOrIcmpTypeOrNeither) {
  PacketTuple tuple{*IpAddress::parse("10.0.1.4"), *IpAddress::parse("10.0.1.5"), 6, 40000, 22};
  EXPECT_EQ(to_json(tuple)["destination_port"], 22);
  tuple.protocol = 1;
  tuple.destination_port = 8 << 8 | 3;
  EXPECT_EQ(to_json(tuple).dump(),
            R"({"protocol":"icmp","source":"10.0.1.4","destination":"10.0.1.5","icmp_type":8,"icmp_code":3})");
  tuple = {*IpAddress::parse("2001:db8::4"), *IpAddress::parse("2001:db8::5"), 58, 77, 1 << 8 | 4};
  EXPECT_EQ(to_json(tuple).dump(),
            R"({"protocol":"icmpv6","source":"2001:db8::4","destination":"2001:db8::5","icmp_type":1,"icmp_code":4})");
  tuple = {*IpAddress::parse("10.0.1.4"), *IpAddress::parse("10.0.1.5"), 50, 40000, 22};
  EXPECT_EQ(to_json(tuple).dump(), R"({"protocol":"50","source":"10.0.1.4","destination":"10.0.1.5"})");
}

TEST(Json, StatisticsNameTheDropsThatHappenedAndEfaOnlyForEfa) {
  Deployment d = everything();
  EniStatistics s;
  s.eni_id = "eni-1";
  s.drops[static_cast<std::size_t>(DropReason::kGroupIngress)] = 3;
  s.efa.tx_pkts = 5;
  s.efa.tx_bytes = 500;
  Json json = to_json(s, &d);
  EXPECT_EQ(json["instance"], "a");
  EXPECT_EQ(json["drops"].dump(), R"({"group-ingress":3})");
  EXPECT_EQ(json["efa"]["send_wrs"], 5);
  EXPECT_EQ(json["efa"]["send_bytes"], 500);
  d.instances[0].enis[0].type = InterfaceType::kInterface;
  EXPECT_FALSE(to_json(s, &d).contains("efa"));
  EXPECT_FALSE(to_json(s, &d).contains("efa_fabric"));
}

TEST(Json, StatisticsHaveWhatEfaCallsLostUnderItsNamesAndTheEmulatedFabricsCountsApart) {
  const Deployment d = everything();
  EniStatistics s;
  s.eni_id = "eni-1";
  s.efa = {.tx_pkts = 100, .group_egress = 1, .group_ingress = 2, .unreachable = 4, .on_wire = 93, .wire_drops = 9,
           .rdma_tx_pkts = 20, .retrans_pkts = 8, .retrans_bytes = 8000, .retrans_timeout_events = 3,
           .unresponsive_remotes = 8, .impaired_remotes = 5};
  const Json json = to_json(s, &d);
  EXPECT_EQ(json["efa"].size(), efa_hw_counters({}).size());
  EXPECT_EQ(json["efa"]["tx_pkts"], 100);
  EXPECT_EQ(json["efa"]["send_wrs"], 72) << "sent again is not another work request";
  EXPECT_EQ(json["efa"]["retrans_pkts"], 8);
  EXPECT_EQ(json["efa"]["retrans_bytes"], 8000);
  EXPECT_EQ(json["efa"]["retrans_timeout_events"], 3);
  EXPECT_EQ(json["efa"]["unresponsive_remote_events"], 15) << "refused and given up";
  EXPECT_EQ(json["efa"]["impaired_remote_conn_events"], 5);
  EXPECT_EQ(json["efa_fabric"].dump(), R"({"on_wire":93,"wire_drops":9})");
}

TEST(Json, StatisticsHaveEnasCountersUnderTheirNamesAndInTheirOrder) {
  Deployment d = everything();
  EniStatistics s;
  s.eni_id = "eni-1";
  for (std::size_t i = 0; i < kEnaCounters; ++i) s.ena[i] = i + 1;
  s.connections_limited = true;
  s.conntrack_allowance_available = 136812;
  EXPECT_EQ(to_json(s, &d)["ena"].dump(),
            R"({"bw_in_allowance_exceeded":1,"bw_out_allowance_exceeded":2,"pps_allowance_exceeded":3,)"
            R"("conntrack_allowance_exceeded":4,"linklocal_allowance_exceeded":5,"conntrack_allowance_available":136812})");
  d.instances[0].enis[0].ena_srd = true;
  const std::string with_express = to_json(s, &d)["ena"].dump();
  EXPECT_TRUE(with_express.ends_with(R"("conntrack_allowance_available":136812,"ena_srd_mode":1,"ena_srd_tx_pkts":6,)"
                                     R"("ena_srd_eligible_tx_pkts":7,"ena_srd_rx_pkts":8})"))
      << with_express;
  d.instances[0].enis[0].ena_srd = false;
  s.connections_limited = false;
  EXPECT_FALSE(to_json(s, &d)["ena"].contains("conntrack_allowance_available")) << "nothing limits the instance";
  d.instances[0].enis[0].type = InterfaceType::kEfaOnly;
  EXPECT_FALSE(to_json(s, &d).contains("ena")) << "an EFA-only interface has no ENA device";
  s.eni_id = "igw-1";
  EXPECT_FALSE(to_json(s, &d).contains("ena")) << "nor has the internet gateway";
}

TEST(Json, ADropOfNoIpPacketHasNoTuple) {
  DropView drop;
  drop.when_ns = 1'000'000'000;
  drop.reason = DropReason::kUnknownEtherType;
  drop.source_eni = "eni-1";
  Json json = to_json(drop, nullptr, 3'500'000'000);
  EXPECT_EQ(json["age_ms"], 2500);
  EXPECT_EQ(json["reason"], "unknown-ethertype");
  EXPECT_TRUE(json["tuple"].is_null());
  EXPECT_TRUE(json["destination"].is_null());
  EXPECT_EQ(json["source"]["eni"], "eni-1");
}

TEST(Json, AnAllowanceOfAnExplanationHasItsNumber) {
  Explanation explanation;
  explanation.verdict = "it passes";
  ExplainStep step;
  step.stage = "allowance";
  step.passed = true;
  step.subject = "a (i-1)";
  step.reason = "it sends at most 0.75 Gbit/s";
  step.limit = ExplainLimit{0.75, 10, "Gbit/s", "bw-out-allowance", "bw_out_allowance_exceeded"};
  explanation.steps = {step};
  step.limit = ExplainLimit{5, 0, "Gbit/s", "flow-bandwidth", ""};
  explanation.steps.push_back(step);
  const Json json = to_json(explanation);
  EXPECT_EQ(json["steps"][0]["limit"].dump(), R"({"value":0.75,"unit":"Gbit/s","drop_reason":"bw-out-allowance",)"
                                              R"("counter":"bw_out_allowance_exceeded","peak":10.0})");
  EXPECT_EQ(json["steps"][1]["limit"].dump(),
            R"({"value":5.0,"unit":"Gbit/s","drop_reason":"flow-bandwidth","counter":null})");
  EXPECT_EQ(json["text"][1], "allowance, a (i-1): limited: it sends at most 0.75 Gbit/s; what is more is dropped "
                             "(bw-out-allowance, bw_out_allowance_exceeded)");
  EXPECT_EQ(json["text"][2],
            "allowance, a (i-1): limited: it sends at most 0.75 Gbit/s; what is more is dropped (flow-bandwidth)");
}

TEST(Json, ProtocolsAreNamesOrNumbers) {
  for (const char* text : {"all", "tcp", "udp", "icmp", "icmpv6", "0", "50", "255"})
    EXPECT_EQ(protocol_text(*protocol_from_text(text)), text);
  EXPECT_EQ(protocol_from_text("6"), 6);
  EXPECT_EQ(protocol_from_text("58"), 58);
  for (const char* text : {"", "256", "-2", "1000", "tcp ", "6x", "TCP"})
    EXPECT_FALSE(protocol_from_text(text)) << text;
}

}  // namespace
}  // namespace weft

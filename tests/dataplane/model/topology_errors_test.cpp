// Bad files: what is said, where. The table is the specification; each text is a file of its own or, when it begins
// with '+', follows a good head of four lines.
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "dataplane/control/topology_file.hpp"
#include "dataplane/model/deployment.hpp"

namespace weft {
namespace {

const std::string kHead =
    "version: 1\n"
    "vpc: {cidr: 10.0.0.0/16}\n"
    "subnets: [{name: a, cidr: 10.0.1.0/24}, {name: b, cidr: 10.0.2.0/24}]\n"
    "placement_groups: [{name: tight}]\n";

struct BadFile {
  const char* text;
  const char* code;
  int line;
  const char* key;
  const char* says;  // a part of the message
};

const BadFile kBadFiles[] = {
    // The whole
    {"", "MissingParameter", 1, "", "begin with version: 1"},
    {"# nothing\n", "MissingParameter", 1, "", "begin with version: 1"},
    {"just words", "InvalidParameterValue", 1, "", "not 'just words'"},
    {"- a\n- b\n", "InvalidParameterValue", 1, "", "not a list"},
    {"version: 1\nvpc: {cidr: 10.0.0.0/16\nsubnets:\n", "Weft.InvalidYaml", 3, "", "not YAML"},
    {"version: 1\n\tvpc: x\n", "Weft.InvalidYaml", 2, "", "not YAML"},
    {"version: 1\nvpc: {cidr: 10.0.0.0/16", "Weft.InvalidYaml", 2, "", "not YAML"},  // the last line has no end
    {"version: 1\nvpc: {cidr: 10.0.0.0/16}\n---\nversion: 1\n", "InvalidParameterValue", 3, "", "one YAML document"},
    {"vpc: {cidr: 10.0.0.0/16}\n", "MissingParameter", 1, "", "'version'"},
    {"version: 2\nvpc: {cidr: 10.0.0.0/16}\n", "InvalidParameterValue", 1, "version", "reads version 1"},
    {"version: one\nvpc: {cidr: 10.0.0.0/16}\n", "InvalidParameterValue", 1, "version", "'one' is not"},
    {"version: 1\n", "MissingParameter", 1, "", "'vpc'"},
    {"version: 1\nvpc:\n", "InvalidParameterValue", 2, "vpc", "nothing"},
    {"version: 1\nvpc: {}\n", "MissingParameter", 2, "vpc", "cidr: 10.0.0.0/16"},
    {"version: 1\nvpc: {cidr: 10.0.0.0}\n", "InvalidParameterValue", 2, "vpc.cidr", "10.0.0.0/32"},
    {"version: 1\nvpc: {cidr: ten}\n", "InvalidParameterValue", 2, "vpc.cidr", "'ten'"},
    {"version: 1\nvpc: {cidr: [10.0.0.0/16]}\n", "InvalidParameterValue", 2, "vpc.cidr", "a list"},
    {"version: 1\nvpc: {cidr_block: 10.0.0.0/16}\n", "UnknownParameter", 2, "vpc.cidr_block", "did you mean 'cidr'?"},
    {"version: 1\nvpc:\n  cidr: 10.0.0.0/16\n  cidr: 10.1.0.0/16\n", "InvalidParameterCombination", 4, "vpc.cidr",
     "first in line 3"},
    {"version: 1\nvpc: {cidr: 10.0.0.0/8}\n", "InvalidVpcRange", 2, "vpc.cidr", "/16 to /28"},
    {"+subnet: []\n", "UnknownParameter", 5, "subnet", "did you mean 'subnets'?"},
    {"+volumes: []\n", "UnknownParameter", 5, "volumes", "the keys are version, vpc, subnets"},
    {"+subnets: []\n", "InvalidParameterCombination", 5, "subnets", "first in line 3"},
    {"+[a]: b\n", "UnknownParameter", 5, "", "plain word"},

    // Security groups
    {"+security_groups: {name: web}\n", "InvalidParameterValue", 5, "security_groups", "a list of security groups"},
    {"+security_groups:\n  - web\n", "InvalidParameterValue", 6, "security_groups[0]", "with the keys name"},
    {"+security_groups:\n  - description: x\n", "MissingParameter", 6, "security_groups[0]", "name: web"},
    {"+security_groups:\n  - name: web\n    ingres: []\n", "UnknownParameter", 7, "security_groups[0].ingres",
     "did you mean 'ingress'?"},
    {"+security_groups:\n  - name: web\n    inbound: []\n", "UnknownParameter", 7, "security_groups[0].inbound",
     "did you mean 'ingress'?"},
    {"+security_groups:\n  - name: web\n  - name: web\n", "InvalidGroup.Duplicate", 7, "security_groups[1].name",
     "every group needs its own"},

    // Rules
    {"+security_groups:\n  - name: web\n    ingress:\n      - port: 22\n        cidr: 0.0.0.0/0\n", "MissingParameter",
     8, "security_groups[0].ingress[0]", "protocol: tcp"},
    {"+security_groups:\n  - name: web\n    ingress:\n      - protocol: tcp\n        port: 22\n", "MissingParameter", 8,
     "security_groups[0].ingress[0]", "cidr: 0.0.0.0/0 or group: NAME or prefix_list: NAME"},
    {"+security_groups:\n  - name: web\n    ingress:\n      - protocol: tcpp\n        port: 22\n        group: "
     "self\n",
     "InvalidParameterValue", 8, "security_groups[0].ingress[0].protocol", "did you mean tcp?"},
    {"+security_groups:\n  - name: web\n    ingress:\n      - {protocol: tcp, cidr: 0.0.0.0/0}\n", "MissingParameter",
     8, "security_groups[0].ingress[0]", "port: all"},
    {"+security_groups:\n  - name: web\n    ingress:\n      - protocol: tcp\n        cidr: 0.0.0.0/0\n        port: "
     "99999\n",
     "InvalidParameterValue", 10, "security_groups[0].ingress[0].port", "0 to 65535"},
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: tcp, ports: 443-80, cidr: 0.0.0.0/0}\n",
     "InvalidParameterValue", 8, "security_groups[0].egress[0].ports", "80-443"},
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: tcp, from: 443, to: 80, cidr: 0.0.0.0/0}\n",
     "InvalidParameterValue", 8, "security_groups[0].egress[0].to", "lower"},
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: tcp, from: 443, cidr: 0.0.0.0/0}\n",
     "MissingParameter", 8, "security_groups[0].egress[0].from", "belong together"},
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: tcp, port: 1, ports: 2, cidr: 0.0.0.0/0}\n",
     "InvalidParameterCombination", 8, "security_groups[0].egress[0].ports", "keep one"},
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: tcp, port: 1, to: 2, cidr: 0.0.0.0/0}\n",
     "InvalidParameterCombination", 8, "security_groups[0].egress[0].port", "given twice"},
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: tcp, type: 8, cidr: 0.0.0.0/0}\n",
     "InvalidParameterCombination", 8, "security_groups[0].egress[0].type", "ICMP's"},
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: icmp, port: 8, cidr: 0.0.0.0/0}\n",
     "InvalidParameterCombination", 8, "security_groups[0].egress[0].port", "type: 8"},
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: icmp, code: 8, cidr: 0.0.0.0/0}\n",
     "InvalidParameterCombination", 8, "security_groups[0].egress[0].code", "needs a type"},
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: icmp, type: 256, cidr: 0.0.0.0/0}\n",
     "InvalidParameterValue", 8, "security_groups[0].egress[0].type", "from -1 to 255"},
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: all, port: 22, cidr: 0.0.0.0/0}\n",
     "InvalidParameterCombination", 8, "security_groups[0].egress[0].port", "all protocols has no 'port'"},
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: 47, port: 22, cidr: 0.0.0.0/0}\n",
     "InvalidParameterCombination", 8, "security_groups[0].egress[0].port", "protocol 47"},
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: 300, cidr: 0.0.0.0/0}\n",
     "InvalidParameterValue", 8, "security_groups[0].egress[0].protocol", "0 to 255"},
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: all, cidr: 0.0.0.0/0, group: web}\n",
     "InvalidParameterCombination", 8, "security_groups[0].egress[0].group", "make two rules"},
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: all, prefix_list: p, group: web}\n",
     "InvalidParameterCombination", 8, "security_groups[0].egress[0].prefix_list", "'group' and 'prefix_list'"},
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: icmp, type: -1, code: 4, cidr: 0.0.0.0/0}\n",
     "InvalidParameterCombination", 8, "security_groups[0].egress[0].code", "any type"},
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: all, cidr: 0.0.0.0/33}\n",
     "InvalidParameterValue", 8, "security_groups[0].egress[0].cidr", "malformed"},
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: all, group: wbe}\n", "InvalidGroup.NotFound", 8,
     "security_groups[0].egress[0].group", "did you mean 'web'?"},
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: all, group: self}\n      - {protocol: all, "
     "group: web}\n",
     "InvalidPermission.Duplicate", 9, "security_groups[0].egress[1]", "rule 0"},

    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: tcp, port_range: 22, cidr: 10.0.0.0/8}\n",
     "UnknownParameter", 8, "security_groups[0].egress[0].port_range", "did you mean 'ports'?"},

    // Subnets, placement groups
    {"version: 1\nvpc: {cidr: 10.0.0.0/16}\nsubnets:\n  - name: a\n    cidr: 10.1.0.0/24\n", "InvalidSubnet.Range", 5,
     "subnets[0].cidr", "not inside"},
    {"version: 1\nvpc: {cidr: 10.0.0.0/16}\nsubnets:\n  - {name: a, cidr: 10.0.0.0/24}\n  - {name: b, cidr: "
     "10.0.0.0/28}\n",
     "InvalidSubnet.Conflict", 5, "subnets[1].cidr", "'a'"},
    {"version: 1\nvpc: {cidr: 10.0.0.0/16}\nsubnets:\n  - {cidr: 10.0.0.0/24}\n", "MissingParameter", 4, "subnets[0]",
     "'name'"},
    {"version: 1\nvpc: {cidr: 10.0.0.0/16}\nplacement_groups:\n  - {name: t, strategy: clutser}\n",
     "InvalidParameterValue", 4, "placement_groups[0].strategy", "did you mean 'cluster'?"},

    {"+placement_groups2: []\n", "UnknownParameter", 5, "placement_groups2", "did you mean 'placement_groups'?"},
    {"version: 1\nvpc: {cidr: 10.0.0.0/16}\nplacement_groups:\n  - {name: t, partition_count: 2}\n",
     "InvalidParameterCombination", 4, "placement_groups[0].partition_count", "strategy: partition"},
    {"version: 1\nvpc: {cidr: 10.0.0.0/16}\nplacement_groups:\n  - {name: t, strategy: partition, partition_count: "
     "8}\n",
     "InvalidParameterValue", 4, "placement_groups[0].partition_count", "from 1 to 7"},

    // The network
    {"version: 1\nvpc:\n  cidr: 10.0.0.0/16\n  ipv6_cidr: 10.1.0.0/16\n", "InvalidParameterValue", 4, "vpc.ipv6_cidr",
     "an IPv6 block"},
    {"version: 1\nvpc:\n  cidr: 10.0.0.0/16\n  dhcp: {domain_name: 'a..b'}\n", "InvalidParameterValue", 4,
     "vpc.dhcp.domain_name", "example.internal"},
    {"version: 1\nvpc:\n  cidr: 10.0.0.0/16\n  dhcp: {ntp_servers: [1.1.1.1, 1.1.1.2, 1.1.1.3, 1.1.1.4, 1.1.1.5]}\n",
     "InvalidParameterValue", 4, "vpc.dhcp.ntp_servers", "at most 4"},
    {"version: 1\nvpc:\n  cidr: 10.0.0.0/16\n  dhcp: {domain_name_servers: ['fd00::1']}\n", "InvalidParameterValue", 4,
     "vpc.dhcp.domain_name_servers[0]", "no IPv4 address"},
    {"+hosts: {racks_per_zone: 0}\n", "InvalidParameterValue", 5, "hosts.racks_per_zone", "from 1 to"},
    {"+parameters: {icmp_timeout: 0}\n", "InvalidParameterValue", 5, "parameters.icmp_timeout", "from 1 to"},
    {"+parameters: {router_answers_arp: 7}\n", "InvalidParameterValue", 5, "parameters.router_answers_arp", "true"},
    {"+parameters: {icmp_timeuot: 9}\n", "UnknownParameter", 5, "parameters.icmp_timeuot", "icmp_timeout"},
    {"+internet_gateway: [a]\n", "InvalidParameterValue", 5, "internet_gateway", "one gateway"},
    {"+internet_gateway: maybe\n", "InvalidParameterValue", 5, "internet_gateway", "true or false"},
    {"+internet_gateway: {addresses: []}\n", "MissingParameter", 5, "internet_gateway.addresses", "at least one"},
    {"+internet_gateway: {public_pool: '2001:db8::/64'}\n", "InvalidParameterValue", 5, "internet_gateway.public_pool",
     "an IPv4 block"},
    {"+prefix_lists:\n  - name: p\n    entries: [10.0.0.1]\n", "InvalidParameterValue", 7,
     "prefix_lists[0].entries[0]", "10.0.0.1/32"},
    {"+prefix_lists:\n  - {name: p, address_family: ipx}\n", "InvalidParameterValue", 6,
     "prefix_lists[0].address_family", "there is: ipv4, ipv6"},

    // Routes
    {"+route_tables:\n  - name: r\n    routes:\n      - {target: blackhole}\n", "MissingParameter", 8,
     "route_tables[0].routes[0]", "destination: 0.0.0.0/0"},
    {"+route_tables:\n  - name: r\n    routes:\n      - {destination: 0.0.0.0/0}\n", "MissingParameter", 8,
     "route_tables[0].routes[0]", "target: internet_gateway"},
    {"+route_tables:\n  - name: r\n    routes:\n      - {destination: 0.0.0.0/0, target: internet_gatway}\n",
     "InvalidParameterValue", 8, "route_tables[0].routes[0].target", "did you mean 'internet_gateway'?"},
    {"+route_tables:\n  - name: r\n    routes:\n      - {destination: 10.0.0.0/16, target: local}\n",
     "InvalidParameterValue", 8, "route_tables[0].routes[0].target", "by themselves"},
    {"+route_tables:\n  - name: r\n    routes:\n      - {destination: 10.9.0.0/16, target: nat/eth0}\n",
     "InvalidParameterValue", 8, "route_tables[0].routes[0].target", "write interface: nat/eth0"},
    {"+route_tables:\n  - name: r\n    routes:\n      - {destination: 0.0.0.0/0, target: blackhole, interface: a}\n",
     "InvalidParameterCombination", 8, "route_tables[0].routes[0].interface", "one target"},
    {"+route_tables:\n  - name: r\n    routes:\n      - {destination: 0.0.0.0/0, gateway_id: igw}\n",
     "UnknownParameter", 8, "route_tables[0].routes[0].gateway_id", "did you mean 'target'?"},
    {"+elastic_ips:\n  - {name: e, address: '2001:db8::1'}\n", "InvalidParameterValue", 6, "elastic_ips[0].address",
     "no IPv4 address"},
    {"+flow_logs:\n  - {name: f}\n", "MissingParameter", 6, "flow_logs[0]", "destination: /tmp/weft-flow-logs"},
    {"+flow_logs:\n  - {name: f, destination: /tmp/x, traffic_type: DENY}\n", "InvalidParameterValue", 6,
     "flow_logs[0].traffic_type", "'DENY' is no traffic type"},
    {"+flow_logs:\n  - {name: f, destination: /tmp/x, max_aggregation_interval: 300}\n", "InvalidParameter", 6,
     "flow_logs[0].max_aggregation_interval", "60 or 600"},
    {"+flow_logs:\n  - {name: f, destination: /tmp/x, log_format: '${srcadr}'}\n", "InvalidParameter", 6,
     "flow_logs[0].log_format", "did you mean 'srcaddr'?"},
    {"+flow_logs:\n  - {name: f, destination: /tmp/x, subnet: a, interface: i/eth0}\n", "InvalidParameterCombination", 6,
     "flow_logs[0].interface", "about one resource"},
    {"+flow_logs:\n  - {name: f, destination: /tmp/x, intervall: 60}\n", "UnknownParameter", 6, "flow_logs[0].intervall",
     ""},
    {"+flow_logs:\n  - {name: f, destination: x}\n", "InvalidParameterValue", 6, "flow_logs[0].destination",
     "the absolute path"},
    {"+flow_logs:\n  - {name: f, destination: /tmp/x, subnet: zz}\n", "InvalidSubnetID.NotFound", 6,
     "flow_logs[0].subnet", "'zz' does not exist"},
    {"+elastic_ips:\n  - {name: e, private_ip: 10.0.1.9}\n", "MissingParameter", 6, "elastic_ips[0].private_ip",
     "interface: web/eth0"},

    // Network ACLs
    {"+network_acls:\n  - name: n\n    ingress:\n      - {action: allow, protocol: all, cidr: 0.0.0.0/0}\n",
     "MissingParameter", 8, "network_acls[0].ingress[0]", "rule: 100"},
    {"+network_acls:\n  - name: n\n    ingress:\n      - {rule: 32767, action: allow, protocol: all, cidr: 0.0.0.0/0}\n",
     "InvalidParameterValue", 8, "network_acls[0].ingress[0].rule", "1 to 32766"},
    {"+network_acls:\n  - name: n\n    egress:\n      - {rule: 1, action: permit, protocol: all, cidr: 0.0.0.0/0}\n",
     "InvalidParameterValue", 8, "network_acls[0].egress[0].action", "allow, deny"},
    {"+network_acls:\n  - name: n\n    egress:\n      - {rule: 1, action: deny, protocol: tcp, cidr: 0.0.0.0/0}\n",
     "MissingParameter", 8, "network_acls[0].egress[0]", "an entry for tcp needs its ports"},
    {"+network_acls:\n  - name: n\n    egress:\n      - {rule_number: 1, action: deny, protocol: all, cidr: "
     "0.0.0.0/0, rule: 1}\n",
     "UnknownParameter", 8, "network_acls[0].egress[0].rule_number", "did you mean 'rule'?"},
    {"+network_acls:\n  - name: n\n    egress:\n      - {rule: 1, action: deny, protocol: all, group: g, cidr: "
     "0.0.0.0/0}\n",
     "UnknownParameter", 8, "network_acls[0].egress[0].group", "the keys are rule, action"},

    // Instances
    {"+instances:\n  - name: x\n", "MissingParameter", 6, "instances[0]", "'interfaces'"},
    {"+instances:\n  - {name: x, interfaces: []}\n", "MissingParameter", 6, "instances[0].interfaces", "at least one"},
    {"+instances:\n  - name: x\n    count: two\n    interfaces: [{subnet: a}]\n", "InvalidParameterValue", 7,
     "instances[0].count", "'two'"},
    {"+instances:\n  - name: x\n    count: 0\n    interfaces: [{subnet: a}]\n", "InvalidParameterValue", 7,
     "instances[0].count", "from 1 to"},
    {"+instances:\n  - name: x\n    interfaces: [{type: efa}]\n", "MissingParameter", 7, "instances[0].interfaces[0]",
     "subnet: a"},
    {"+instances:\n  - name: x\n    interfaces:\n      - subnet: c\n", "InvalidSubnetID.NotFound", 8,
     "instances[0].interfaces[0].subnet", "'c'"},
    {"+instances:\n  - name: x\n    interfaces:\n      - subnet: a\n        type: efaa\n", "InvalidParameterValue", 9,
     "instances[0].interfaces[0].type", "did you mean 'efa'?"},
    {"+instances:\n  - name: x\n    interfaces:\n      - subnet: a\n        private_ip: 10.0.1\n",
     "InvalidParameterValue", 9, "instances[0].interfaces[0].private_ip", "IPv4"},
    {"+instances:\n  - name: x\n    interfaces:\n      - subnet: a\n        private_ip: 10.0.1.3\n",
     "InvalidParameterValue", 9, "instances[0].interfaces[0].private_ip", "10.0.1.4 to 10.0.1.254"},
    {"+instances:\n  - name: x\n    interfaces:\n      - subnet: a\n        source_dest_check: 3\n",
     "InvalidParameterValue", 9, "instances[0].interfaces[0].source_dest_check", "true or false"},
    {"+instances:\n  - name: x\n    interfaces:\n      - subnet: a\n        security_groups: default\n",
     "InvalidParameterValue", 9, "instances[0].interfaces[0].security_groups", "a list"},
    {"+instances:\n  - name: x\n    interfaces:\n      - subnet: a\n        groups: [default]\n", "UnknownParameter", 9,
     "instances[0].interfaces[0].groups", "did you mean 'security_groups'?"},

    // Ports
    {"+instances:\n  - name: x\n    interfaces:\n      - subnet: a\n        port: vhost-user\n",
     "InvalidParameterValue", 9, "instances[0].interfaces[0].port", "driver"},
    {"+instances:\n  - name: x\n    interfaces:\n      - subnet: a\n        port: {socket: /x}\n",
     "MissingParameter", 9, "instances[0].interfaces[0].port", "driver: vhost-user"},
    {"+instances:\n  - name: x\n    interfaces:\n      - subnet: a\n        port: {driver: vhost_user, socket: /x}\n",
     "InvalidParameterValue", 9, "instances[0].interfaces[0].port.driver", "did you mean 'vhost-user'?"},
    {"+instances:\n  - name: x\n    interfaces:\n      - subnet: a\n        port: {driver: vhost-user}\n",
     "MissingParameter", 9, "instances[0].interfaces[0].port", "socket: /run/weft/{instance}.sock"},
    {"+instances:\n  - name: x\n    interfaces:\n      - subnet: a\n        port: {driver: vhost-user, socket: vm.sock}\n",
     "InvalidParameterValue", 9, "instances[0].interfaces[0].port.socket", "no absolute path"},
    {"+instances:\n  - name: x\n    interfaces:\n      - subnet: a\n        "
     "port: {driver: vhost-user, socket: /x, mode: listen}\n",
     "InvalidParameterValue", 9, "instances[0].interfaces[0].port.mode", "server (weftd listens)"},
    {"+instances:\n  - name: x\n    interfaces:\n      - subnet: a\n        "
     "port: {driver: vhost-user, socket: /x, queues: 65}\n",
     "InvalidParameterValue", 9, "instances[0].interfaces[0].port.queues", "64"},
    {"+instances:\n  - name: x\n    interfaces:\n      - subnet: a\n        port: {driver: vhost-user, socket: /x, id: 3}\n",
     "InvalidParameterCombination", 9, "instances[0].interfaces[0].port.id", "a port of driver vhost-user has no 'id'"},
    {"+instances:\n  - name: x\n    interfaces:\n      - subnet: a\n        port: {driver: tap, queues: 2}\n",
     "InvalidParameterCombination", 9, "instances[0].interfaces[0].port.queues", "a port of driver tap has no 'queues'"},
    {"+instances:\n  - name: x\n    interfaces:\n      - subnet: a\n        "
     "port: {driver: ethdev, device: net_null0, socket: /x}\n",
     "InvalidParameterCombination", 9, "instances[0].interfaces[0].port.socket", "a port of driver ethdev has no 'socket'"},
    {"+instances:\n  - name: x\n    placement_group: tigth\n    interfaces: [{subnet: a}]\n",
     "InvalidPlacementGroup.Unknown", 7, "instances[0].placement_group", "did you mean 'tight'?"},
    {"+instances:\n  - name: x\n    instance_type: t3.nano\n    interfaces: [{subnet: a}]\n", "UnknownParameter", 7,
     "instances[0].instance_type", "did you mean 'type'?"},
    {"+instances:\n  - name: web_1\n    interfaces: [{subnet: a}]\n", "InvalidParameterValue", 6, "instances[0].name",
     "host name"},
    {"+instances:\n  - name: ''\n    interfaces: [{subnet: a}]\n", "InvalidParameterValue", 6, "instances[0].name",
     "empty"},
    {"+instances:\n  - name:\n    interfaces: [{subnet: a}]\n", "InvalidParameterValue", 6, "instances[0].name",
     "nothing"},
    {"+instances:\n  - {name: x, partition: 8, interfaces: [{subnet: a}]}\n", "InvalidParameterValue", 6,
     "instances[0].partition", "from 1 to 7"},
    {"+instances:\n  - {name: x, metadata_options: {http_tokens: require}, interfaces: [{subnet: a}]}\n",
     "InvalidParameterValue", 6, "instances[0].metadata_options.http_tokens", "did you mean 'required'"},
    {"+instances:\n  - {name: x, metadata_options: {http_put_response_hop_limit: 65}, interfaces: [{subnet: a}]}\n",
     "InvalidParameterValue", 6, "instances[0].metadata_options.http_put_response_hop_limit", "from 1 to 64"},
    {"+instances:\n  - {name: x, metadata_options: {http_endpoint: true}, interfaces: [{subnet: a}]}\n",
     "InvalidParameterValue", 6, "instances[0].metadata_options.http_endpoint", "enabled or disabled"},
    {"+instances:\n  - {name: x, limits: {pps: -1}, interfaces: [{subnet: a}]}\n", "InvalidParameterValue", 6,
     "instances[0].limits.pps", "from 0 to"},
    {"+instances:\n  - {name: x, limits: {peak_gbps: nan}, interfaces: [{subnet: a}]}\n", "InvalidParameterValue", 6,
     "instances[0].limits.peak_gbps", "not 'nan'"},
    {"+instances:\n  - {name: x, limits: {peak_gbps: 1e3}, interfaces: [{subnet: a}]}\n", "InvalidParameterValue", 6,
     "instances[0].limits.peak_gbps", "not '1e3'"},
    {"+instances:\n  - {name: x, limits: {baseline_gbps: 2, peak_gbps: 1.5}, interfaces: [{subnet: a}]}\n",
     "InvalidParameterCombination", 6, "instances[0].limits.baseline_gbps", "above the peak of 1.5"},
    {"+instances:\n  - name: x\n    interfaces:\n      - {subnet: a, secondary_private_ips: many}\n",
     "InvalidParameterValue", 8, "instances[0].interfaces[0].secondary_private_ips", "'many' is not a whole number"},
    {"+instances:\n  - name: x\n    interfaces:\n      - {subnet: a, ipv6_addresses: [10.0.1.9]}\n",
     "InvalidParameterValue", 8, "instances[0].interfaces[0].ipv6_addresses[0]", "no IPv6 address"},
    {"+instances:\n  - name: x\n    interfaces:\n      - {subnet: a, ipv4_prefixes: ['2001:db8::/80']}\n",
     "InvalidParameterValue", 8, "instances[0].interfaces[0].ipv4_prefixes[0]", "an IPv4 block"},
    {"+instances:\n  - name: x\n    interfaces:\n      - {subnet: a, connection_tracking: {udp_timeout: 61}}\n",
     "InvalidParameterValue", 8, "instances[0].interfaces[0].connection_tracking.udp_timeout", "from 30 to 60"},
    {"+instances:\n  - name: x\n    interfaces:\n      - {subnet: a, vf: {rate: fast}}\n",
     "InvalidParameterValue", 8, "instances[0].interfaces[0].vf.rate", "whole Mbps"},
    {"+instances:\n  - name: x\n    interfaces:\n      - {subnet: a, vf: {link: up}}\n",
     "InvalidParameterValue", 8, "instances[0].interfaces[0].vf.link", "auto, enable or disable"},
    {"+instances:\n  - name: x\n    interfaces:\n      - {subnet: a, vf: {spoofcheck: true}}\n",
     "UnknownParameter", 8, "instances[0].interfaces[0].vf.spoofcheck", "did you mean 'spoof_check'"},
    {"+instances:\n  - name: x\n    interfaces:\n      - {subnet: a, private_ips: [10.0.1.9]}\n", "UnknownParameter", 8,
     "instances[0].interfaces[0].private_ips", "did you mean 'secondary_private_ips'?"},
    {"+network_interfaces:\n  - {subnet: a}\n", "MissingParameter", 6, "network_interfaces[0]", "name: spare"},
    {"+network_interfaces:\n  - {name: n, subnet: a, instance: x}\n", "MissingParameter", 6, "network_interfaces[0]",
     "device_index: 1"},
};

TEST(TopologyErrors, say_what_and_where) {
  for (const BadFile& bad : kBadFiles) {
    const std::string text = bad.text[0] == '+' ? kHead + (bad.text + 1) : bad.text;
    SCOPED_TRACE(text);
    const Result<Topology> topology = parse_topology(text, "bad.yaml");
    Error error;
    if (topology) {
      const Result<Deployment> deployment = resolve(*topology, nullptr);
      ASSERT_FALSE(deployment) << "nobody refused it";
      error = deployment.error();
    } else {
      error = topology.error();
    }
    EXPECT_EQ(error.code, bad.code) << error.to_string();
    EXPECT_EQ(error.where.line, bad.line) << error.to_string();
    EXPECT_EQ(error.where.key, bad.key) << error.to_string();
    EXPECT_EQ(error.where.file, "bad.yaml");
    EXPECT_NE(error.message.find(bad.says), std::string::npos) << error.to_string();
    EXPECT_TRUE(error.others.empty()) << "one mistake, so nothing else follows from it: " << error.to_string();
  }
}

TEST(TopologyErrors, ten_mistakes_are_ten_errors_in_the_order_of_their_lines) {
  const Result<Topology> topology = parse_topology(R"(version: 1
vpc: {cidr: 10.0.0.0, cidr_block: 10.0.0.0/16}
route_tables:
  - name: out
    routes: [{destination: 0.0.0.0/0, target: igw2}]
subnets:
  - {name: a, cidr: 10.0.1.0/24}
  - {name: b}
security_groups:
  - name: web
    ingress:
      - {protocol: tcpp, port: 22, group: web, cidr: 0.0.0.0/0}
      - {protocol: tcp, port: 99999, cidr: 10.0.0.0/40}
instances:
  - name: x
    count: two
    interfaces:
      - {subnet: a, private_ip: ten}
)",
                                                    "ten.yaml");
  ASSERT_FALSE(topology);
  const char* expected[] = {"2: vpc.cidr:",
                            "2: vpc.cidr_block:",
                            "5: route_tables[0].routes[0].target:",
                            "8: subnets[1]:",
                            "12: security_groups[0].ingress[0].protocol:",
                            "12: security_groups[0].ingress[0].group:",
                            "13: security_groups[0].ingress[1].port:",
                            "13: security_groups[0].ingress[1].cidr:",
                            "16: instances[0].count:",
                            "18: instances[0].interfaces[0].private_ip:"};
  std::istringstream lines(topology.error().to_string());
  std::string line;
  std::vector<std::string> said;
  while (std::getline(lines, line)) said.push_back(line);
  ASSERT_EQ(said.size(), std::size(expected)) << topology.error().to_string();
  std::set<std::string> places;
  for (const std::string& one : said) places.insert(one.substr(0, one.find(": ", one.find(": ") + 1) + 1));
  for (const char* place : expected)
    EXPECT_TRUE(places.contains("ten.yaml:" + std::string(place))) << place << "\n" << topology.error().to_string();
  int before = 0;
  EXPECT_EQ(topology.error().others.size(), 9u);
  for (const Error& error : topology.error().others) {
    EXPECT_GE(error.where.line, before);
    before = error.where.line;
  }
}

TEST(TopologyErrors, a_hundred_are_said_and_the_rest_is_counted) {
  std::string text = "version: 1\nvpc: {cidr: 10.0.0.0/16}\nsubnets:\n";
  for (int i = 0; i < 1000; ++i) text += "  - nonsense\n";
  const Result<Topology> topology = parse_topology(text, "many.yaml");
  ASSERT_FALSE(topology);
  ASSERT_EQ(topology.error().others.size(), Errors::kMost);
  EXPECT_EQ(topology.error().where.line, 4);
  EXPECT_EQ(topology.error().others.back().line(),
            "many.yaml: and 900 more mistakes; correct these first [Weft.MoreErrors]");
}

}  // namespace
}  // namespace weft

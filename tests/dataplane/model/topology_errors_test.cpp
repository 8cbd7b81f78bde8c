// Bad files: what is said, where. The table is the specification; each text is a file of its own or, when it begins
// with '+', follows a good head of four lines.
#include <gtest/gtest.h>

#include <string>

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
     "security_groups[0].ingress[0]", "cidr: 0.0.0.0/0 or group: NAME"},
    {"+security_groups:\n  - name: web\n    ingress:\n      - protocol: tcpp\n        port: 22\n",
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
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: all, cidr: 0.0.0.0/33}\n",
     "InvalidParameterValue", 8, "security_groups[0].egress[0].cidr", "malformed"},
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: all, group: wbe}\n", "InvalidGroup.NotFound", 8,
     "security_groups[0].egress[0].group", "did you mean 'web'?"},
    {"+security_groups:\n  - name: web\n    egress:\n      - {protocol: all, group: self}\n      - {protocol: all, "
     "group: web}\n",
     "InvalidPermission.Duplicate", 9, "security_groups[0].egress[1]", "rule 0"},

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
  }
}

}  // namespace
}  // namespace weft

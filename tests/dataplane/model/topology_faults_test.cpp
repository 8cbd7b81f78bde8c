// `fabric:` and `faults:` in the topology file: every key, every form, and what is said of a mistake. The API takes one
// fault in the same words.
#include <gtest/gtest.h>

#include "dataplane/control/topology_file.hpp"

namespace weft {
namespace {

using underlay::Fault;
using underlay::Impairment;
using underlay::Layout;
using underlay::Loss;

const std::string kVpc = "version: 1\nvpc: {cidr: 10.0.0.0/16}\n";

Topology with(const std::string& text) {
  Result<Topology> topology = parse_topology(kVpc + text, "test.yaml");
  if (!topology) throw std::runtime_error(topology.error().to_string());
  return *topology;
}

Impairment impairment(const std::string& keys) { return with("faults: [{name: a, " + keys + "}]\n").faults.at(0).impairment; }

Error mistake(const std::string& keys) {
  const Result<Topology> topology = parse_topology(kVpc + "faults: [{name: a, " + keys + "}]\n", "test.yaml");
  return topology ? Error{"none", "", {}} : topology.error();
}

TEST(TopologyFaults, EveryKeyIsReadWithItsUnit) {
  const Fault fault = with(R"(
faults:
  - name: everything
    path: 3
    from: web
    to: db
    rate: 10Gbps
    latency: 50us
    jitter: 5us
    queue: 256KiB
    ecn: 64KiB
    loss: 1%
    duplicate: 0.1%
    reorder: {share: 1%, by: 100us}
    corrupt: 0.01%
    flap: {period: 1s, down: 100ms}
)").faults.at(0);
  Fault expected{"everything", 3, "web", "db", {}};
  expected.impairment.rate_bps = 10'000'000'000;
  expected.impairment.latency_ns = 50'000;
  expected.impairment.jitter_ns = 5'000;
  expected.impairment.queue_bytes = 262'144;
  expected.impairment.ecn_bytes = 65'536;
  expected.impairment.loss = {Loss::Kind::kBernoulli, 0.01, 0, 0, 0};
  expected.impairment.duplicate = 0.1 / 100;
  expected.impairment.reorder = 0.01;
  expected.impairment.reorder_ns = 100'000;
  expected.impairment.corrupt = 0.01 / 100;
  expected.impairment.flap = {1'000'000'000, 100'000'000};
  EXPECT_EQ(fault, expected);
}

TEST(TopologyFaults, WhatIsLeftOutImpairsNothing) {
  EXPECT_EQ(with("").fabric, Layout{});
  EXPECT_TRUE(with("").faults.empty());
  Impairment down;
  down.down = true;
  EXPECT_EQ(impairment("down: true"), down);
  const Fault everywhere = with("faults: [{name: a, down: true}]\n").faults.at(0);
  EXPECT_FALSE(everywhere.path);
  EXPECT_TRUE(everywhere.from.empty() && everywhere.to.empty());
}

TEST(TopologyFaults, LossHasThreeForms) {
  EXPECT_EQ(impairment("loss: 2.5%").loss, (Loss{Loss::Kind::kBernoulli, 0.025, 0, 0, 0}));
  EXPECT_EQ(impairment("loss: {every: 100}").loss, (Loss{Loss::Kind::kNth, 0, 0, 0, 100}));
  EXPECT_EQ(impairment("loss: {to_bad: 1%, to_good: 20%, loss: 50%}").loss,
            (Loss{Loss::Kind::kGilbertElliott, 0.5, 0.01, 0.2, 0}));
  EXPECT_EQ(impairment("loss: 0%").loss, Loss{});
}

TEST(TopologyFaults, FabricSaysWhatEveryPathHas) {
  const Layout layout = with("fabric: {spines: 8, seed: 42, rack: {latency: 1us}, spine: {latency: 5us, rate: 100Gbps, "
                             "queue: 1MiB}}\n").fabric;
  Layout expected;
  expected.spines = 8;
  expected.seed = 42;
  expected.rack.latency_ns = 1'000;
  expected.spine.latency_ns = 5'000;
  expected.spine.rate_bps = 100'000'000'000;
  expected.spine.queue_bytes = 1'048'576;
  EXPECT_EQ(layout, expected);
}

TEST(TopologyFaults, AHostsLinkIsImpairedByTheFabricOrAFault) {
  Layout expected;
  expected.host.rate_bps = 100'000'000'000;
  expected.host.ecn_bytes = 65'536;
  EXPECT_EQ(with("fabric: {host: {rate: 100Gbps, ecn: 64KiB}}\n").fabric, expected);
  EXPECT_EQ(with("faults: [{name: a, host: web, down: true}]\n").faults.at(0).host, "web");
  const Result<Topology> doubled = parse_topology(kVpc + "fabric: {host: {duplicate: 1%}}\n", "test.yaml");
  ASSERT_FALSE(doubled);
  EXPECT_EQ(doubled.error().code, "UnknownParameter");
  const Result<Topology> rateless = parse_topology(kVpc + "fabric: {host: {queue: 1MiB}}\n", "test.yaml");
  ASSERT_FALSE(rateless);
  EXPECT_NE(rateless.error().message.find("without a rate nothing waits"), std::string::npos);
}

TEST(TopologyFaults, AMistakeSaysWhereAndWhatWouldBeRight) {
  struct Bad {
    const char* keys;
    const char* code;
    const char* key;
    const char* says;
  };
  for (const Bad& bad : std::initializer_list<Bad>{
           {"latency: 50", "InvalidParameterValue", "latency", "'50' is no time; write a number and ns, us, ms, s or min"},
           {"latency: 11s", "InvalidParameterValue", "latency", "from 0ns to 10s"},
           {"jitter: 5KiB", "InvalidParameterValue", "jitter", "is no time"},
           {"rate: 10G", "InvalidParameterValue", "rate", "such as 10Gbps"},
           {"rate: 0", "InvalidParameterValue", "rate", "from 1kbps to 1Tbps"},
           {"queue: 64", "InvalidParameterValue", "queue", "such as 256KiB"},
           {"queue: 2GiB", "InvalidParameterValue", "queue", "to 1GiB"},
           {"ecn: 64 KB", "InvalidParameterValue", "ecn", "is no size"},
           {"queue: 64KiB, ecn: 64KiB", "InvalidParameterCombination", "ecn", "make 'ecn' smaller"},
           {"loss: 0.01", "InvalidParameterValue", "loss", "write 0% to 100%"},
           {"loss: 101%", "InvalidParameterValue", "loss", "write 0% to 100%"},
           {"loss: {every: 0}", "InvalidParameterValue", "loss.every", "from 1 to"},
           {"loss: {evry: 3}", "UnknownParameter", "loss.evry", "did you mean 'every'?"},
           {"loss: {every: 3, loss: 1%}", "InvalidParameterCombination", "loss.every", "keep one of the two"},
           {"loss: {to_bad: 1%, to_good: 20%}", "MissingParameter", "loss", "'loss', such as loss: 50%"},
           {"loss: {to_bad: 1, to_good: 20%, loss: 50%}", "InvalidParameterValue", "loss.to_bad", "write 0% to 100%"},
           {"loss: {to_bad: 1%, to_good: 20, loss: 50%}", "InvalidParameterValue", "loss.to_good", "write 0% to 100%"},
           {"loss: {to_bad: 1%, to_good: 20%, loss: 50}", "InvalidParameterValue", "loss.loss", "write 0% to 100%"},
           {"duplicate: 5", "InvalidParameterValue", "duplicate", "write 0% to 100%"},
           {"reorder: 1%", "InvalidParameterValue", "reorder", "with the keys share, by"},
           {"reorder: {share: 1%}", "MissingParameter", "reorder", "by: 100us"},
           {"reorder: {by: 1us}", "MissingParameter", "reorder", "share: 1%"},
           {"reorder: {share: 1%, by: 0}", "InvalidParameterValue", "reorder.by", "from 1ns to 10s"},
           {"corrupt: lots", "InvalidParameterValue", "corrupt", "'lots' is no share"},
           {"down: maybe", "InvalidParameterValue", "down", "true or false"},
           {"flap: 1s", "InvalidParameterValue", "flap", "with the keys period, down"},
           {"flap: {period: 1s}", "MissingParameter", "flap", "down: 100ms"},
           {"flap: {down: 1s}", "MissingParameter", "flap", "period: 1s"},
           {"flap: {period: 1us, down: 10ns}", "InvalidParameterValue", "flap.period", "from 1ms to 60min"},
           {"flap: {period: 1s, down: 2s}", "InvalidParameterCombination", "flap", "write down: true instead"},
           {"flap: {period: 1s, down: 1s}", "InvalidParameterCombination", "flap", "never up"},
           {"down: true, flap: {period: 1s, down: 1ms}", "InvalidParameterCombination", "flap", "keep either"},
           {"path: 256", "InvalidParameterValue", "path", "from 0 to 255"},
           {"path: all", "InvalidParameterValue", "path", "from 0 to 255"},
           {"latncy: 5us", "UnknownParameter", "latncy", "did you mean 'latency'?"},
       }) {
    const Error error = mistake(bad.keys);
    EXPECT_EQ(error.code, bad.code) << bad.keys << ": " << error.to_string();
    EXPECT_EQ(error.where.key, std::string("faults[0].") + bad.key) << bad.keys;
    EXPECT_EQ(error.where.line, 3) << bad.keys;
    EXPECT_NE(error.message.find(bad.says), std::string::npos) << bad.keys << ": " << error.message;
    EXPECT_TRUE(error.others.empty()) << bad.keys << ": " << error.to_string();
  }
}

TEST(TopologyFaults, AMistakeInTheFabricSaysWhereToo) {
  struct Bad {
    const char* text;
    const char* key;
    const char* says;
  };
  for (const Bad& bad : std::initializer_list<Bad>{
           {"fabric: {spines: 0}\n", "fabric.spines", "from 1 to 256"},
           {"fabric: {spines: 257}\n", "fabric.spines", "from 1 to 256"},
           {"fabric: {seed: -1}\n", "fabric.seed", "from 0 to"},
           {"fabric: {leaf: {}}\n", "fabric.leaf", "the keys are spines, seed, rack, spine"},
           {"fabric: {rack: {name: a}}\n", "fabric.rack.name", "a rack's path has no key 'name'"},
           {"fabric: {spine: {queue: 64KiB}}\n", "fabric.spine.queue", "give 'rate' too"},
           {"fabric: {spine: {ecn: 64KiB}}\n", "fabric.spine.ecn", "give 'rate' too"},
           {"fabric: 3\n", "fabric", "not '3'"},
           {"faults: {name: a}\n", "faults", "a list of faults"},
           {"faults: [{down: true}]\n", "faults[0]", "name: slow-spine"},
       }) {
    const Result<Topology> topology = parse_topology(kVpc + bad.text, "test.yaml");
    ASSERT_FALSE(topology) << bad.text;
    EXPECT_EQ(topology.error().where.key, bad.key) << topology.error().to_string();
    EXPECT_NE(topology.error().message.find(bad.says), std::string::npos) << topology.error().to_string();
    EXPECT_TRUE(topology.error().others.empty()) << topology.error().to_string();
  }
}

TEST(TopologyFaults, AllMistakesAreSaidAtOnce) {
  const Result<Topology> topology =
      parse_topology(kVpc + "fabric: {spines: none}\nfaults:\n  - {latency: 5, loss: 5, reorder: {share: 5}}\n  - x\n", "t");
  ASSERT_FALSE(topology);
  EXPECT_EQ(topology.error().others.size(), 6u) << topology.error().to_string();  // with the name and `by` that lack
}

TEST(TopologyFaults, OneAloneIsReadFromJsonAndMayHaveNoName) {
  const Result<Fault> fault =
      parse_fault(R"({"path": 2, "from": "web", "latency": "50us", "loss": {"every": 10}, "down": false})");
  ASSERT_TRUE(fault) << fault.error().to_string();
  Fault expected{"", 2, "web", "", {}};
  expected.impairment.latency_ns = 50'000;
  expected.impairment.loss = {Loss::Kind::kNth, 0, 0, 0, 10};
  EXPECT_EQ(*fault, expected);
}

TEST(TopologyFaults, OneAloneSaysItsMistakesByKeyWithoutALine) {
  const Result<Fault> fault = parse_fault(R"({"latency": "50", "los": "1%"})");
  ASSERT_FALSE(fault);
  EXPECT_EQ(fault.error().others.size(), 1u);
  EXPECT_EQ(fault.error().where.line, 0);
  EXPECT_NE(fault.error().to_string().find("latency: '50' is no time"), std::string::npos) << fault.error().to_string();
  EXPECT_FALSE(parse_fault("[]"));
  EXPECT_FALSE(parse_fault("null"));
  EXPECT_FALSE(parse_fault(""));
  EXPECT_FALSE(parse_fault("{"));
}

}  // namespace
}  // namespace weft

#include "tools/weft/fault_arguments.hpp"

#include <gtest/gtest.h>

#include "dataplane/control/topology_file.hpp"

namespace weft::cli {
namespace {

using nlohmann::json;

TEST(FaultArguments, BecomeTheBodyInTheWordsOfTheFile) {
  FaultArguments o;
  o.name = "lossy";
  o.path = "3";
  o.from = "a";
  o.to = "b";
  o.rate = "10Gbps";
  o.latency = "50us";
  o.jitter = "5us";
  o.queue = "256KiB";
  o.ecn = "64KiB";
  o.loss = "1%";
  o.duplicate = "0.1%";
  o.reorder = "1%";
  o.reorder_by = "100us";
  o.corrupt = "0.01%";
  o.flap_period = "1s";
  o.flap_down = "100ms";
  const Result<json> body = fault_body(o);
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_EQ(*body, json::parse(R"({"name": "lossy", "path": "3", "from": "a", "to": "b", "rate": "10Gbps",
    "latency": "50us", "jitter": "5us", "queue": "256KiB", "ecn": "64KiB", "loss": "1%", "duplicate": "0.1%",
    "reorder": {"share": "1%", "by": "100us"}, "corrupt": "0.01%", "flap": {"period": "1s", "down": "100ms"}})"));
  const Result<underlay::Fault> read = parse_fault(body->dump());
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(read->path, 3u);
  EXPECT_EQ(read->impairment.flap.down_ns, 100'000'000u);
}

TEST(FaultArguments, MayNameAHostsLink) {
  FaultArguments o;
  o.host = "web";
  o.rate = "10Gbps";
  const Result<json> body = fault_body(o);
  ASSERT_TRUE(body) << body.error().message;
  const Result<underlay::Fault> read = parse_fault(body->dump());
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(read->host, "web");
}

TEST(FaultArguments, OfLossHaveThreeForms) {
  const auto loss = [](const char* text) {
    FaultArguments o;
    o.loss = text;
    return (*fault_body(o))["loss"];
  };
  EXPECT_EQ(loss("1%"), "1%");
  EXPECT_EQ(loss("every:100"), json({{"every", "100"}}));
  EXPECT_EQ(loss("to_bad:1%,to_good:20%,loss:50%"), json({{"to_bad", "1%"}, {"to_good", "20%"}, {"loss", "50%"}}));
  FaultArguments counted;
  counted.loss = "every:100";
  EXPECT_EQ(parse_fault(fault_body(counted)->dump())->impairment.loss.nth, 100u);
  for (const char* wrong : {"every:", "every:100,", "every:1,loss:1%", ":", "evry:3"}) {
    FaultArguments o;
    o.loss = wrong;
    EXPECT_FALSE(parse_fault(fault_body(o)->dump())) << wrong;
  }
}

TEST(FaultArguments, OnlySayWhatWasTyped) {
  FaultArguments o;
  o.down = true;
  EXPECT_EQ(*fault_body(o), json({{"down", true}}));
}

TEST(FaultArguments, ThatAreHalfOfSomethingAreRefused) {
  FaultArguments o;
  o.name = "nothing";
  o.path = "1";
  EXPECT_EQ(fault_body(o).error().code, "InvalidParameterCombination") << "it says nothing that is wrong";
  o.down = true;
  EXPECT_TRUE(fault_body(o));
  o.reorder = "1%";
  EXPECT_FALSE(fault_body(o));
  o.reorder_by = "1us";
  EXPECT_TRUE(fault_body(o));
  o.flap_down = "1ms";
  EXPECT_FALSE(fault_body(o));
  o.flap_period = "1s";
  EXPECT_TRUE(fault_body(o));
}

}  // namespace
}  // namespace weft::cli

// Statements 32, 34 and 35 of facts ec2 10: what an instance, a flow and an interface may send.
#include <gtest/gtest.h>

#include "tests/dataplane/statements/cloud.hpp"

namespace weft::test {
namespace {

struct Stream {
  std::string from, to;
  double offered_gbps;
  std::size_t bytes = 9001;  // of an IP packet
  std::uint16_t port = 7;
};

/// Sends evenly for so long and says how much arrived, in Gbps. Ethernet's header counts: it is on the wire.
double gbps(Cloud& cloud, const Stream& stream, double seconds) {
  const Frame frame = udp(cloud.path_to(stream.from, cloud.address(stream.to)), stream.port, 9, stream.bytes - 28);
  const double bits = static_cast<double>(frame.size()) * 8;
  const auto packets = static_cast<unsigned>(seconds * stream.offered_gbps * 1e9 / bits);
  unsigned arrived = 0;
  for (unsigned i = 0; i < packets; ++i) {
    cloud.send(stream.from, frame);
    arrived += cloud.receive(stream.to).has_value() ? 1 : 0;
    Cloud::advance_s(seconds / packets);
  }
  return arrived * bits / seconds / 1e9;
}

TEST(Statement, S32_ASingleFlowHasFiveGbpsAndTenInACluster) {
  const std::string keys = ", type: c5n.18xlarge";  // 100 Gbps
  Cloud cloud({.security_groups = {members()},
               .instances = {instance("a", "members", "", keys + ", placement_group: tight"),
                             instance("b", "members", "", keys + ", placement_group: tight"),
                             instance("c", "members", "", keys)},
               .placement_groups = {"{name: tight, strategy: cluster}"}});
  for (const auto& [to, limit] : {std::pair{"b", 10.0}, std::pair{"c", 5.0}}) {
    gbps(cloud, {.from = "a", .to = to, .offered_gbps = 25}, 0.011);  // what a bucket of 10 ms holds is gone
    EXPECT_NEAR(gbps(cloud, {.from = "a", .to = to, .offered_gbps = 25}, 0.02), limit, limit / 100);
    EXPECT_NEAR(gbps(cloud, {.from = "a", .to = to, .offered_gbps = 5, .port = 8}, 0.01), 5, 0.05) << "another flow";
  }
}

TEST(Statement, S34_WithoutCreditsTheBaselineGetsOut) {
  // An m5.large a ten-thousandth as fast, so that five minutes of credits are 20,000 packets and not 43 million.
  const double scale = 1e-4;
  Cloud cloud({.security_groups = {members()},
               .instances = {instance("a", "members", "", ", type: m5.large, limits: {baseline_gbps: 0.000075, peak_gbps: 0.001}"),
                             instance("b", "members"), instance("real", "members", "", ", type: m5.large")}});
  const Instance& real = *cloud.deployment().find_instance("real");
  EXPECT_EQ(real.allowances.baseline_gbps, 0.75);
  EXPECT_EQ(real.allowances.peak_gbps, 10);
  const Stream two_gbps{.from = "a", .to = "b", .offered_gbps = 2 * scale};
  EXPECT_NEAR(gbps(cloud, {.from = "a", .to = "b", .offered_gbps = 11 * scale}, 290), 10 * scale, scale / 4);
  gbps(cloud, {.from = "a", .to = "b", .offered_gbps = 11 * scale}, 30);  // the credits are gone now
  const std::uint64_t before = cloud.ena("a", EnaCounter::kBwOutAllowanceExceeded);
  cloud.changes();
  EXPECT_NEAR(gbps(cloud, two_gbps, 200), 0.75 * scale, 0.02 * scale);
  const Changes changes = cloud.changes();
  EXPECT_EQ(changes.at("dropped"), changes.at("a.bw-out-allowance"));
  EXPECT_EQ(cloud.ena("a", EnaCounter::kBwOutAllowanceExceeded) - before,
            static_cast<std::uint64_t>(changes.at("dropped")));
  for (const char* name : {"a", "b"}) EXPECT_EQ(cloud.ena(name, EnaCounter::kBwInAllowanceExceeded), 0U);
}

TEST(Statement, S35_OfTwoThousandFragmentsInASecond1024LeaveAnInterface) {
  Cloud cloud({.security_groups = {members()},
               .instances = {instance("a", "members", "", ", type: m5.large"), instance("b", "members")}});
  Frame fragment = udp(cloud.path_to("a", cloud.address("b")), 7, 9, 64);
  long long arrived = 0;
  for (unsigned i = 0; i < 2000; ++i) {
    auto& ip = header_at<Ipv4Header>(fragment, kIpOffset);
    ip.identification = Be16(static_cast<std::uint16_t>(i));
    ip.fragment = Be16(Ipv4Header::kMoreFragments);  // the first of each datagram
    fix_ip_checksum(fragment);
    cloud.send("a", fragment);
    arrived += cloud.receive("b").has_value() ? 1 : 0;
    if (i % 2 == 1) Cloud::advance_s(0.001);
  }
  EXPECT_EQ(arrived, 1024);
  const auto bytes = static_cast<long long>(fragment.size());
  EXPECT_EQ(cloud.changes(), (Changes{{"received", 2000},
                                      {"a.tx_packets", 2000},
                                      {"a.tx_bytes", 2000 * bytes},
                                      {"delivered", 1024},
                                      {"b.rx_packets", 1024},
                                      {"b.rx_bytes", 1024 * bytes},
                                      {"dropped", 976},
                                      {"a.fragment-allowance", 976},
                                      {"a.pps_allowance_exceeded", 976},
                                      {"flow 10.0.0.4:7>10.0.0.5:9/17 udp-single tracked-tracked", 1},
                                      {"flow 10.0.0.4:7>10.0.0.5:9/17 packets", 1024}}));
}

}  // namespace
}  // namespace weft::test

// Random packets, and a twin that knows nothing of captures: it takes down what it puts into a guest's ring and what it
// gets out of one, and reads the reasons of drops from the engine's log. The records must be that, one for one.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/dataplane/worker/captured.hpp"
#include "tests/dataplane/worker/frames6.hpp"
#include "tests/dataplane/worker/networks.hpp"

namespace weft::test {
namespace {

using Records = std::vector<Seen>;
const std::vector<std::string> kGuests = {"a", "b", "c", "d", "internet"};

Deployment network() {
  Deployment deployment = make_deployment(
      {make_group("some", {rule(kUdp, 0, 40, cidr("0.0.0.0/0")), rule(kTcp, 0, 20, group("some"))},
                  {rule(kUdp, 0, 50, cidr("0.0.0.0/0")), rule(kTcp, 0, 40, cidr("0.0.0.0/0"))}),
       open_group()},
      four_guests({"some"}));
  deployment.instances[2].enis[0].security_groups = {"open"};
  add_internet(deployment, {"hpc", "far"});
  add_elastic_ip(deployment, "203.0.113.1", "eni-a", "10.0.1.4");
  add_elastic_ip(deployment, "203.0.113.3", "eni-c", "10.0.1.6");
  add_acl(deployment, "far", {deny(90, kUdp, 30, 40), allow(100)}, {deny(90, kTcp, 10, 20), allow(100)});
  return deployment;
}

class Traffic {
 public:
  Traffic(Fabric& fabric, std::mt19937_64& random) : fabric_(fabric), random_(random) {}

  Frame frame(const std::string& from) {
    Path path = from == "internet" ? Path{kInternetMac, kGatewayMac, kOutside, pick({"203.0.113.1", "203.0.113.3", "203.0.113.9"})}
                                   : fabric_.path_to(from, other_than(fabric_.address(from)));
    if (one_in(20)) path.from_mac = mac("02:00:00:00:00:66");
    if (one_in(20)) path.from = "10.0.1.99";
    const auto port = [&] { return static_cast<std::uint16_t>(random_() % 60); };
    const std::size_t payload = one_in(6) ? 1400 + random_() % 4000 : random_() % 100;
    Frame made;
    switch (random_() % 8) {
      case 0: case 1: case 2: made = udp(path, port(), port(), payload); break;
      case 3: case 4: made = tcp(path, port(), port(), static_cast<std::uint8_t>(random_() % 64), payload); break;
      case 5: made = icmp(path, static_cast<std::uint8_t>(random_() % 20), 0, port()); break;
      case 6: made = arp(path.from_mac, MacAddress::broadcast(), 1, path.from_mac, path.from, {}, path.to); break;
      default: made = udp(path, port(), port()); made.resize(random_() % made.size()); break;
    }
    if (one_in(4) && made.size() > kIpv4L4Offset && header_at<EthernetHeader>(made, 0).ether_type == Be16(kEtherTypeIpv4)) {
      header_at<Ipv4Header>(made, kIpOffset).fragment = Be16(0);  // may be cut
      fix_ip_checksum(made);
    }
    if (one_in(10) && made.size() > 20) made[random_() % 20] ^= static_cast<std::uint8_t>(1U << random_() % 8);
    return made;
  }
  bool one_in(unsigned n) { return random_() % n == 0; }

 private:
  std::string pick(std::initializer_list<std::string> from) {
    return *(from.begin() + static_cast<std::ptrdiff_t>(random_() % from.size()));
  }
  std::string other_than(const std::string& own) {
    std::string other = own;
    while (other == own)
      other = pick({"10.0.1.4", "10.0.1.5", "10.0.1.6", "10.0.2.4", "10.0.1.1", "10.0.1.250", kOutside, "203.0.113.1", "203.0.113.3",
                    "192.0.2.1"});
    return other;
  }

  Fabric& fabric_;
  std::mt19937_64& random_;
};

/// By receiver, what its ring has. A guest's frames are in order; between guests there is none.
std::map<std::string, std::vector<Frame>> drain(Fabric& fabric) {
  std::map<std::string, std::vector<Frame>> received;
  for (const std::string& guest : kGuests)
    while (auto frame = fabric.receive(guest)) received[guest].push_back(std::move(*frame));
  return received;
}

std::vector<Frame> frames_of(const Records& records, const std::string& who, bool out, bool dropped_too) {
  std::vector<Frame> frames;
  for (const Seen& seen : records)
    if (seen.who == who && seen.out == out && (dropped_too || seen.drop.empty())) frames.push_back(seen.bytes);
  return frames;
}

/// By sender and reason, how many were dropped: by the records, and by the counters. What came back through the gateway
/// is counted at the gateway and recorded at its sender, so reasons alone are compared.
std::map<std::string, std::uint64_t> drops_of(const Records& records) {
  std::map<std::string, std::uint64_t> drops;
  for (const Seen& seen : records)
    if (seen.out && !seen.drop.empty()) ++drops[seen.drop];
  return drops;
}
std::map<std::string, std::uint64_t> drops_of(Fabric& fabric) {
  std::map<std::string, std::uint64_t> drops;
  for (const EniStatistics& one : fabric.engine().statistics())
    for (std::size_t i = 0; i < kDropReasons; ++i)
      if (one.drops[i] != 0) drops[std::string(kDropNames[i])] += one.drops[i];
  return drops;
}

class CaptureRandom : public ::testing::TestWithParam<unsigned> {};  // packets that each guest sends in a turn

TEST_P(CaptureRandom, TheRecordsAreWhatWasSentAndWhatWasGot) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  Fabric fabric(network(), {.flow_capacity = 65536, .ring_depth = 1024});
  Captured capture(fabric, kGuests);
  Traffic traffic(fabric, random);
  std::map<std::string, std::uint64_t> recorded_drops;
  for (int turn = 0; turn < 400; ++turn) {
    std::map<std::string, std::vector<Frame>> sent_by;
    for (const std::string& guest : kGuests)
      for (unsigned n = random() % (GetParam() + 1); n != 0; --n) {
        Frame frame = traffic.frame(guest);
        fabric.inject(guest, frame);
        sent_by[guest].push_back(std::move(frame));
      }
    fabric.turn();
    std::map<std::string, std::vector<Frame>> received_by = drain(fabric);
    const Records records = capture.take();
    for (const auto& [reason, count] : drops_of(records)) recorded_drops[reason] += count;
    for (const std::string& guest : kGuests) {
      SCOPED_TRACE(guest);
      ASSERT_EQ(frames_of(records, guest, true, true), sent_by[guest]);
      ASSERT_EQ(frames_of(records, guest, false, false), received_by[guest]);
    }
    // A receiver's record of a drop has its sender's beside it, for the same reason.
    for (const Seen& seen : records)
      if (!seen.out && !seen.drop.empty()) {
        ASSERT_TRUE(std::ranges::any_of(records, [&](const Seen& o) { return o.out && o.drop == seen.drop; }));
      }
    if (traffic.one_in(50)) Fabric::advance_ms(300);
  }
  // Pieces of a packet that was cut at the gateway have its record in common, however many of them are lost.
  std::map<std::string, std::uint64_t> counted = drops_of(fabric);
  EXPECT_GT(recorded_drops.size(), 8U) << "the traffic is too tame";
  std::uint64_t pieces = 0;
  for (const auto& [reason, count] : counted) {
    EXPECT_GT(recorded_drops[reason], 0U) << reason;
    EXPECT_LE(recorded_drops[reason], count) << reason;
    pieces += count - recorded_drops[reason];
  }
  EXPECT_LE(pieces, fabric.engine().balance().copies);
}

INSTANTIATE_TEST_SUITE_P(PacketsOfATurn, CaptureRandom, ::testing::Values(1U, 20U, 100U));

}  // namespace
}  // namespace weft::test

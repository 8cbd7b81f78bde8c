// Workers with threads of their own: publication under traffic, hand-over between two, sleeping and waking.
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/dataplane/worker/guests6.hpp"
#include "tests/dataplane/worker/networks.hpp"

namespace weft::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

Deployment members() { return make_deployment({members_group()}, four_guests({"members"})); }

/// Waits for what threads do; false after ten seconds.
template <typename Condition>
bool eventually(Condition&& condition) {
  const auto deadline = steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

std::optional<Frame> receive_soon(Fabric& fabric, const std::string& guest) {
  std::optional<Frame> got;
  eventually([&] { return (got = fabric.receive(guest)).has_value(); });
  return got;
}

TEST(Threads, AWorkerCarriesPacketsWithoutBeingAsked) {
  Fabric fabric(members(), {.workers = 1});
  fabric.engine().start();
  for (std::uint16_t port = 1; port < 50; ++port) {
    const Frame frame = udp(fabric.path("a", "b"), port, 2);
    fabric.inject("a", frame);
    ASSERT_EQ(receive_soon(fabric, "b"), frame);
  }
  EXPECT_EQ(fabric.engine().flows().size(), 49U);
  fabric.engine().stop();
  EXPECT_TRUE(fabric.engine().balance().holds());
}

TEST(Threads, Ipv6FlowsMeetInTheTableOfTheirOwnerFromEitherEnd) {
  SecurityGroup client = make_group("client", {}, {all(cidr("::/0"))});
  SecurityGroup server = make_group("server", {rule(kUdp, 53, 53, cidr("2001:db8::/56"))}, {});
  Fabric fabric(dual_stack({client, server}, {guest("a", "10.0.1.4", {"client"}), guest("b", "10.0.1.5", {"server"})}),
                {.workers = 2});
  fabric.engine().start();
  for (std::uint16_t port = 1; port < 50; ++port) {
    const Frame there = udp6(path6(fabric, "a", "b"), port, 53), back = udp6(path6(fabric, "b", "a"), 53, port);
    fabric.inject("a", there);
    ASSERT_EQ(receive_soon(fabric, "b"), there);
    fabric.inject("b", back);
    ASSERT_EQ(receive_soon(fabric, "a"), back) << "by state, wherever it is";
  }
  EXPECT_EQ(fabric.engine().flows().size(), 49U);
  fabric.engine().stop();
  EXPECT_TRUE(fabric.engine().balance().holds());
}

TEST(Threads, TheGatewayItsErrorsItsHairpinsAndFragmentsWorkWhoeverOwnsTheFlow) {
  Deployment deployment = make_deployment({open_group()}, four_guests({"open"}));
  add_internet(deployment);
  add_elastic_ip(deployment, "203.0.113.1", "eni-a", "10.0.1.4");
  add_elastic_ip(deployment, "203.0.113.2", "eni-b", "10.0.1.5");
  Fabric fabric(deployment, {.workers = 3});
  fabric.engine().start();
  const Path out = fabric.path_to("a", kOutside), hairpin = fabric.path_to("a", "203.0.113.2");
  for (std::uint16_t port = 1; port < 40; ++port) {  // their hashes have every owner
    fabric.inject("a", udp(out, port, 53));
    ASSERT_TRUE(receive_soon(fabric, "internet").has_value()) << port;
    fabric.inject("internet", udp({kInternetMac, kGatewayMac, kOutside, "203.0.113.1"}, 53, port));
    ASSERT_TRUE(receive_soon(fabric, "a").has_value()) << port;
    fabric.inject("a", udp(out, port, 53, 3000));  // with DF: the router says so
    ASSERT_TRUE(receive_soon(fabric, "a").has_value()) << port;
    fabric.inject("a", udp(hairpin, port, 53));
    ASSERT_TRUE(receive_soon(fabric, "b").has_value()) << port;

    Frame whole = udp(hairpin, port, 53, 3000);
    header_at<Ipv4Header>(whole, kIpOffset).fragment = Be16(0);
    fix_ip_checksum(whole);
    fabric.inject("a", whole);
    for (int n = 0; n < 3; ++n) ASSERT_TRUE(receive_soon(fabric, "b").has_value()) << port << " fragment " << n;
  }
  fabric.engine().stop();
  EXPECT_EQ(fabric.engine().balance().dropped, 39U) << "the packets that were too big";
  EXPECT_TRUE(fabric.engine().balance().holds());
}

TEST(Threads, LaterFragmentsFindTheOwnerOfTheirFlow) {
  Deployment deployment = make_deployment(
      {make_group("client", {}, {all(cidr("0.0.0.0/0"))}), make_group("server", {rule(kUdp, 53, 53, cidr("10.0.0.0/16"))}, {})},
      {guest("a", "10.0.1.4", {"client"}), guest("b", "10.0.1.5", {"server"})});
  Fabric fabric(deployment, {.workers = 3});
  fabric.engine().start();
  for (std::uint16_t port = 1; port < 40; ++port) {
    const Frame whole = udp(fabric.path("a", "b"), port, 53, 2000);
    for (const std::size_t at : {std::size_t{1000}, std::size_t{0}}) {  // the later one first: it waits
      Frame piece(whole.begin(), whole.begin() + kIpv4L4Offset);
      const auto begin = whole.begin() + static_cast<long>(kIpv4L4Offset + at);
      piece.insert(piece.end(), begin, at == 0 ? begin + 1000 : whole.end());
      auto& ip_header = header_at<Ipv4Header>(piece, kIpOffset);
      ip_header.identification = Be16(port);
      ip_header.total_length = Be16(static_cast<std::uint16_t>(piece.size() - kIpOffset));
      ip_header.fragment = Be16(static_cast<std::uint16_t>(at == 0 ? Ipv4Header::kMoreFragments : at / 8));
      fix_ip_checksum(piece);
      fabric.inject("a", piece);
    }
    for (int n = 0; n < 2; ++n) ASSERT_TRUE(receive_soon(fabric, "b").has_value()) << port << " fragment " << n;
  }
  EXPECT_EQ(fabric.engine().flows().size(), 39U);
  fabric.engine().stop();
  EXPECT_TRUE(fabric.engine().balance().holds());
}

TEST(Threads, AnIdleWorkerSleepsAndAPacketWakesIt) {
  Fabric fabric(members(), {.workers = 1});
  fabric.engine().start();
  std::this_thread::sleep_for(milliseconds(50));
  const auto cpu = [] {
    rusage usage;
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
  };
  const double before = cpu();
  const auto asleep_before = fabric.engine().idle_times().at(0).asleep_ns;
  std::this_thread::sleep_for(milliseconds(1000));
  EXPECT_LT(cpu() - before, 0.02) << "an idle daemon takes less than 2 % of a core";
  fabric.inject("a", udp(fabric.path("a", "b"), 1, 2));
  EXPECT_TRUE(receive_soon(fabric, "b").has_value());
  EXPECT_GT(fabric.engine().idle_times().at(0).asleep_ns - asleep_before, 800'000'000U);
  fabric.engine().stop();
}

TEST(Threads, PollingNeverSleeps) {
  EngineOptions options;
  options.poll = true;
  options.flow_capacity = 64;
  options.packets = 511;
  auto engine = Engine::create(options);
  ASSERT_TRUE(engine);
  (*engine)->start();
  std::this_thread::sleep_for(milliseconds(50));
  (*engine)->stop();
  EXPECT_EQ((*engine)->idle_times().at(0).asleep_ns, 0U);
}

TEST(Threads, StopsAndStartsAgain) {
  Fabric fabric(members(), {.workers = 2});
  for (int round = 0; round < 5; ++round) {
    fabric.engine().start();
    fabric.inject("a", udp(fabric.path("a", "b"), 1, 2));
    EXPECT_TRUE(receive_soon(fabric, "b").has_value());
    fabric.engine().stop();
  }
  EXPECT_TRUE(fabric.engine().balance().holds());
}

/// a sends numbered packets on many flows while the control thread publishes; b must see every one, each flow in order.
void no_packet_is_lost(unsigned workers) {
  constexpr std::uint32_t kPackets = 20000, kFlows = 64;
  Fabric fabric(members(), {.workers = workers, .ring_depth = 1024});
  fabric.engine().start();
  std::atomic<std::uint32_t> received{0};
  std::atomic<bool> in_order{true}, done{false};
  const Path path = fabric.path("a", "b");

  std::thread receiver([&] {
    std::vector<std::uint32_t> last(kFlows, 0);
    while (!done.load()) {
      const std::optional<Frame> frame = fabric.receive("b");
      if (!frame) {
        std::this_thread::yield();
        continue;
      }
      const std::uint32_t flow = header_at<UdpHeader>(*frame, kIpv4L4Offset).source_port.host() - 1U;
      const std::uint32_t number = header_at<Be32>(*frame, kIpv4L4Offset + 8).host();
      if (flow >= kFlows || number <= last[flow]) in_order = false;
      else last[flow] = number;
      ++received;
    }
  });
  std::thread sender([&] {
    for (std::uint32_t number = 1; number <= kPackets; ++number) {
      Frame frame = udp(path, static_cast<std::uint16_t>(1 + number % kFlows), 2);
      header_at<Be32>(frame, kIpv4L4Offset + 8) = Be32(number);
      while (number - received.load() > 200) std::this_thread::yield();  // far from filling any ring
      rte_mbuf* packet = fabric.packet(frame);
      while (fabric.from_guest("a").push({&packet, 1}) != 1) std::this_thread::yield();
    }
  });

  unsigned publications = 0;
  const bool all = eventually([&] {
    Deployment deployment = members();
    if (publications++ % 2 == 0) {
      deployment.instances.push_back(guest("e", "10.0.1.50", {"members"}));  // comes and goes
      deployment.security_groups.push_back(open_group());
    }
    EXPECT_TRUE(fabric.engine().apply(std::make_shared<const Deployment>(std::move(deployment)), {}));
    return received.load() == kPackets;
  });
  sender.join();
  done = true;
  receiver.join();
  EXPECT_TRUE(all) << received.load() << " of " << kPackets << " after " << publications << " publications";
  EXPECT_TRUE(in_order);
  EXPECT_GT(publications, 10U);
  fabric.engine().stop();
  const Balance balance = fabric.engine().balance();
  EXPECT_TRUE(balance.holds());
  EXPECT_EQ(balance.dropped, 0U);
}

TEST(Threads, PublicationUnderTrafficLosesNothing) { no_packet_is_lost(1); }
TEST(Threads, PublicationUnderTrafficLosesNothingWithTwoWorkersThatHandOver) { no_packet_is_lost(2); }

TEST(Threads, TwoWorkersShareTheFlowsAndEachFlowHasOneEntry) {
  Fabric fabric(members(), {.workers = 2});
  fabric.engine().start();
  for (std::uint16_t port = 1; port <= 64; ++port) {
    fabric.inject("a", udp(fabric.path("a", "d"), port, 9));
    ASSERT_TRUE(receive_soon(fabric, "d").has_value());
    fabric.inject("d", udp(fabric.path("d", "a"), 9, port));
    ASSERT_TRUE(receive_soon(fabric, "a").has_value());
  }
  const std::vector<FlowView> flows = fabric.engine().flows();
  ASSERT_EQ(flows.size(), 64U);
  for (const FlowView& flow : flows) {
    EXPECT_EQ(flow.packets[0], 1U);
    EXPECT_EQ(flow.packets[1], 1U);
  }
  fabric.engine().stop();
  EXPECT_TRUE(fabric.engine().balance().holds());
  EXPECT_EQ(fabric.engine().balance().held, 0U);
}

TEST(Threads, AnEniThatGoesUnderTrafficTakesNobodyAlong) {
  Fabric fabric(members(), {.workers = 2, .packets = 16383, .ring_depth = 1024});
  fabric.engine().start();
  std::atomic<bool> done{false};
  const Path path = fabric.path("a", "c");
  std::thread sender([&] {
    for (std::uint16_t port = 1; !done.load(); port = static_cast<std::uint16_t>(1 + port % 500)) {
      rte_mbuf* packet = fabric.packet(udp(path, port, 2));
      if (packet == nullptr || fabric.from_guest("a").push({&packet, 1}) != 1) {
        rte_pktmbuf_free(packet);
        std::this_thread::yield();
      }
    }
  });
  std::thread receiver([&] {
    while (!done.load())
      if (!fabric.receive("c")) std::this_thread::yield();
  });
  for (int round = 0; round < 50; ++round) {
    Deployment without = members();
    without.instances.erase(without.instances.begin() + 2);
    ASSERT_TRUE(fabric.engine().apply(std::make_shared<const Deployment>(without), {}));
    ASSERT_TRUE(fabric.engine().apply(std::make_shared<const Deployment>(members()), {}));
  }
  done = true;
  sender.join();
  receiver.join();
  fabric.engine().stop();
  EXPECT_TRUE(fabric.engine().balance().holds());
}

}  // namespace
}  // namespace weft::test

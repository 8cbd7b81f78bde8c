// Captures that begin and end while workers with threads of their own carry packets. Under ASan and TSan this is the test
// of a session's life: it is freed when no worker touches it any more, and not before.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "tests/dataplane/worker/captured.hpp"
#include "tests/dataplane/worker/networks.hpp"

namespace weft::test {
namespace {

using std::chrono::steady_clock;

/// Members may send to everybody, and c lets nobody in.
Deployment network() {
  const SecurityGroup members = make_group("members", {all(group("members"))}, {all(cidr("0.0.0.0/0"))});
  Deployment deployment = make_deployment({members, make_group("closed", {}, {})}, four_guests({"members"}));
  deployment.instances[2].enis[0].security_groups = {"closed"};
  return deployment;
}

template <typename Condition>
bool eventually(Condition&& condition) {
  const auto deadline = steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

/// Sends to b and to c, which refuses all, as fast as the rings take it, until it is told to end.
class Sender {
 public:
  explicit Sender(Fabric& fabric) : thread_([this, &fabric] { run(fabric); }) {}
  ~Sender() {
    done_ = true;
    thread_.join();
  }

 private:
  void run(Fabric& fabric) {
    const Path to_b = fabric.path("a", "b"), to_c = fabric.path("a", "c");
    for (std::uint16_t n = 0; !done_; ++n) {
      rte_mbuf* packet = fabric.packet(udp(n % 3 == 0 ? to_c : to_b, static_cast<std::uint16_t>(n % 500), 2));
      if (fabric.from_guest("a").push({&packet, 1}) != 1) {
        rte_pktmbuf_free(packet);
        std::this_thread::yield();
      }
      while (fabric.receive("b")) {
      }
    }
  }
  std::atomic<bool> done_{false};
  std::thread thread_;
};

/// Reads a record to its last byte, so that a sanitizer sees memory that has gone. Returns how many there were.
unsigned read_some(CaptureSession& session, unsigned& dropped) {
  unsigned count = 0;
  CaptureRing* ring = nullptr;
  while (const CaptureRecord* const record = session.front(ring)) {
    unsigned sum = 0;
    for (std::uint32_t i = 0; i < record->captured; ++i) sum += static_cast<unsigned>(record->bytes()[i]);
    EXPECT_NE(sum, 0U);
    dropped += record->dropped_for != CaptureRecord::kNotDropped ? 1 : 0;
    ring->pop();
    ++count;
  }
  return count;
}

void end_under_traffic(unsigned workers) {
  constexpr int kCaptures = 60;
  Fabric fabric(network(), {.workers = workers, .packets = 16383, .ring_depth = 1024});
  fabric.engine().start();
  unsigned records = 0, dropped = 0;
  {
    Sender sender(fabric);
    for (int round = 0; round < kCaptures; ++round) {
      auto session = fabric.engine().start_capture({.ring_bytes = 65536}, guests_named({"a", "b"}));
      ASSERT_TRUE(session);
      unsigned here = 0;
      EXPECT_TRUE(eventually([&] { return (here += read_some(**session, dropped)) > 50; }));
      fabric.engine().stop_capture();
      records += here + read_some(**session, dropped);
      EXPECT_EQ(session->use_count(), 1) << "the engine has let it go";
    }
  }
  EXPECT_GT(records, 50U * kCaptures);
  EXPECT_GT(dropped, 0U);
  fabric.engine().stop();
  EXPECT_TRUE(fabric.engine().balance().holds());
}

TEST(CaptureThreads, EndsUnderTraffic) { end_under_traffic(1); }
TEST(CaptureThreads, EndsUnderTrafficOfThreeWorkersThatHandOver) { end_under_traffic(3); }

TEST(CaptureThreads, NobodyReadsAndTheWorkersGoOn) {
  Fabric fabric(network(), {.workers = 1, .packets = 16383, .ring_depth = 1024});
  fabric.engine().start();
  auto session = fabric.engine().start_capture({.ring_bytes = 4096}, guests_named({"a"}));
  ASSERT_TRUE(session);
  {
    Sender sender(fabric);
    EXPECT_TRUE(eventually([&] { return (*session)->missed() > 1000; }));
  }
  fabric.engine().stop_capture();
  EXPECT_EQ((*session)->missed_of(1), (*session)->missed());
  fabric.engine().stop();
}

TEST(CaptureThreads, EnisComeAndGoUnderACapture) {
  Fabric fabric(network(), {.workers = 2, .packets = 16383, .ring_depth = 1024});
  fabric.engine().start();
  auto session = fabric.engine().start_capture({.ring_bytes = 1 << 20}, guests_named({"a", "b", "d"}));
  ASSERT_TRUE(session);
  unsigned dropped = 0;
  {
    Sender sender(fabric);
    for (int round = 0; round < 30; ++round) {
      Deployment without = network();
      without.instances.pop_back();  // d
      ASSERT_TRUE(fabric.engine().apply(std::make_shared<const Deployment>(without), {}));
      read_some(**session, dropped);
      ASSERT_TRUE(fabric.engine().apply(std::make_shared<const Deployment>(network()), {}));
    }
  }
  fabric.engine().stop_capture();
  EXPECT_EQ((*session)->interfaces_from(1).size(), 3U + 30U) << "d is another interface each time that it comes";
  fabric.engine().stop();
}

/// With several workers: each packet once where it is sent, whoever owns its flow, and once where it is got.
TEST(CaptureThreads, OneRecordOfEachPacketWhoeverOwnsItsFlow) {
  Fabric fabric(network(), {.workers = 3});
  fabric.engine().start();
  auto session = fabric.engine().start_capture({}, guests_named({"a", "b", "c", "d"}));
  ASSERT_TRUE(session);
  std::multiset<Frame> sent_frames, refused;
  for (std::uint16_t port = 1; port <= 200; ++port) {
    const Frame frame = udp(fabric.path("a", port % 4 == 0 ? "c" : "b"), port, 9);
    (port % 4 == 0 ? refused : sent_frames).insert(frame);
    fabric.inject("a", frame);
    if (port % 4 == 0) continue;
    ASSERT_TRUE(eventually([&] { return fabric.receive("b").has_value(); }));
  }
  ASSERT_TRUE(eventually([&] { return fabric.engine().balance().dropped == refused.size(); }));
  fabric.engine().stop_capture();
  std::multiset<Frame> out, in, refused_out, refused_in;
  CaptureRing* ring = nullptr;
  while (const CaptureRecord* const record = (*session)->front(ring)) {
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(record->bytes());
    const bool is_out = record->direction == CaptureDirection::kOut;
    const bool drop = record->dropped_for != CaptureRecord::kNotDropped;
    (drop ? (is_out ? refused_out : refused_in) : (is_out ? out : in)).emplace(bytes, bytes + record->captured);
    ring->pop();
  }
  EXPECT_EQ(out, sent_frames);
  EXPECT_EQ(in, sent_frames) << "one subnet: MAC addresses stay";
  EXPECT_EQ(refused_out, refused);
  EXPECT_EQ(refused_in, refused);
  fabric.engine().stop();
}

}  // namespace
}  // namespace weft::test

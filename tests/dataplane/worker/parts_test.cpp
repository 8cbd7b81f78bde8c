// The engine's parts for themselves: idle policy, wake set, hand-over rings, slots, address table, publication.
#include <gtest/gtest.h>

#include <rte_mempool.h>

#include <atomic>
#include <random>
#include <thread>

#include <unistd.h>

#include "dataplane/flow/table.hpp"
#include "dataplane/limit/flow_meters.hpp"
#include "dataplane/observe/flow_log_table.hpp"
#include "dataplane/worker/address_table.hpp"
#include "dataplane/worker/eal.hpp"
#include "dataplane/worker/handover.hpp"
#include "dataplane/worker/idle.hpp"
#include "dataplane/worker/packet_pool.hpp"
#include "dataplane/worker/publication.hpp"
#include "dataplane/worker/slots.hpp"
#include "dataplane/worker/wake.hpp"
#include "tests/dataplane/policy/fixtures.hpp"

namespace weft::test {
namespace {

using Step = IdlePolicy::Step;

/// Empty turns a microsecond apart until the policy says sleep.
std::uint64_t ns_until_sleep(IdlePolicy& policy, std::uint64_t& now) {
  const std::uint64_t begin = now;
  while (policy.next(false, now) != Step::kSleep) now += 1000;
  return now - begin;
}

TEST(Idle, SpinsThenYieldsThenSleeps) {
  IdlePolicy policy(false);
  std::uint64_t now = 1'000'000;
  for (unsigned turn = 0; turn < IdlePolicy::kSpins; ++turn) EXPECT_EQ(policy.next(false, now), Step::kSpin) << turn;
  EXPECT_EQ(policy.next(false, now), Step::kYield);
  EXPECT_EQ(policy.next(false, now + IdlePolicy::kLeastPatienceNs), Step::kSleep);
  EXPECT_EQ(policy.next(true, now), Step::kSpin) << "work ends it";
  EXPECT_EQ(policy.next(false, now), Step::kSpin);
}

TEST(Idle, StaysHotLongerWhenSleepsAreShortAndForgetsItAfterALongOne) {
  IdlePolicy policy(false);
  std::uint64_t now = 1;
  const std::uint64_t first = ns_until_sleep(policy, now);
  EXPECT_GE(first, 50'000U);
  for (int i = 0; i < 20; ++i) policy.woken(10'000);
  const std::uint64_t patient = ns_until_sleep(policy, now);
  EXPECT_GE(patient, IdlePolicy::kMostPatienceNs);
  EXPECT_LE(patient, IdlePolicy::kMostPatienceNs + 100'000);
  policy.woken(1'000'000'000);
  EXPECT_LE(ns_until_sleep(policy, now), first + 10'000);
}

TEST(Idle, PollNeverYields) {
  IdlePolicy policy(true);
  for (std::uint64_t now = 0; now < 1'000'000'000; now += 1'000'000) ASSERT_EQ(policy.next(false, now), Step::kSpin);
}

TEST(Wake, AWakeBeforeTheSleepEndsItAtOnce) {
  WakeSet set;
  set.wake();
  EXPECT_TRUE(set.wait(5'000'000'000));
  EXPECT_FALSE(set.wait(0)) << "and is used up";
}

TEST(Wake, OnlyASleeperIsWoken) {
  WakeSet set;
  set.wake_if_asleep();
  EXPECT_FALSE(set.wait(0));
  set.announce_sleep();
  set.wake_if_asleep();
  EXPECT_TRUE(set.wait(5'000'000'000));
}

TEST(Wake, ReportsTheTagsOfReadyDescriptorsUntilTheyAreRemoved) {
  WakeSet set;
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  ASSERT_TRUE(set.add(pipe_ends[0], 42));
  std::array<WakeSet::Ready, WakeSet::kEvents> found;
  EXPECT_EQ(set.ready(found), 0U);
  ASSERT_EQ(::write(pipe_ends[1], "x", 1), 1);
  set.wake();
  ASSERT_EQ(set.ready(found), 1U);
  EXPECT_EQ(found[0].tag, 42U);
  EXPECT_FALSE(found[0].broken);
  EXPECT_TRUE(set.wait(5'000'000'000));
  ::close(pipe_ends[1]);
  ASSERT_EQ(set.ready(found), 1U);
  EXPECT_TRUE(found[0].broken) << "the other end has gone";
  set.remove(pipe_ends[0]);
  EXPECT_EQ(set.ready(found), 0U);
  EXPECT_FALSE(set.add(-1, 1)) << "a descriptor that cannot be polled is an error";
  ::close(pipe_ends[0]);
}

TEST(HandoverRings, TakeFromTheFrontUntilFullAndWakeTheReceiver) {
  PacketPool pool = make_packet_pool(4095);
  WakeSet sleeper;
  {
    Handover rings(2);
    rings.set_sleeper(1, &sleeper);
    sleeper.announce_sleep();
    std::vector<HandedOver> packets;
    for (std::uint16_t i = 0; i < 2100; ++i) packets.push_back({rte_pktmbuf_alloc(pool.get()), i, kNoEni, 7});
    const unsigned sent = rings.send(0, 1, packets);
    EXPECT_EQ(sent, Handover::kDepth - 1);
    EXPECT_EQ(rings.held(), sent);
    EXPECT_TRUE(sleeper.wait(0));
    EXPECT_TRUE(rings.empty(0));
    EXPECT_FALSE(rings.empty(1));
    HandedOver got;
    ASSERT_EQ(rings.receive(0, 1, {&got, 1}), 1U);
    EXPECT_EQ(got.packet, packets[0].packet);
    EXPECT_EQ(got.source, 0);
    EXPECT_EQ(got.epoch, 7U);
    rte_pktmbuf_free(got.packet);
    for (std::size_t i = sent; i < packets.size(); ++i) rte_pktmbuf_free(packets[i].packet);
  }
  EXPECT_EQ(rte_mempool_avail_count(pool.get()), 4095U) << "what was in the rings is freed with them";
}

TEST(HandoverRings, EveryHashHasOneOwnerAndTheyShareEvenly) {
  Handover rings(3);
  std::mt19937 random(1);
  unsigned owned[3] = {};
  for (int i = 0; i < 30000; ++i) ++owned[rings.owner(static_cast<std::uint16_t>(random()))];
  for (const unsigned count : owned) EXPECT_NEAR(count, 10000, 500);
}

TEST(Slots, LastAsLongAsTheirEniAndAreUsedAgainInTurn) {
  SlotTable slots;
  const auto take = [&](const std::string& name, const std::string& address, std::uint32_t epoch) {
    return slots.take("eni-" + name, ip(address), epoch, 0);
  };
  EXPECT_EQ(take("a", "10.0.1.4", 1), EniSlot{0});
  EXPECT_EQ(take("b", "10.0.1.5", 1), EniSlot{1});
  EXPECT_EQ(take("a", "10.0.1.4", 2), EniSlot{0});
  EXPECT_EQ(slots[0].born, 1U);
  EXPECT_EQ(take("a", "10.0.1.9", 3), EniSlot{0});
  EXPECT_EQ(slots[0].born, 3U) << "with another address it is another end of flows";
  slots.free(0);
  EXPECT_FALSE(slots.find("eni-a").has_value());
  EXPECT_EQ(take("c", "10.0.1.6", 5), EniSlot{0});
  EXPECT_EQ(slots.eni_at(0, 4), "eni-a");
  EXPECT_EQ(slots.eni_at(0, 5), "eni-c");
  EXPECT_EQ(slots.eni_at(1, 5), "eni-b");
  EXPECT_EQ(slots.eni_at(0, 2), "");
  EXPECT_EQ(slots.eni_at(99, 5), "");
}

TEST(Addresses, AreFoundPerVpc) {
  std::mt19937 random(3);
  AddressTable table(1000);
  std::map<std::pair<std::uint16_t, std::uint32_t>, EniSlot> twin;
  for (EniSlot slot = 0; slot < 1000; ++slot) {
    const std::pair<std::uint16_t, std::uint32_t> key(random() % 3, 0x0a000000 + random() % 800);
    if (twin.emplace(key, slot).second) table.insert(key.first, IpAddress::from({key.second}), slot);
  }
  for (std::uint16_t vpc = 0; vpc < 4; ++vpc) {
    for (std::uint32_t address = 0x0a000000 - 10; address < 0x0a000000 + 810; ++address) {
      const auto found = twin.find({vpc, address});
      ASSERT_EQ(table.find(vpc, IpAddress::from({address})), found == twin.end() ? kNoEni : found->second);
    }
  }
}

TEST(Addresses, InDelegatedPrefixesAreFoundForBothFamilies) {
  PrefixTable table;
  EXPECT_EQ(table.find(0, ip("10.0.1.16")), kNoEni);
  table.insert(0, *IpPrefix::parse("10.0.1.32/28"), 2);
  table.insert(0, *IpPrefix::parse("10.0.1.16/28"), 1);
  table.insert(1, *IpPrefix::parse("10.0.1.48/28"), 3);
  table.insert(0, *IpPrefix::parse("2001:db8::1:0:0:0/80"), 4);
  table.finish();
  for (unsigned last = 0; last < 256; ++last)
    EXPECT_EQ(table.find(0, ip("10.0.1." + std::to_string(last))), last / 16 == 1 ? 1 : last / 16 == 2 ? 2 : kNoEni) << last;
  EXPECT_EQ(table.find(1, ip("10.0.1.50")), 3);
  EXPECT_EQ(table.find(1, ip("10.0.1.20")), kNoEni);
  EXPECT_EQ(table.find(0, ip("2001:db8::1:0:ffff:1")), 4);
  EXPECT_EQ(table.find(0, ip("2001:db8::2:0:0:1")), kNoEni);
}

TEST(PublicationOfAPointer, WaitsForReadersThatMayHoldTheOldValueAndForNoSleeper) {
  struct Value {
    explicit Value(std::atomic<int>& count) : alive(count) { ++alive; }
    ~Value() { --alive; }
    std::atomic<int>& alive;
    std::uint64_t check = 0x5ca1ab1e;
  };
  std::atomic<int> alive{0};
  {
    Publication<Value> publication(2);  // reader 1 never comes online
    publication.replace(std::make_unique<const Value>(alive));
    std::atomic<bool> done{false}, wrong{false};
    std::atomic<int> reads{0};
    std::thread reader([&] {
      publication.online(0);
      while (!done.load()) {
        const Value* value = publication.read();
        if (value->check != 0x5ca1ab1e || value->alive.load() < 1) wrong = true;
        publication.quiescent(0);
        ++reads;
      }
      publication.offline(0);
    });
    for (int i = 0; i < 2000 || reads.load() < 2000; ++i) publication.replace(std::make_unique<const Value>(alive));
    done = true;
    reader.join();
    EXPECT_FALSE(wrong);
    EXPECT_EQ(alive.load(), 1);
  }
  EXPECT_EQ(alive.load(), 0);
}

TEST(EalOnce, ASecondStartIsAnErrorNotACrash) {
  const auto again = Eal::start();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, "Weft.EalStarted");
}

TEST(PacketPools, HaveAllTheBuffersThatWereAskedFor) {
  for (const std::uint32_t packets : {1U, 511U, 5000U}) {
    PacketPool pool = make_packet_pool(packets);
    ASSERT_TRUE(pool);
    EXPECT_EQ(rte_mempool_avail_count(pool.get()), packets);
    std::vector<rte_mbuf*> taken;
    for (rte_mbuf* one; (one = rte_pktmbuf_alloc(pool.get())) != nullptr;) taken.push_back(one);
    EXPECT_EQ(taken.size(), packets);
    EXPECT_EQ(rte_pktmbuf_tailroom(taken[0]), 2048);
    for (rte_mbuf* one : taken) rte_pktmbuf_free(one);
  }
}

/// DESIGN D2. Tables beside the flows' own are counted whether a deployment uses them or not.
TEST(FlowMemory, IsAtMost128BytesAFlowAnd192OfIpv6) {
  constexpr std::size_t kBeside = FlowMeters::kBytesPerFlow + FlowLogPlaces::kBytesPerFlow;
  for (const std::uint32_t flows : {65'536U, 65'537U, 100'000U, 1'000'000U, 1'048'577U, 4'000'000U, 4'194'305U}) {
    EXPECT_LE(static_cast<double>(FlowTable4(flows).bytes()) / flows + kBeside, 128.0 + 0.01) << flows;
    EXPECT_LE(static_cast<double>(FlowTable6(flows).bytes()) / flows + kBeside, 192.0 + 0.01) << flows;
  }
}

}  // namespace
}  // namespace weft::test

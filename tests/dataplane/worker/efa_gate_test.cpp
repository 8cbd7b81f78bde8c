// What a message switch sees of the engine: verdicts by ENI, wake-ups, counters that reach the statistics (facts ec2 6.2).
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/dataplane/worker/fabric.hpp"

namespace weft::test::efa_gate_test {
namespace {

/// Asks the gate what the test wants to know, in the worker's turn, as a real switch does for every message.
class Asking final : public MessageSwitch {
 public:
  std::uint32_t poll(const EfaGate& gate, std::uint64_t) noexcept override {
    epoch = gate.epoch();
    if (!asked) return 0;
    answer = gate.verdict(source, destination);
    asked = false;
    return 1;
  }
  bool arm(int) noexcept override {
    ++arms;
    return !asked;
  }
  void disarm() noexcept override {}

  EniSlot source = 0, destination = 0;
  std::atomic<bool> asked{false};
  EfaVerdict answer = EfaVerdict::kAllow;
  std::atomic<unsigned> arms{0};
  std::atomic<std::uint64_t> epoch{0};  // the gate's, in the last turn
};

Instance efa_guest(const std::string& name, const std::string& address, std::vector<std::string> groups,
                   const std::string& subnet = "hpc") {
  Instance made = guest(name, address, std::move(groups), subnet);
  made.enis[0].type = InterfaceType::kEfa;
  return made;
}

class EfaGateTest : public ::testing::Test {
 protected:
  explicit EfaGateTest(unsigned workers = 0) : fabric(deployment(), {.workers = workers}) {
    auto made = std::make_unique<Asking>();
    messages = made.get();
    fabric.engine().set_message_switch(std::move(made), [this](EniSlot slot) {
      return slot == fabric.engine().slot_of("eni-a") ? counters : EfaCounters{};
    });
  }
  static Deployment deployment(std::vector<RuleDeclaration> ingress = {all(group("efa"))}) {
    return make_deployment(
        {make_group("efa", std::move(ingress), {all(group("efa"))}), open_group(),
         make_group("sender", {}, {all(group("efa"))})},
        {efa_guest("a", "10.0.1.4", {"efa"}), efa_guest("b", "10.0.1.5", {"efa"}), guest("c", "10.0.1.6", {"efa"}),
         efa_guest("d", "10.0.2.4", {"efa"}, "far"), efa_guest("e", "10.0.1.8", {"open"}),
         efa_guest("f", "10.0.1.9", {"sender"})});
  }
  EfaVerdict ask(const std::string& from, const std::string& to) {
    messages->source = *fabric.engine().slot_of("eni-" + from);
    messages->destination = *fabric.engine().slot_of("eni-" + to);
    messages->asked = true;
    fabric.turn();
    return messages->answer;
  }

  EfaCounters counters;
  Fabric fabric;
  Asking* messages = nullptr;
};

TEST_F(EfaGateTest, MembersOfAGroupThatNamesItselfReachEachOther) {
  EXPECT_EQ(ask("a", "b"), EfaVerdict::kAllow);
  EXPECT_EQ(ask("b", "a"), EfaVerdict::kAllow);
  EXPECT_EQ(ask("a", "a"), EfaVerdict::kAllow);
}

TEST_F(EfaGateTest, AddressRulesDoNotCountHoweverWide) {
  EXPECT_EQ(ask("e", "a"), EfaVerdict::kGroupEgress);
  EXPECT_EQ(ask("a", "e"), EfaVerdict::kGroupEgress);
}

TEST_F(EfaGateTest, EachDirectionIsAskedForItself) {
  EXPECT_EQ(ask("f", "a"), EfaVerdict::kGroupIngress) << "f may send to the group, and the group does not take from f";
}

TEST_F(EfaGateTest, OnlyEfaInterfacesOfOneZoneAreReachable) {
  EXPECT_EQ(ask("a", "c"), EfaVerdict::kUnreachable) << "c has no EFA";
  EXPECT_EQ(ask("a", "d"), EfaVerdict::kUnreachable) << "d is in another zone";
  messages->source = 0;
  messages->destination = kNoEni;
  messages->asked = true;
  fabric.turn();
  EXPECT_EQ(messages->answer, EfaVerdict::kUnreachable);
}

TEST_F(EfaGateTest, TakingTheRuleAwayStopsTrafficAtOnce) {
  ASSERT_EQ(ask("a", "b"), EfaVerdict::kAllow);
  fabric.apply(deployment({}));
  EXPECT_EQ(ask("a", "b"), EfaVerdict::kGroupIngress);
}

TEST_F(EfaGateTest, TheEpochTellsWhenAVerdictMayDiffer) {
  ask("a", "b");
  const std::uint64_t before = messages->epoch;
  ask("a", "b");
  EXPECT_EQ(messages->epoch, before);
  fabric.apply(deployment({}));
  ask("a", "b");
  EXPECT_NE(messages->epoch, before);
}

TEST_F(EfaGateTest, ARefusalIsInTheDropLogWithBothEnds) {
  ask("e", "a");
  const std::vector<DropView> drops = fabric.engine().drops();
  ASSERT_EQ(drops.size(), 1U);
  EXPECT_TRUE(drops[0].efa);
  EXPECT_EQ(drops[0].reason, DropReason::kEfaGroupEgress);
  EXPECT_EQ(drops[0].source_eni, "eni-e");
  EXPECT_EQ(drops[0].destination_eni, "eni-a");
  EXPECT_EQ(drops[0].tuple.source.to_string(), "10.0.1.8");
  EXPECT_TRUE(fabric.engine().balance().holds()) << "messages are not frames";
}

TEST_F(EfaGateTest, TheSwitchesCountersAreTheEnisDropsByReason) {
  counters = {.tx_pkts = 100, .delivered = 79, .group_egress = 1, .group_ingress = 2, .unreachable = 3, .bad_qpn = 4,
              .rnr = 5, .bad_descriptor = 6};
  const EniStatistics a = fabric.engine().statistics().at(0);
  EXPECT_EQ(a.efa.tx_pkts, 100U);
  EXPECT_EQ(a.drops[static_cast<std::size_t>(DropReason::kEfaGroupEgress)], 1U);
  EXPECT_EQ(a.drops[static_cast<std::size_t>(DropReason::kEfaGroupIngress)], 2U);
  EXPECT_EQ(a.drops[static_cast<std::size_t>(DropReason::kEfaUnreachable)], 3U);
  EXPECT_EQ(a.drops[static_cast<std::size_t>(DropReason::kEfaBadQpn)], 4U);
  EXPECT_EQ(a.drops[static_cast<std::size_t>(DropReason::kEfaReceiverNotReady)], 5U);
  EXPECT_EQ(a.drops[static_cast<std::size_t>(DropReason::kEfaBadDescriptor)], 6U);
}

class EfaGateThread : public EfaGateTest {
 protected:
  EfaGateThread() : EfaGateTest(1) {}
};

TEST_F(EfaGateThread, ASleepingWorkerArmsTheSwitchAndTheWakeDescriptorWakesIt) {
  fabric.engine().start();
  while (messages->arms == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  messages->destination = *fabric.engine().slot_of("eni-b");
  messages->asked = true;
  const std::uint64_t one = 1;
  ASSERT_EQ(::write(fabric.engine().wake_fd(), &one, sizeof one), 8);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (messages->asked && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_FALSE(messages->asked);
  fabric.engine().stop();
}

TEST_F(EfaGateThread, ASleepingWorkersSwitchSeesANewPolicyAtOnce) {
  fabric.engine().start();
  while (messages->arms == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const std::uint64_t before = messages->epoch;
  fabric.apply(deployment({}));  // and nobody writes the wake descriptor
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (messages->epoch == before && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_NE(messages->epoch, before);
  fabric.engine().stop();
}

}  // namespace
}  // namespace weft::test::efa_gate_test

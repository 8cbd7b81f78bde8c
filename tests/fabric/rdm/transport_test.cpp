// Credits, the share of buffers and RNR delays by themselves (fabric/srd).
#include <gtest/gtest.h>

#include "fabric/srd/credit.hpp"
#include "fabric/srd/packet.hpp"
#include "fabric/srd/rnr.hpp"

namespace weft::srd {
namespace {

TEST(Credit, StopsTheSenderOfAReceiverThatDoesNotConsume) {
  SendCredit credit;
  for (std::uint32_t i = 0; i < kInitialCredit; ++i) {
    ASSERT_TRUE(credit.available());
    credit.spend();
  }
  EXPECT_FALSE(credit.available());
  EXPECT_FALSE(credit.extend(kInitialCredit));
  EXPECT_TRUE(credit.extend(kInitialCredit + 1));
  EXPECT_TRUE(credit.available());
  EXPECT_FALSE(credit.extend(kInitialCredit + 2)) << "sending was possible before";
}

TEST(Credit, IgnoresOldAndAbsurdWords) {
  SendCredit credit;
  credit.extend(100);
  credit.extend(50);
  for (int i = 0; i < 99; ++i) credit.spend();
  EXPECT_TRUE(credit.available());
  credit.spend();
  EXPECT_FALSE(credit.available());
  credit.extend(100 + (1u << 20));
  EXPECT_FALSE(credit.available());
}

TEST(Credit, ComesBackInTimeForASteadyStream) {
  SendCredit sender;
  ReceiveCredit receiver;
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_TRUE(sender.available());
    sender.spend();
    ASSERT_TRUE(receiver.take());
    if (receiver.owes(kMaxWindow)) sender.extend(receiver.grant(kMaxWindow));
  }
}

TEST(Serial, OrderHoldsOverTheWrap) {
  EXPECT_TRUE(after(3, 0xfffffff0));
  EXPECT_FALSE(after(0xfffffff0, 3));
  EXPECT_FALSE(after(3, 3));
}

TEST(Credit, AFailedPacketCostsNothing) {
  SendCredit credit;
  for (std::uint32_t i = 0; i < kInitialCredit; ++i) credit.spend();
  credit.refund();
  EXPECT_TRUE(credit.available());
}

TEST(Credit, ASenderThatTakesMoreIsNoticed) {
  ReceiveCredit credit;
  for (std::uint32_t i = 0; i < kInitialCredit; ++i) ASSERT_TRUE(credit.take());
  EXPECT_FALSE(credit.take());
  credit.grant(8);
  EXPECT_TRUE(credit.take());
}

TEST(Credit, IsOwedAfterHalfAWindow) {
  ReceiveCredit credit;
  std::uint32_t taken = 0;
  while (!credit.owes(kInitialCredit)) ASSERT_TRUE(credit.take() && ++taken < kInitialCredit);
  EXPECT_EQ(taken, kInitialCredit / 2);
  credit.grant(kInitialCredit);
  EXPECT_FALSE(credit.owes(kInitialCredit));
  EXPECT_EQ(credit.grant(kMinWindow), kInitialCredit + taken) << "what was granted is granted";
}

TEST(Share, IsLargeForOneAndSmallForMany) {
  BufferShare share(256);
  std::uint32_t first = 0;
  for (int i = 0; i < 3000; ++i) share.arrived(first);
  EXPECT_EQ(share.window(), kMaxWindow);
  std::uint32_t others[31] = {};
  for (auto& other : others) share.arrived(other);
  EXPECT_EQ(share.window(), 256u / 32);
  // The others fall silent: after two rounds it is as before.
  for (int i = 0; i < 3000; ++i) share.arrived(first);
  EXPECT_EQ(share.window(), kMaxWindow);
}

TEST(Rnr, DoublesItsDelayUpToALimit) {
  const RnrLimits limits{.first_ns = 10, .last_ns = 70};
  RnrBackoff backoff;
  std::uint64_t now = 1000;
  for (const std::uint64_t delay : {10u, 20u, 40u, 70u, 70u}) {
    EXPECT_TRUE(backoff.refused(now, limits));
    EXPECT_FALSE(backoff.refused(now + 1, limits)) << "the rest of the burst";
    EXPECT_FALSE(backoff.expired(now + delay - 1));
    EXPECT_TRUE(backoff.expired(now + delay));
    backoff.expire();
    EXPECT_TRUE(backoff.may_try());
    backoff.trying();
    EXPECT_FALSE(backoff.may_try());
    now += delay;
  }
  backoff.recovered();
  EXPECT_TRUE(backoff.clear());
  EXPECT_TRUE(backoff.refused(now, limits));
  EXPECT_EQ(backoff.deadline_ns(), now + 10);
}

}  // namespace
}  // namespace weft::srd

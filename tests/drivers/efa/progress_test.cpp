// How far a peer is, as the card answers it (abi.hpp, kAskProgress).
#include <tuple>

#include "tests/drivers/efa/impaired.hpp"

namespace weft::efa::test {
namespace {

class ProgressTest : public FabricTest {
 protected:
  static RawClient::Send question(const RawClient& asker, const RawClient& peer) {
    RawClient::Send ask = asker.to(peer, 0);
    ask.flags = kAskProgress;
    return ask;
  }
  std::optional<ProgressReport> ask(RawClient& asker, const RawClient::Send& ask) {
    asker.post(ask);
    poll();
    EXPECT_EQ(asker.completed(), std::vector{SendStatus::kOk});
    const auto received = asker.take();
    if (!received || received->length != sizeof(ProgressReport)) return std::nullopt;
    EXPECT_EQ(received->flags, kProgressReport);
    EXPECT_EQ(received->source, ask.address);
    EXPECT_EQ(received->qpn, ask.qpn);
    EXPECT_EQ(received->qkey, ask.qkey);
    ProgressReport report;
    std::memcpy(&report, received->payload.data(), sizeof report);
    return report;
  }
  static std::tuple<std::uint32_t, std::uint32_t, std::uint32_t> fields(const std::optional<ProgressReport>& report) {
    EXPECT_TRUE(report.has_value());
    return {report->delivered, report->consumed, report->alive};
  }
};

TEST_F(ProgressTest, says_how_much_came_and_how_much_of_it_was_read_and_counts_as_no_packet) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  EXPECT_EQ(fields(ask(a, question(a, b))), std::tuple(0U, 0U, 1U));
  expect_counters(1, {});
  takes(0);
  for (int i = 0; i < 5; ++i) send_on_wire(a, b);
  b.take(), b.take();
  EXPECT_EQ(fields(ask(a, question(a, b))), std::tuple(5U, 2U, 1U));
  expect_counters(1, {{"tx_pkts", 5}, {"tx_bytes", 5}, {"on_wire", 5}});
  expect_counters(2, {{"rx_pkts", 5}, {"rx_bytes", 5}});
  EXPECT_EQ(a.header->sq_errors, 5U);
}

TEST_F(ProgressTest, of_an_idle_reader_both_numbers_are_equal_also_if_it_asks_itself) {
  RawClient a = recovering("eni-1");
  ASSERT_TRUE(ask(a, question(a, a)));
  EXPECT_EQ(fields(ask(a, question(a, a))), std::tuple(1U, 1U, 1U)) << "a report takes a place in the queue, too";
}

TEST_F(ProgressTest, a_hostile_word_on_what_was_read_is_passed_on_and_harms_nobody) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  b.header->cq_head = 0xdeadbeef;
  EXPECT_EQ(fields(ask(a, question(a, b))), std::tuple(0U, 0xdeadbeefU, 1U));
  takes(0);
  send_on_wire(a, b);
  EXPECT_TRUE(b.take());
}

TEST_F(ProgressTest, of_nobody_and_of_another_process_is_that_it_is_not_alive) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  takes(0);
  send_on_wire(a, b);
  RawClient::Send other = question(a, b);
  other.qkey ^= 1;
  EXPECT_EQ(fields(ask(a, other)), std::tuple(0U, 0U, 0U));
  RawClient::Send any = question(a, b);
  any.qkey = 0;
  EXPECT_EQ(fields(ask(a, any)), std::tuple(1U, 0U, 1U));
  const RawClient::Send gone = question(a, b);
  registry.drain(b.device);
  settle();
  EXPECT_EQ(fields(ask(a, gone)), std::tuple(0U, 0U, 0U));
}

TEST_F(ProgressTest, of_a_peer_that_a_gate_keeps_away_is_the_gates_refusal) {
  RawClient a = recovering("eni-1"), b = recovering("eni-2");
  struct {
    EfaVerdict verdict;
    SendHint hint;
  } const cases[] = {{EfaVerdict::kGroupEgress, SendHint::kGroupEgress},
                     {EfaVerdict::kGroupIngress, SendHint::kGroupIngress},
                     {EfaVerdict::kUnreachable, SendHint::kElsewhere}};
  for (const auto& c : cases) {
    gate.verdicts[{1, 2}] = c.verdict;
    a.post(question(a, b));
    poll();
    EXPECT_EQ(a.completed(), std::vector{SendStatus::kLocalUnreachRemote});
    EXPECT_EQ(a.hint, c.hint);
  }
  RawClient::Send nowhere = question(a, b);
  nowhere.address[15] = 77;
  a.post(nowhere);
  poll();
  EXPECT_EQ(a.completed(), std::vector{SendStatus::kLocalUnreachRemote});
  EXPECT_EQ(a.hint, SendHint::kNoSuchAddress);
  EXPECT_FALSE(a.take());
  expect_counters(1, {});
}

TEST_F(ProgressTest, without_room_for_the_report_the_asker_is_not_ready) {
  CreateQp tiny;
  tiny.cq_depth = 1;
  RawClient a = recovering("eni-1", tiny), b = recovering("eni-2");
  a.post(question(a, b));
  a.post(question(a, b));
  poll();
  EXPECT_EQ(a.completed(), (std::vector{SendStatus::kOk, SendStatus::kRemoteRnr}));
  expect_counters(1, {});
}

TEST_F(ProgressTest, is_told_to_those_only_that_said_they_understand_it) {
  RawClient old = open("eni-1"), b = recovering("eni-2");
  old.post(question(old, b));
  poll();
  EXPECT_EQ(old.completed(), std::vector{SendStatus::kLocalUnsupportedOp});
  EXPECT_FALSE(old.take());
  expect_counters(1, {});
}

}  // namespace
}  // namespace weft::efa::test

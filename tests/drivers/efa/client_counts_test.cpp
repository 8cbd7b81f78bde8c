// What only the client can count, from its memory to EFA's counters under their names.
#include <gtest/gtest.h>

#include "tests/drivers/efa/raw_client.hpp"

namespace weft::efa::test {
namespace {

class ClientCountsTest : public SwitchTest {
 protected:
  void SetUp() override { add(function("a", 1)); }

  /// A different number for each, so that none can stand for another.
  static void count(RawClient& client, std::uint64_t unit) {
    for (unsigned i = 0; i < kClientCounters; ++i) client.header->counts[i] = (i + 1) * unit;
  }
  static std::uint64_t by(ClientCounter counter, std::uint64_t unit) { return (static_cast<unsigned>(counter) + 1) * unit; }
  std::map<std::string, std::uint64_t> shown() const {
    std::map<std::string, std::uint64_t> all;
    for (const EfaHwCounter& counter : efa_hw_counters(registry.counters(1)))
      EXPECT_TRUE(all.emplace(counter.name, counter.value).second) << counter.name << " is there twice";
    return all;
  }
  static std::map<std::string, std::uint64_t> expected(std::uint64_t unit) {
    using enum ClientCounter;
    std::map<std::string, std::uint64_t> all;
    for (const EfaHwCounter& counter : efa_hw_counters({})) all[counter.name] = 0;
    for (const auto& [name, counter] : std::map<std::string, ClientCounter>{
             {"rdma_read_wrs", kReadWrs}, {"rdma_read_bytes", kReadBytes}, {"rdma_read_wr_err", kReadWrErr},
             {"rdma_read_resp_bytes", kReadRespBytes}, {"rdma_write_wrs", kWriteWrs}, {"rdma_write_bytes", kWriteBytes},
             {"rdma_write_wr_err", kWriteWrErr}, {"rdma_write_recv_bytes", kWriteRecvBytes},
             {"retrans_pkts", kRetransPkts}, {"retrans_bytes", kRetransBytes},
             {"retrans_timeout_events", kRetransTimeoutEvents},
             {"unresponsive_remote_events", kUnresponsiveRemoteEvents},
             {"impaired_remote_conn_events", kImpairedRemoteConnEvents}})
      all.at(name) = by(counter, unit);
    return all;
  }
};

TEST_F(ClientCountsTest, each_is_shown_under_the_devices_name_for_it) {
  RawClient client = open("eni-1");
  EXPECT_EQ(shown(), expected(0));
  count(client, 100);
  EXPECT_EQ(shown(), expected(100));
}

TEST_F(ClientCountsTest, those_of_several_clients_are_one_sum_and_stay_when_one_leaves) {
  RawClient one = open("eni-1"), other = open("eni-1");
  count(one, 100);
  count(other, 3);
  EXPECT_EQ(shown(), expected(103));
  registry.drain(one.device);
  EXPECT_EQ(shown(), expected(103));
  settle();
  EXPECT_EQ(shown(), expected(103));
}

TEST_F(ClientCountsTest, what_the_switch_refuses_and_whom_the_client_gives_up_are_both_unresponsive) {
  add(function("b", 2));
  RawClient a = open("eni-1"), b = open("eni-2");
  a.header->counts[static_cast<unsigned>(ClientCounter::kUnresponsiveRemoteEvents)] = 5;
  RawClient::Send nowhere = a.to(b);
  nowhere.address[15] = 99;
  a.post(nowhere);
  poll();
  EXPECT_EQ(a.completed(), std::vector{SendStatus::kLocalUnreachRemote});
  EXPECT_EQ(shown().at("unresponsive_remote_events"), 6U);
}

TEST_F(ClientCountsTest, a_packet_sent_again_is_a_packet_and_no_work_request) {
  add(function("b", 2));
  RawClient a = open("eni-1"), b = open("eni-2");
  for (int i = 0; i < 3; ++i) a.post(a.to(b));
  poll();
  a.header->counts[static_cast<unsigned>(ClientCounter::kRetransPkts)] = 1;
  a.header->counts[static_cast<unsigned>(ClientCounter::kRetransBytes)] = 8;
  const auto all = shown();
  EXPECT_EQ(all.at("tx_pkts"), 3U);
  EXPECT_EQ(all.at("tx_bytes"), 24U);
  EXPECT_EQ(all.at("send_wrs"), 2U);
  EXPECT_EQ(all.at("send_bytes"), 16U);
}

}  // namespace
}  // namespace weft::efa::test

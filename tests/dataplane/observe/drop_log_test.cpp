#include "dataplane/observe/drop_log.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "dataplane/observe/counters.hpp"

namespace weft {
namespace {

DropRecord drop(std::uint16_t port, std::uint64_t when_ns = 1, DropReason reason = DropReason::kGroupEgress) {
  DropRecord record;
  record.when_ns = when_ns;
  record.source = 1;
  record.destination_port = port;
  record.reason = reason;
  return record;
}

TEST(DropLog, MergesEqualDropsEvenWhenAFewAlternate) {
  DropLog log;
  for (std::uint64_t i = 1; i <= 10; ++i)
    for (std::uint16_t port = 0; port < 5; ++port) log.note(drop(port, i));
  const auto drops = log.read();
  ASSERT_EQ(drops.size(), 5U);
  for (std::uint16_t port = 0; port < 5; ++port) {
    EXPECT_EQ(drops[port].destination_port, port);
    EXPECT_EQ(drops[port].count, 10U);
    EXPECT_EQ(drops[port].when_ns, 10U);
  }
}

TEST(DropLog, DifferentReasonsAreDifferentDrops) {
  DropLog log;
  log.note(drop(1));
  log.note(drop(1, 1, DropReason::kGroupIngress));
  EXPECT_EQ(log.read().size(), 2U);
}

TEST(DropLog, KeepsTheLastAndSaysWhatItLeftOut) {
  DropLog log;
  const std::uint64_t second = 1'000'000'000;
  for (std::uint16_t i = 0; i < 1000; ++i) log.note(drop(i, second));  // a burst of different ones
  EXPECT_EQ(log.read().size(), DropLog::kRecords);
  EXPECT_EQ(log.suppressed(), 1000U - DropLog::kRecords);
  log.note(drop(5000, 2 * second));  // a second later there is room again
  EXPECT_EQ(log.read().back().destination_port, 5000);
  EXPECT_EQ(log.suppressed(), 1000U - DropLog::kRecords);
}

TEST(DropLog, ReadersSeeWholeRecordsWhileTheWorkerWrites) {
  DropLog log;
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::uint64_t i = 1; i < 200'000; ++i) {
      DropRecord record = drop(static_cast<std::uint16_t>(i), i * 4'000'000);
      record.source_port = static_cast<std::uint16_t>(i);
      record.epoch = static_cast<std::uint32_t>(i);
      log.note(record);
    }
    done = true;
  });
  while (!done.load()) {
    for (const DropRecord& record : log.read()) {
      ASSERT_EQ(record.source_port, record.destination_port);
      ASSERT_EQ(static_cast<std::uint16_t>(record.epoch), record.source_port);
      ASSERT_EQ(record.when_ns, std::uint64_t{record.epoch} * 4'000'000);
    }
  }
  writer.join();
  EXPECT_EQ(log.read().size(), DropLog::kRecords);
}

TEST(Counters, EveryLineStartsAtZeroAndIsItsOwn) {
  EniCounterTable table;
  table[0].rx_packets.add(5);
  table[65535].drops[kDropReasons - 1].add();
  EXPECT_EQ(table[0].rx_packets.read(), 5U);
  EXPECT_EQ(table[1].rx_packets.read(), 0U);
  EXPECT_EQ(table[65535].drops[kDropReasons - 1].read(), 1U);
  EXPECT_EQ(table[65534].drops[kDropReasons - 1].read(), 0U);
}

TEST(Counters, HaveTheNamesThatEnaGivesThem) {  // facts ec2 5.3, in this order
  EXPECT_EQ(kEnaCounterNames[0], "bw_in_allowance_exceeded");
  EXPECT_EQ(kEnaCounterNames[4], "linklocal_allowance_exceeded");
  EniCounterTable table;
  table[3].of(EnaCounter::kPpsAllowanceExceeded).add(2);
  EXPECT_EQ(table[3].ena[2].read(), 2U);
  EXPECT_EQ(kEnaCounterNames[2], "pps_allowance_exceeded");
  EXPECT_EQ(kConntrackAllowanceAvailable, "conntrack_allowance_available");
}

TEST(DropReasons, HaveUniqueNamesThatCanBeGrepped) {
  std::set<std::string_view> names(std::begin(kDropNames), std::end(kDropNames));
  EXPECT_EQ(names.size(), kDropReasons);
  for (const std::string_view one : names)
    EXPECT_EQ(one.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string_view::npos) << one;
}

}  // namespace
}  // namespace weft

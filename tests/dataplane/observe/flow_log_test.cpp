#include "dataplane/observe/flow_log_aggregator.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <sstream>
#include <thread>
#include <tuple>

namespace weft::test::flow_log_test {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::int64_t kWall = 1'418'530'010 * static_cast<std::int64_t>(kSecond);  // of AWS's first example

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

FlowLogKey key(std::uint16_t slot, const char* source, const char* destination, std::uint16_t source_port,
               std::uint16_t destination_port, std::uint8_t protocol = 6, FlowLogAction action = FlowLogAction::kAccept,
               FlowLogDirection direction = FlowLogDirection::kIngress) {
  return {.source = ip(source),
          .destination = ip(destination),
          .source_port = source_port,
          .destination_port = destination_port,
          .born = 1,
          .slot = slot,
          .protocol = protocol,
          .action = action,
          .direction = direction};
}

FlowLogAggregator make_log(std::string_view format = kDefaultFlowLogFormat, std::size_t max_records = 1000) {
  FlowLogAggregator log({.format = *parse_flow_log_format(format),
               .account_id = "123456789010",
               .vpc_id = "vpc-0a",
               .max_records = max_records,
               .interval_ns = 60 * kSecond,
               .wall_offset_ns = kWall},
              0);
  log.add({1, 1}, {"eni-1235b8ca123456789", "subnet-0a", "i-0a", "use1-az1", Ipv4Address::parse("172.31.16.21")});
  return log;
}

void add(FlowLogTable& table, const FlowLogKey& key, std::uint64_t bytes, std::uint64_t packets, std::uint8_t flags,
         std::uint64_t now_ns) {
  table.account(key, {.packets = packets, .bytes = bytes, .tcp_flags = flags, .now_ns = now_ns});
}

void gather(FlowLogAggregator& log, FlowLogTable& table) {
  table.swap();
  FlowLogBatch batch;
  table.take(batch);
  log.collect(batch);
}

using Lines = std::vector<std::string>;

TEST(FlowLog, WritesTheDefaultRecordsOfTheAwsGuide) {
  FlowLogAggregator log = make_log();
  FlowLogTable table(1024);
  const FlowLogKey ssh = key(1, "172.31.16.139", "172.31.16.21", 20641, 22);
  for (std::uint64_t i = 0; i < 20; ++i)
    add(table, ssh, i == 0 ? 349 : 205 + (i == 1 ? 5 : 0), 1, 0x10, i * 3 * kSecond);
  add(table, key(1, "172.31.9.69", "172.31.16.21", 49761, 3389, 6, FlowLogAction::kReject), 4249, 20, 2,
                kSecond / 2);
  gather(log, table);
  EXPECT_EQ(log.due_ns(), 60 * kSecond);
  EXPECT_EQ(log.close(60 * kSecond),
            (Lines{"2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 "
                   "1418530067 ACCEPT OK",
                   "2 123456789010 eni-1235b8ca123456789 172.31.9.69 172.31.16.21 49761 3389 6 20 4249 1418530010 "
                   "1418530010 REJECT OK"}));
}

TEST(FlowLog, AnEniWithoutTrafficHasNodataAndTheNextIntervalStartsAnew) {
  FlowLogAggregator log = make_log();
  FlowLogTable table(16);
  EXPECT_EQ(log.close(60 * kSecond), (Lines{"2 123456789010 eni-1235b8ca123456789 - - - - - - - 1418530010 "
                                            "1418530070 - NODATA"}));
  add(table, key(1, "10.0.0.1", "172.31.16.21", 1, 2), 60, 1, 0, 61 * kSecond);
  gather(log, table);
  EXPECT_EQ(log.close(120 * kSecond).size(), 1U);
  EXPECT_NE(log.close(180 * kSecond)[0].find("1418530130 1418530190 - NODATA"), std::string::npos);
}

TEST(FlowLog, RecordsThatFindNoRoomAreSkipdata) {
  FlowLogAggregator log = make_log(kDefaultFlowLogFormat, 5);  // no room in the aggregator
  FlowLogTable table(1024);
  for (std::uint16_t port = 0; port < 8; ++port) add(table, key(1, "10.0.0.1", "10.0.0.2", port, 80), 60, 1, 0, 1);
  gather(log, table);
  const Lines lines = log.close(60 * kSecond);
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_EQ(lines.back(), "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1418530010 1418530070 - SKIPDATA");

  FlowLogAggregator other = make_log();  // no room in the worker's table
  other.add({2, 1}, {"eni-2", "", "", "", {}});
  FlowLogTable small(16);
  for (std::uint16_t port = 0; port < 100; ++port) add(small, key(1, "10.0.0.1", "10.0.0.2", port, 80), 60, 1, 0, 1);
  gather(other, small);
  const Lines more = other.close(60 * kSecond);
  ASSERT_EQ(more.size(), 16 + 2U);
  EXPECT_TRUE(more[16].ends_with("- SKIPDATA"));
  EXPECT_TRUE(more[17].starts_with("2 123456789010 eni-2 ") && more[17].ends_with("- NODATA"));
  EXPECT_EQ(other.skipped(), 1U);
  gather(other, small);  // it is forgotten
  EXPECT_TRUE(other.close(120 * kSecond)[0].ends_with("- NODATA"));
}

TEST(FlowLog, CustomFormatsHaveTheirVersionAndTheirFields) {
  FlowLogAggregator log = make_log(
      "${version} ${vpc-id} ${subnet-id} ${instance-id} ${az-id} ${region} ${type} ${srcaddr} ${pkt-srcaddr} "
      "${dstaddr} "
      "${pkt-dstaddr} ${tcp-flags} ${flow-direction} ${traffic-path} ${sublocation-id} ${log-status}");
  FlowLogTable table(16);
  FlowLogKey out = key(1, "172.31.16.99", "198.51.100.10", 1, 80, 6, FlowLogAction::kAccept, FlowLogDirection::kEgress);
  out.internet = 1;
  add(table, out, 60, 1, 0x02, 1);
  add(table, out, 60, 1, 0x10, 2);
  add(table, out, 60, 1, 0x11, 3);
  add(table, key(1, "198.51.100.10", "172.31.16.99", 80, 1), 60, 1, 0x12, 4);
  add(table, key(1, "2001:db8::1", "2001:db8::2", 0, 0, 58, FlowLogAction::kAccept, FlowLogDirection::kEgress), 60,
                1, 0, 5);
  gather(log, table);
  const std::string fixed = "5 vpc-0a subnet-0a i-0a use1-az1 us-east-1 ";
  EXPECT_EQ(log.close(60 * kSecond),
            (Lines{fixed + "IPv4 172.31.16.21 172.31.16.99 198.51.100.10 198.51.100.10 3 egress 8 - OK",
                   fixed + "IPv4 198.51.100.10 198.51.100.10 172.31.16.21 172.31.16.99 18 ingress - - OK",
                   fixed + "IPv6 2001:db8::1 2001:db8::1 2001:db8::2 2001:db8::2 0 egress 1 - OK"}));
  EXPECT_TRUE(log.header().starts_with("version vpc-id subnet-id "));
}

TEST(FlowLog, EfaTrafficShowsMacs) {
  FlowLogAggregator log = make_log("${type} ${srcaddr} ${dstaddr} ${pkt-srcaddr} ${protocol}");
  FlowLogTable table(16);
  FlowLogKey efa;
  efa.slot = efa.born = 1;
  efa.efa = 1;
  const MacAddress a = *MacAddress::parse("02:00:0a:00:01:04"), b = *MacAddress::parse("02:00:0a:00:01:05");
  std::copy(a.octets.begin(), a.octets.end(), efa.source.octets.end() - 6);
  std::copy(b.octets.begin(), b.octets.end(), efa.destination.octets.end() - 6);
  add(table, efa, 8928, 1, 0, 1);
  gather(log, table);
  EXPECT_EQ(log.close(60 * kSecond), (Lines{"EFA 02:00:0a:00:01:04 02:00:0a:00:01:05 02:00:0a:00:01:04 0"}));
}

TEST(FlowLog, RecordsOfAnEniThatHasGoneAreItsOwnAlthoughTheSlotIsAnothers) {
  FlowLogAggregator log = make_log("${interface-id} ${srcport} ${log-status}");
  FlowLogTable table(16);
  FlowLogKey of_next = key(1, "10.0.0.1", "10.0.0.2", 7, 80), of_nobody = key(9, "10.0.0.1", "10.0.0.2", 7, 80);
  of_next.born = 2;
  add(table, key(1, "10.0.0.1", "10.0.0.2", 7, 80), 60, 1, 0, 1);
  add(table, of_next, 60, 1, 0, 2);
  add(table, of_nobody, 60, 1, 0, 2);
  log.add({1, 2}, {"eni-next", "", "", "", {}});
  gather(log, table);
  log.remove({1, 1});
  EXPECT_EQ(log.close(60 * kSecond), (Lines{"eni-1235b8ca123456789 7 OK", "eni-next 7 OK"}));
  EXPECT_EQ(log.close(120 * kSecond), (Lines{"eni-next - NODATA"}));
}

TEST(FlowLog, OneThatGoesAndComesBackWithinAnIntervalGoesOn) {
  FlowLogAggregator log = make_log("${interface-id} ${packets} ${log-status}");
  FlowLogTable table(16);
  add(table, key(1, "10.0.0.1", "10.0.0.2", 7, 80), 60, 1, 0, 1);
  gather(log, table);
  log.remove({1, 1});
  EXPECT_TRUE(log.enis().empty());
  log.add({1, 1}, {"eni-again", "", "", "", {}});
  add(table, key(1, "10.0.0.1", "10.0.0.2", 7, 80), 60, 1, 0, 2);
  gather(log, table);
  EXPECT_EQ(log.close(60 * kSecond), (Lines{"eni-again 2 OK"}));
}

TEST(FlowLog, KeepsTheActionsOfItsTrafficTypeOnly) {
  FlowLogAggregator log({.format = *parse_flow_log_format("${action} ${log-status}"), .actions = 2}, 0);
  log.add({1, 1}, {"eni-1", "", "", "", {}});
  FlowLogTable table(16);
  add(table, key(1, "10.0.0.1", "10.0.0.2", 7, 80), 60, 1, 0, 1);
  gather(log, table);
  EXPECT_EQ(log.close(60 * kSecond), (Lines{"- NODATA"}));
  add(table, key(1, "10.0.0.1", "10.0.0.2", 7, 80), 60, 1, 0, 1);
  add(table, key(1, "10.0.0.1", "10.0.0.2", 7, 80, 6, FlowLogAction::kReject), 60, 1, 0, 1);
  gather(log, table);
  EXPECT_EQ(log.close(120 * kSecond), (Lines{"REJECT OK"}));
}

TEST(FlowLogFormat, ErrorsNameTheFieldAndTheOneThatWasMeant) {
  const auto error = [](std::string_view text) {
    const auto format = parse_flow_log_format(text);
    return format ? std::string("no error") : format.error().to_string();
  };
  EXPECT_NE(error("${srcaddr} ${dstadr}").find("'dstadr'"), std::string::npos) << error("${srcaddr} ${dstadr}");
  EXPECT_NE(error("${dstadr}").find("did you mean 'dstaddr'"), std::string::npos);
  EXPECT_NE(error("${dstadr}").find("[InvalidParameter]"), std::string::npos);
  EXPECT_NE(error("srcaddr").find("'srcaddr' is none"), std::string::npos);
  EXPECT_NE(error("${srcaddr}${dstaddr}").find("[InvalidParameter]"), std::string::npos);
  EXPECT_NE(error("${").find("'${' is none"), std::string::npos);
  EXPECT_NE(error("$}").find("is none"), std::string::npos);
  EXPECT_NE(error("${}").find("no flow log field ''"), std::string::npos);
  EXPECT_NE(error("${start} ${start}").find("twice"), std::string::npos);
  EXPECT_NE(error("  ").find("at least one field"), std::string::npos);
  EXPECT_EQ(error(" ${start}   ${end} "), "no error");
  EXPECT_EQ(parse_flow_log_format(kDefaultFlowLogFormat)->fields.size(), 14U);
  EXPECT_EQ(parse_flow_log_format(kDefaultFlowLogFormat)->version, 2);
  EXPECT_EQ(parse_flow_log_format("${start} ${az-id}")->version, 4);
}

TEST(FlowLogFormat, SurvivesAnyText) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  const std::string_view letters = "${} srcadt-\n\xff";
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (auto size = random() % 30; size != 0; --size) text += letters[random() % letters.size()];
    const auto format = parse_flow_log_format(text);
    ASSERT_TRUE(format || !format.error().message.empty());
  }
}

// The twin is a std::map of everything that was accounted, whichever worker and however often the tables were swapped.
TEST(FlowLog, AddsUpTheSameAsAMapOnRandomPackets) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  FlowLogAggregator log = make_log(
      "${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${action} ${packets} ${bytes} "
      "${start} ${end} ${tcp-flags} ${flow-direction}",
      100'000);
  for (std::uint16_t slot = 1; slot <= 5; ++slot) log.add({slot, 1}, {"eni-" + std::to_string(slot), "", "", "", {}});
  FlowLogTable tables[2] = {FlowLogTable(8192), FlowLogTable(8192)};
  struct Sum {
    std::uint64_t packets = 0, bytes = 0, first = UINT64_MAX, last = 0;
    unsigned flags = 0;
  };
  std::map<std::string, Sum> twin;
  std::uint64_t now = 0;
  for (int i = 0; i < 50'000; ++i) {
    now += random() % 1'000'000;
    FlowLogKey k = key(static_cast<std::uint16_t>(1 + random() % 5), "10.0.0.1", "10.0.0.2",
                       static_cast<std::uint16_t>(random() % 8), static_cast<std::uint16_t>(random() % 8),
                       random() % 2 == 0 ? 6 : 17, random() % 2 == 0 ? FlowLogAction::kAccept : FlowLogAction::kReject,
                       random() % 2 == 0 ? FlowLogDirection::kIngress : FlowLogDirection::kEgress);
    const std::uint64_t bytes = 60 + random() % 9000, packets = 1 + random() % 3;
    const auto flags = static_cast<std::uint8_t>(random() % 64);
    add(tables[random() % 2], k, bytes, packets, flags, now);
    if (random() % 5000 == 0) gather(log, tables[random() % 2]);

    std::ostringstream text;
    text << "eni-" << k.slot << " 10.0.0.1 10.0.0.2 " << k.source_port << ' ' << k.destination_port << ' '
         << unsigned{k.protocol} << (k.action == FlowLogAction::kAccept ? " ACCEPT " : " REJECT ")
         << (k.direction == FlowLogDirection::kIngress ? "ingress" : "egress");
    Sum& sum = twin[text.str()];
    sum.packets += packets;
    sum.bytes += bytes;
    sum.first = std::min(sum.first, now);
    sum.last = std::max(sum.last, now);
    if (k.protocol == 6) {
      if ((flags & 1) != 0) sum.flags |= 1;
      if ((flags & 2) != 0) sum.flags |= 2;
      if ((flags & 4) != 0) sum.flags |= 4;
      if ((flags & 16) != 0 && (flags & 2) != 0) sum.flags |= 16;
    }
  }
  for (FlowLogTable& table : tables) gather(log, table);

  const Lines lines = log.close(now);
  ASSERT_EQ(lines.size(), twin.size());
  for (const std::string& line : lines) {
    std::istringstream in(line);
    std::string word[13];
    for (std::string& one : word) in >> one;
    std::string name = word[0];
    for (int i = 1; i < 7; ++i) name += ' ' + word[i];
    const auto found = twin.find(name + ' ' + word[12]);
    ASSERT_NE(found, twin.end()) << line;
    EXPECT_EQ(word[7], std::to_string(found->second.packets)) << line;
    EXPECT_EQ(word[8], std::to_string(found->second.bytes)) << line;
    EXPECT_EQ(word[9], std::to_string((found->second.first + kWall) / kSecond)) << line;
    EXPECT_EQ(word[10], std::to_string((found->second.last + kWall) / kSecond)) << line;
    EXPECT_EQ(word[11], std::to_string(found->second.flags)) << line;
  }
}

TEST(FlowLogPlaces, AFlowFindsItsRecordUntilTheHalfIsEmptiedOrAnotherTakesIt) {
  FlowLogTable table(16);
  FlowLogPlaces places(4, 0);
  const FlowLogKey k = key(1, "10.0.0.1", "10.0.0.2", 7, 80);
  const std::uint32_t flow = places.name_of(2, 1), other = places.name_of(2, 0);
  EXPECT_FALSE(table.add(places.of(2, 1).at_sender, flow, {1, 60, 0, 1})) << "not known yet";
  places.of(2, 1).at_sender = table.account(k, {1, 60, 0, 1}, flow);
  EXPECT_TRUE(table.add(places.of(2, 1).at_sender, flow, {2, 120, 0x01, 5}));
  EXPECT_FALSE(table.add(places.of(2, 1).at_sender, other, {1, 60, 0, 6})) << "the other direction's";
  table.account(k, {1, 60, 0, 7});
  EXPECT_TRUE(table.add(places.of(2, 1).at_sender, flow, {1, 60, 0, 8})) << "who comes by key takes nothing";
  table.account(k, {1, 60, 0, 9}, other);
  EXPECT_FALSE(table.add(places.of(2, 1).at_sender, flow, {1, 60, 0, 10})) << "one record, another flow's now";

  table.swap();
  EXPECT_FALSE(table.add(places.of(2, 1).at_sender, flow, {1, 60, 0, 11})) << "the other half has no such record";
  FlowLogBatch batch;
  table.take(batch);
  ASSERT_EQ(batch.records.size(), 1U);
  EXPECT_EQ(batch.records[0].packets, 6U);
  EXPECT_EQ(batch.records[0].bytes, 360U);
  EXPECT_EQ(batch.records[0].first_ns, 1U);
  EXPECT_EQ(batch.records[0].last_ns, 9U);
  EXPECT_EQ(batch.records[0].tcp_flags, 1U);

  places.forget(2);
  EXPECT_EQ(places.of(2, 1).at_sender, 0U);
  EXPECT_NE(places.name_of(0, 0), 0U);
  EXPECT_NE(FlowLogPlaces(4, 1).name_of(2, 1), flow) << "no two flows of a worker have one name";
}

}  // namespace
}  // namespace weft::test::flow_log_test

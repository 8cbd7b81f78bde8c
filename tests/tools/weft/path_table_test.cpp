#include "tools/weft/path_table.hpp"

#include <gtest/gtest.h>

namespace weft::cli {
namespace {

using nlohmann::json;

json path(const char* from, const char* to, unsigned number, std::uint64_t packets) {
  return {{"path", number},        {"from", from},      {"to", to},
          {"through", "spine"},    {"state", "up"},     {"summary", "nothing"},
          {"latency_ns", 5'000},   {"latency_both_ways_ns", 60'000},
          {"packets", packets},    {"bytes", packets * 100},
          {"share", 0.5},          {"lost", {{"down", 0}, {"loss", 0}, {"queue", 0}}},
          {"loss_ratio", 0.0},     {"marked", 0},       {"duplicated", 0},
          {"reordered", 0},        {"corrupted", 0},    {"queued_bytes", 0}};
}

TEST(PathTable, is_one_for_each_direction_with_units) {
  json lossy = path("a", "b", 1, 200);
  lossy["state"] = "impaired";
  lossy["summary"] = "loss 1%";
  lossy["lost"] = {{"down", 0}, {"loss", 20}, {"queue", 5}};
  lossy["loss_ratio"] = 0.125;
  lossy["marked"] = 3;
  lossy["round_trip_ns"] = 12'345;
  lossy["queued_bytes"] = 2'000;
  EXPECT_EQ(format_paths({path("a", "b", 0, 200), lossy, path("b", "a", 0, 0)}),
            "a -> b, through the spines\n"
            "PATH  STATE     LATENCY  BOTH WAYS  RTT     PACKETS  BYTES  SHARE   "
            "LOST                       QUEUED  ALSO      IMPAIRED BY\n"
            "0     up        5us      60us       -       200      20 kB  50.0 %  "
            "-                          0 B     -         nothing\n"
            "1     impaired  5us      60us       12.3us  200      20 kB  50.0 %  "
            "12.5 % (20 loss, 5 queue)  2 kB    3 marked  loss 1%\n"
            "\n"
            "b -> a, through the spines\n"
            "PATH  STATE  LATENCY  BOTH WAYS  RTT  PACKETS  BYTES  SHARE   LOST  QUEUED  ALSO  IMPAIRED BY\n"
            "0     up     5us      60us       -    0        0 B    50.0 %  -     0 B     -     nothing\n");
}

TEST(PathTable, has_the_links_of_hosts_which_share_nothing_with_the_paths) {
  json uplink = path("a", "b", 0, 200);
  uplink["path"] = nullptr;
  uplink["share"] = nullptr;
  uplink["hop"] = "uplink";
  EXPECT_EQ(format_paths({uplink, path("a", "b", 0, 200)}),
            "a -> b, through the spines\n"
            "PATH    STATE  LATENCY  BOTH WAYS  RTT  PACKETS  BYTES  SHARE   LOST  QUEUED  ALSO  IMPAIRED BY\n"
            "uplink  up     5us      -          -    200      20 kB  -       -     0 B     -     nothing\n"
            "0       up     5us      60us       -    200      20 kB  50.0 %  -     0 B     -     nothing\n");
  json downlink = uplink;
  downlink["hop"] = "downlink";
  json now = {uplink, path("a", "b", 0, 300), downlink};
  now[0]["packets"] = 250;
  const json since = paths_since({uplink, path("a", "b", 0, 200), downlink}, now);
  EXPECT_EQ(since[0]["packets"], 50);
  EXPECT_EQ(since[0]["share"], nullptr);
  EXPECT_EQ(since[1]["share"], 1.0);
  EXPECT_EQ(since[2]["packets"], 0) << "another link";
}

TEST(PathTable, says_when_there_is_no_path_and_when_it_is_a_racks) {
  EXPECT_EQ(format_paths(json::array()), "they share a host: no path between them\n");
  json near = path("a", "b", 0, 0);
  near["through"] = "rack";
  EXPECT_TRUE(format_paths(json::array({near})).starts_with("a -> b, through the rack's switch\n"));
}

TEST(PathTable, a_rare_loss_is_not_none) {
  json rare = path("a", "b", 0, 100'000);
  rare["lost"]["loss"] = 1;
  rare["loss_ratio"] = 0.00001;
  EXPECT_NE(format_paths(json::array({rare})).find("0.001 % (1 loss)"), std::string::npos);
}

TEST(PathsSince, are_differences_and_their_shares) {
  json before = {path("a", "b", 0, 100), path("a", "b", 1, 100), path("b", "a", 0, 7)};
  json now = {path("a", "b", 0, 130), path("a", "b", 1, 110), path("b", "a", 0, 7)};
  before[0]["lost"]["loss"] = 5;
  now[0]["lost"]["loss"] = 20;
  now[0]["corrupted"] = 2;
  now[0]["queued_bytes"] = 44;
  now[0]["state"] = "down";
  const json since = paths_since(before, now);
  EXPECT_EQ(since[0]["packets"], 30);
  EXPECT_EQ(since[0]["bytes"], 3'000);
  EXPECT_EQ(since[0]["share"], 0.75);
  EXPECT_EQ(since[0]["lost"]["loss"], 15);
  EXPECT_EQ(since[0]["loss_ratio"], 0.5);
  EXPECT_EQ(since[0]["corrupted"], 2);
  EXPECT_EQ(since[0]["queued_bytes"], 44);
  EXPECT_EQ(since[0]["state"], "down");
  EXPECT_EQ(since[1]["share"], 0.25);
  EXPECT_EQ(since[2]["packets"], 0);
  EXPECT_EQ(since[2]["share"], 0.0);
}

TEST(PathsSince, count_all_of_what_is_new_or_began_anew) {
  const json since = paths_since(json::array({path("a", "b", 0, 100)}), {path("a", "b", 0, 30), path("a", "b", 1, 10)});
  EXPECT_EQ(since[0]["packets"], 30);
  EXPECT_EQ(since[1]["packets"], 10);
}

}  // namespace
}  // namespace weft::cli

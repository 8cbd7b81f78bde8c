// What clients say they have measured across the fabric, from their memory to the daemon's statistics. They may say anything.
#include <gtest/gtest.h>

#include "tests/drivers/efa/raw_client.hpp"

namespace weft::efa::test {
namespace {

class RoundTripsTest : public SwitchTest {
 protected:
  void SetUp() override {
    add(function("a", 1));
    add(function("b", 2));
  }

  static void show(RawClient& client, unsigned place, const AddressBytes& peer, std::uint8_t path, std::uint32_t ns) {
    PeerRoundTrips& shown = client.header->round_trips[place];
    std::uint64_t words[2];
    std::memcpy(words, peer.data(), sizeof words);
    for (unsigned i = 0; i < 2; ++i) shown.peer[i] = words[i];
    shown.path_ns[path] = ns;
    shown.version += 2;
  }
  /// (path, ns), sorted.
  std::vector<std::pair<unsigned, std::uint32_t>> shown(const std::string& instance, const AddressBytes& peer) const {
    std::vector<std::pair<unsigned, std::uint32_t>> all;
    for (const EfaRoundTrip& one : registry.round_trips(instance))
      if (one.peer == peer) all.emplace_back(one.path, one.ns);
    std::sort(all.begin(), all.end());
    return all;
  }
  using Shown = std::vector<std::pair<unsigned, std::uint32_t>>;
  const AddressBytes b = function("b", 2).address.octets;
};

TEST_F(RoundTripsTest, are_those_of_the_instances_clients_by_peer_and_path) {
  RawClient one = open("eni-1"), other = open("eni-1");
  [[maybe_unused]] const RawClient silent = open("eni-2");
  EXPECT_TRUE(registry.round_trips("a").empty()) << "nobody has measured any";
  show(one, 0, b, 3, 100);
  show(one, 1, function("c", 3).address.octets, 5, 7);
  show(other, kTimedPeers - 1, b, 15, 200);
  show(other, kTimedPeers - 1, b, 3, 300);
  EXPECT_EQ(shown("a", b), (Shown{{3, 100}, {3, 300}, {15, 200}}));
  EXPECT_EQ(registry.round_trips("a").size(), 4U);
  EXPECT_TRUE(registry.round_trips("b").empty());
  EXPECT_TRUE(registry.round_trips("nobody").empty());
  registry.drain(other.device);
  EXPECT_EQ(shown("a", b), (Shown{{3, 100}})) << "who has gone says nothing";
}

TEST_F(RoundTripsTest, a_client_in_the_middle_of_writing_is_left_out) {
  RawClient client = open("eni-1");
  show(client, 0, b, 3, 100);
  ++client.header->round_trips[0].version;
  EXPECT_TRUE(registry.round_trips("a").empty());
  ++client.header->round_trips[0].version;
  EXPECT_EQ(shown("a", b), (Shown{{3, 100}}));
}

TEST_F(RoundTripsTest, rubbish_is_no_more_than_that) {
  RawClient client = open("eni-1");
  std::memset(static_cast<void*>(client.header->round_trips), 0xfe, sizeof client.header->round_trips);
  const std::vector<EfaRoundTrip> all = registry.round_trips("a");
  EXPECT_EQ(all.size(), std::size_t{kTimedPeers} * kTimedPaths);
  for (const EfaRoundTrip& one : all) EXPECT_LT(one.path, kTimedPaths);
}

}  // namespace
}  // namespace weft::efa::test

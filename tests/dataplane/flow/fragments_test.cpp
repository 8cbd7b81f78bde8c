// Later fragments find what their first one left, and nothing else does; random ones against a map.
#include "dataplane/flow/fragments.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <tuple>

namespace weft {
namespace {

FragmentId id_of(std::uint32_t identification, std::uint16_t eni = 1, std::uint8_t source = 4) {
  FragmentId id;
  id.source = IpAddress::from({0x0a000100U + source});
  id.destination = IpAddress::from({0x0a000205});
  id.identification = identification;
  id.eni = eni;
  id.protocol = 17;
  return id;
}
FirstFragment first_of(std::uint16_t port, std::uint16_t bytes = 1480) {
  return {.source_port = port, .destination_port = 53, .bytes = bytes, .protocol = 17, .kind = 2};
}

TEST(Fragments, ALaterOneFindsWhatTheFirstOneLeft) {
  FragmentTable table;
  EXPECT_EQ(table.find(id_of(7), 1480, 0), nullptr);
  table.remember(id_of(7), first_of(5000), 0);
  const FirstFragment* found = table.find(id_of(7), 1480, 10);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->source_port, 5000);
  EXPECT_EQ(found->destination_port, 53);
  EXPECT_EQ(found->protocol, 17);
  EXPECT_EQ(found->kind, 2);
}

TEST(Fragments, EveryPartOfTheNameCounts) {
  FragmentTable table;
  table.remember(id_of(7), first_of(5000), 0);
  EXPECT_EQ(table.find(id_of(8), 1480, 0), nullptr);
  EXPECT_EQ(table.find(id_of(7, 2), 1480, 0), nullptr) << "from another ENI";
  EXPECT_EQ(table.find(id_of(7, 1, 5), 1480, 0), nullptr) << "from another address";
  FragmentId other = id_of(7);
  other.protocol = 6;
  EXPECT_EQ(table.find(other, 1480, 0), nullptr);
  FragmentId back = id_of(7);
  std::swap(back.source, back.destination);
  EXPECT_EQ(table.find(back, 1480, 0), nullptr);
}

TEST(Fragments, OneThatLiesOverTheFirstIsRefused) {  // RFC 1858, RFC 5722
  FragmentTable table;
  table.remember(id_of(7), first_of(5000, 16), 0);
  EXPECT_EQ(table.find(id_of(7), 8, 0), nullptr);
  EXPECT_NE(table.find(id_of(7), 16, 0), nullptr);
}

TEST(Fragments, AreForgottenAfterAMinute) {
  FragmentTable table;
  table.remember(id_of(7), first_of(5000), 0xffffff00);  // ticks wrap
  EXPECT_NE(table.find(id_of(7), 1480, 0xffffff00 + kFragmentTimeout), nullptr);
  EXPECT_EQ(table.find(id_of(7), 1480, 0xffffff00 + kFragmentTimeout + 1), nullptr);
}

TEST(Fragments, AFloodOfFirstOnesCrowdsOutOnlyItsOwnPage) {
  FragmentTable table;
  for (std::uint16_t eni = 1; eni < FragmentTable::kPages; ++eni) table.remember(id_of(7, eni), first_of(eni), 0);
  for (std::uint32_t identification = 0; identification < 100'000; ++identification)
    table.remember(id_of(identification, 0), first_of(1), 0);
  for (std::uint16_t eni = 1; eni < FragmentTable::kPages; ++eni) {
    const FirstFragment* found = table.find(id_of(7, eni), 1480, 0);
    ASSERT_NE(found, nullptr) << eni;
    EXPECT_EQ(found->source_port, eni);
  }
}

TEST(Fragments, WhatIsFoundIsWhatAMapHas) {
  const std::uint32_t seed = std::random_device{}();
  std::mt19937 random(seed);
  FragmentTable table;
  std::map<std::tuple<std::uint32_t, std::uint16_t, std::uint8_t>, std::pair<std::uint16_t, std::uint32_t>> truth;
  std::uint32_t now = 0;
  unsigned found = 0, lost = 0;
  for (int step = 0; step < 200'000; ++step) {
    now += static_cast<std::uint32_t>(random() % 3);
    const auto identification = static_cast<std::uint32_t>(random() % 40);
    const auto eni = static_cast<std::uint16_t>(random() % 40);
    const auto source = static_cast<std::uint8_t>(random() % 2);
    const FragmentId id = id_of(identification, eni, source);
    if (random() % 3 == 0) {
      const auto port = static_cast<std::uint16_t>(random());
      table.remember(id, first_of(port), now);
      truth[{identification, eni, source}] = {port, now};
      continue;
    }
    const FirstFragment* got = table.find(id, 1480, now);
    const auto known = truth.find({identification, eni, source});
    const bool fresh = known != truth.end() && now - known->second.second <= kFragmentTimeout;
    if (got != nullptr) {
      ASSERT_TRUE(fresh) << "seed " << seed << " step " << step;
      ASSERT_EQ(got->source_port, known->second.first) << "seed " << seed << " step " << step;
      ++found;
    } else {
      lost += fresh;  // its place was taken
    }
  }
  EXPECT_GT(found, lost) << "up to 160 packets of a page of 128 are on their way here: seed " << seed;
  EXPECT_GT(found, 10'000U);
}

}  // namespace
}  // namespace weft

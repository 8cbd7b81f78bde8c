// A row of the table that specifies one packet from guest a: what goes in, what becomes of it, and the whole change of
// the counters. fixtures_test.cpp has IPv4's rows, ipv6_fixtures_test.cpp IPv6's.
#pragma once

#include <cctype>

#include "tests/dataplane/worker/fabric.hpp"

namespace weft::test {

struct Fixture {
  std::string description;
  Frame in;  // from a
  std::optional<DropReason> drop;
  std::string receiver;  // empty: nobody
  Frame out;
  Changes also;  // beyond what delivery or the drop alone changes
};

inline void PrintTo(const Fixture& fixture, std::ostream* out) { *out << fixture.description; }

inline Fixture dropped(std::string description, Frame in, DropReason why) {
  return {std::move(description), std::move(in), why, "", {}, {}};
}
inline Fixture passes(std::string description, Frame in, std::string receiver, Frame out, Changes flow) {
  return {std::move(description), std::move(in), {}, std::move(receiver), std::move(out), std::move(flow)};
}

/// Sends it through a fabric of its own: everything that the row says happens, and nothing else does.
inline void has_this_effect_and_no_other(const Fixture& fixture, Fabric& fabric) {
  fabric.send("a", fixture.in);
  const Changes expected = fixture.drop                ? fabric.dropped("a", fixture.in, *fixture.drop)
                           : fixture.receiver.empty() ? fabric.sent("a", fixture.in)
                                                      : fabric.delivered("a", fixture.receiver, fixture.in);
  EXPECT_EQ(fabric.changes(), expected + fixture.also);
  EXPECT_TRUE(fabric.engine().balance().holds());
  for (const std::string guest : {"a", "b", "c", "d"}) {
    const std::optional<Frame> got = fabric.receive(guest);
    ASSERT_EQ(got.has_value(), guest == fixture.receiver) << guest;
    if (got) { EXPECT_EQ(*got, fixture.out); }
  }
  if (!fixture.drop) return;
  const std::vector<DropView> drops = fabric.engine().drops();
  ASSERT_EQ(drops.size(), 1U);
  EXPECT_EQ(drops[0].reason, *fixture.drop);
  EXPECT_EQ(drops[0].source_eni, "eni-a");
  EXPECT_EQ(drops[0].count, 1U);
}

inline std::string test_name(const testing::TestParamInfo<Fixture>& fixture) {
  std::string name = fixture.param.description;
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
}

}  // namespace weft::test

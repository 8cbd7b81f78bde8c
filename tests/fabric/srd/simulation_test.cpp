// Many schedules of a network's troubles, each by its seed. One that fails: weft-srd-simulation --seed N -v
#include <gtest/gtest.h>

#include "tests/fabric/srd/simulator.hpp"
#include "tests/sanitized.hpp"

namespace weft::srd::test {
namespace {

TEST(SrdSimulation, EveryScheduleEndsWithEachPacketTakenAndReportedOnce) {
  const unsigned count = weft::test::seeds(6'000, 300);
  std::uint64_t sent_again = 0, failed = 0, arrived = 0;
  for (unsigned seed = 0; seed < count; ++seed) {
    const Outcome outcome = Simulation(Schedule::from(seed), false).run();
    ASSERT_EQ(outcome.wrong, "") << "seed " << seed;
    sent_again += outcome.sent_again;
    failed += outcome.failed;
    arrived += outcome.arrived;
  }
  EXPECT_GT(sent_again, arrived / 100) << "the network does too little harm";
  EXPECT_GT(failed, 0u);
  EXPECT_GT(arrived, 5 * failed);
}

TEST(SrdSimulation, ASeedDoesTheSameAgain) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Outcome one = Simulation(Schedule::from(seed), false).run();
    const Outcome other = Simulation(Schedule::from(seed), false).run();
    EXPECT_EQ(one.events, other.events);
    EXPECT_EQ(one.ended_ns, other.ended_ns);
    EXPECT_EQ(one.sent_again, other.sent_again);
  }
}

}  // namespace
}  // namespace weft::srd::test

// Two workers without threads: worker 0 turns, worker 1 does not, so the rings between them fill.
#include <gtest/gtest.h>

#include "dataplane/worker/handover.hpp"
#include "tests/dataplane/worker/fabric.hpp"

namespace weft::test {
namespace {

TEST(Handover, AFullRingIsANamedDropAndWhatIsInItIsHeld) {
  Fabric fabric(make_deployment({members_group()}, four_guests({"members"})), {.workers = 2, .packets = 16383});
  // a's home is worker 0 and b's is worker 1: every packet ends in the ring to worker 1, as another's flow or for b.
  const std::uint64_t room = weft::Handover::kDepth - 1;
  const std::uint64_t packets = room + 100;
  for (std::uint64_t i = 0; i < packets; ++i)
    fabric.send("a", udp(fabric.path("a", "b"), static_cast<std::uint16_t>(1 + i % 60000), 2));
  const Balance balance = fabric.engine().balance();
  EXPECT_EQ(balance.received, packets);
  EXPECT_EQ(balance.held, room);
  EXPECT_EQ(balance.dropped, 100U);
  EXPECT_TRUE(balance.holds());
  EXPECT_EQ(fabric.engine().statistics().at(0).drops[static_cast<std::size_t>(DropReason::kHandoverFull)], 100U);
}

}  // namespace
}  // namespace weft::test

// The copy ahead of which lines are asked for is a copy: every length, any alignment, and not a byte beside it.
#include "drivers/efa/packet_copy.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "drivers/efa/abi.hpp"

namespace weft::efa {
namespace {

TEST(PacketCopy, does_what_memcpy_does_for_every_length) {
  constexpr unsigned kSeed = 20261126, kMargin = 64;
  std::mt19937 random(kSeed);
  std::vector<std::byte> from(kMtu + kMargin), before(kMtu + 3 * kMargin);
  for (std::byte& byte : from) byte = static_cast<std::byte>(random());
  for (std::byte& byte : before) byte = static_cast<std::byte>(random());
  for (std::uint32_t length = 0; length <= kMtu; ++length) {
    const std::size_t source = random() % kMargin, target = kMargin + random() % kMargin;
    std::vector<std::byte> expected = before, found = before;
    std::memcpy(expected.data() + target, from.data() + source, length);
    copy_packet(found.data() + target, from.data() + source, length);
    ASSERT_EQ(found, expected) << "length " << length << ", seed " << kSeed;
  }
}

}  // namespace
}  // namespace weft::efa

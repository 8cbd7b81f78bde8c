// The acknowledgement's bytes, and what may be made of any bytes.
#include "fabric/srd/acknowledgement.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "fabric/srd/random.hpp"
#include "tests/sanitized.hpp"

namespace weft::srd {
namespace {

using Bytes = std::vector<unsigned char>;

Bytes written(const Acknowledgement& acknowledgement, const PacketHeader& header) {
  std::array<std::byte, kMaxAcknowledgementBytes> packet;
  const std::size_t size = write_acknowledgement(acknowledgement, header, packet);
  Bytes bytes(size);
  std::memcpy(bytes.data(), packet.data(), size);
  return bytes;
}

std::optional<Acknowledgement> parsed(const Bytes& bytes) {
  return parse_acknowledgement(std::as_bytes(std::span(bytes)));
}

Acknowledgement sample() {
  Acknowledgement acknowledgement;
  acknowledgement.session = 7;
  acknowledgement.incarnation = 0x44332211;
  acknowledgement.cumulative = 0x01020304;
  acknowledgement.words = 1;
  acknowledgement.bitmap[0] = 0x8000000000000005;
  acknowledgement.echoes = 1;
  acknowledgement.echo[0] = {.psn = 0x01020307, .delay_ns = 1000, .path = 9, .congested = true};
  return acknowledgement;
}

TEST(Acknowledgement, HasTheseBytes) {
  PacketHeader header{};
  header.session = 3;
  header.credit = 0x55;
  header.flags = kHoldRequests;
  EXPECT_EQ(written(sample(), header), (Bytes{1, 36, 0, 3, 0,    0,    0,    0,    4, 3, 2, 1, 0x55, 0, 0, 0,  //
                                              7, 1,  1, 0, 0x11, 0x22, 0x33, 0x44,                             //
                                              5, 0,  0, 0, 0,    0,    0,    0x80,                             //
                                              7, 3,  2, 1, 0xe8, 3,    0,    0,    9, 1, 0, 0}));
}

TEST(Acknowledgement, OfOnePacketIsShorterThanAnInlineEntry) {
  Acknowledgement acknowledgement;
  acknowledgement.echoes = 1;
  EXPECT_EQ(written(acknowledgement, {}).size(), 36u);
}

TEST(Acknowledgement, IsRefusedWhenCutOrLengthenedAnywhere) {
  const Bytes whole = written(sample(), {});
  ASSERT_TRUE(parsed(whole));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parsed(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)))) << size;
  Bytes longer = whole;
  longer.push_back(0);
  EXPECT_FALSE(parsed(longer));
}

TEST(Acknowledgement, OfAnotherVersionOrWithoutItsFlagIsNone) {
  Bytes bytes = written(sample(), {});
  bytes[0] = 2;
  EXPECT_FALSE(parsed(bytes));
  bytes[0] = 1;
  bytes[1] = 0;
  EXPECT_FALSE(parsed(bytes));
}

TEST(Acknowledgement, ReservedBytesAreForLater) {
  Bytes bytes = written(sample(), {});
  bytes[19] = bytes[42] = bytes[43] = 0xff;
  bytes[41] |= 0xfe;
  EXPECT_EQ(parsed(bytes), sample());
}

TEST(Acknowledgement, AnyBytesAreRefusedOrMeanWhatTheyAreWrittenBackAs) {
  Random random(1);
  const unsigned rounds = test::seeds(200'000, 20'000);
  unsigned accepted = 0;
  for (unsigned round = 0; round < rounds; ++round) {
    Bytes bytes(random.below(kMaxAcknowledgementBytes + 20));
    for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(random.next());
    // Half of them with a plausible head, or no length would ever fit.
    if (round % 2 == 0 && bytes.size() >= kAcknowledgementHead) {
      bytes[0] = 1;
      bytes[1] |= kAcknowledgement;
      bytes[17] = static_cast<unsigned char>(random.below(10));
      bytes[18] = static_cast<unsigned char>(random.below(10));
      bytes.resize(std::min<std::size_t>(bytes.size(), kAcknowledgementHead + bytes[17] * 8u + bytes[18] * kEchoBytes));
    }
    const auto acknowledgement = parsed(bytes);
    if (!acknowledgement) continue;
    ++accepted;
    PacketHeader header;
    std::memcpy(&header, bytes.data(), sizeof header);
    ASSERT_EQ(parsed(written(*acknowledgement, header)), acknowledgement);
  }
  EXPECT_GT(accepted, rounds / 20);
}

}  // namespace
}  // namespace weft::srd

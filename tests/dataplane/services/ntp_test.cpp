// Time Sync: RFC 5905 and facts ec2 1.9, 7.5.
#include "dataplane/services/ntp.hpp"

#include "tests/dataplane/services/frames.hpp"

namespace weft::services {
namespace {

/// As ntpdate, sntp and chronyd send it: version and mode, and when it left.
Bytes request(unsigned version, unsigned mode) {
  return Bytes{static_cast<std::uint8_t>(0xc0 | version << 3 | mode), 0, 6, 0xec} + zeros(36) + be32(0xe8f00001) +
         be32(0x80000001);
}

struct Ntp : Guest {
  Bytes tell(const Bytes& payload, const char* from = "10.0.1.4", const char* to = "169.254.169.123") {
    const Reply reply = answered(udp_frame(from, 45123, to, 123, payload));
    EXPECT_EQ(reply.from, ip(to));
    EXPECT_EQ(reply.from_port, 123U);
    EXPECT_EQ(reply.to_port, 45123U);
    EXPECT_EQ(reply.payload.size(), 48U);
    return reply.payload;
  }
};

TEST_F(Ntp, TellsTheTimeToClientsOfVersions3And4) {
  for (const unsigned version : {3U, 4U}) {
    const Bytes said = tell(request(version, 3));
    EXPECT_EQ(said[0], version << 3 | 4) << "no leap second, the client's version, server";
    EXPECT_EQ(said[1], 3) << "stratum";
    EXPECT_EQ(said[2], 6) << "the client's poll";
    EXPECT_EQ(slice(said, 12, 4), (Bytes{127, 127, 1, 0}));
    EXPECT_EQ(slice(said, 24, 8), be32(0xe8f00001) + be32(0x80000001)) << "origin: when the request left";
    for (const std::size_t at : {32U, 40U}) {
      EXPECT_EQ(at32(said, at), 1700000000U + 2208988800U);
      EXPECT_EQ(at32(said, at + 4), 0x80000000U) << "half a second";
    }
    EXPECT_LE(at32(said, 16), at32(said, 40)) << "set before now";
    EXPECT_GT(at32(said, 16) + 17, at32(said, 40));
  }
}

TEST_F(Ntp, OverIpv6) { EXPECT_EQ(tell(request(4, 3), "2001:db8:1:100::4", "fd00:ec2::123")[1], 3); }

TEST_F(Ntp, ExtensionFieldsAndMacsAreNotLookedAt) { EXPECT_EQ(tell(request(4, 3) + zeros(20)), tell(request(4, 3))); }

TEST_F(Ntp, EverybodyElseGetsNothing) {
  const auto asked = [&](const Bytes& payload) {
    return ask(udp_frame("10.0.1.4", 45123, "169.254.169.123", 123, payload));
  };
  for (const unsigned mode : {0U, 1U, 2U, 4U, 5U, 6U, 7U})  // 6 and 7 are what makes servers amplifiers
    EXPECT_TRUE(dropped_for(asked(request(4, mode)), Refusal::kNotARequest)) << mode;
  for (const unsigned version : {0U, 1U, 2U, 5U, 7U})
    EXPECT_TRUE(dropped_for(asked(request(version, 3)), Refusal::kNotARequest)) << version;
  for (std::size_t length = 0; length < 48; ++length)
    EXPECT_TRUE(dropped_for(asked(slice(request(4, 3), 0, length)), Refusal::kMalformed)) << length;
}

TEST_F(Ntp, TheEraOf2036WrapsBySeconds) {
  constexpr std::uint64_t kLast = 4294967295ULL - 2208988800ULL;  // unix time of the era's last second
  EXPECT_EQ(ntp_timestamp(kLast * 1000000000) >> 32, 0xffffffffULL);
  EXPECT_EQ(ntp_timestamp((kLast + 1) * 1000000000 + 999999999), 0xfffffffbULL);
}

}  // namespace
}  // namespace weft::services

#include "dataplane/net/address.hpp"

#include <gtest/gtest.h>

#include <bitset>
#include <random>
#include <set>
#include <string>
#include <unordered_set>

namespace weft {
namespace {

TEST(MacAddress, ReadsAndPrintsTheOneFormat) {
  const auto mac = MacAddress::parse("02:00:0a:FF:01:04");
  ASSERT_TRUE(mac);
  EXPECT_EQ(mac->octets, (std::array<std::uint8_t, 6>{0x02, 0x00, 0x0a, 0xff, 0x01, 0x04}));
  EXPECT_EQ(mac->to_string(), "02:00:0a:ff:01:04");
}

TEST(MacAddress, RefusesEverythingElse) {
  for (const char* text : {"", "02", "02:00:0a:00:01", "02:00:0a:00:01:04:05", "02-00-0a-00-01-04", "0200.0a00.0104",
                           "02:00:0a:00:01:0g", "2:0:a:0:1:4", "02:00:0a:00:01:4", " 2:00:0a:00:01:04",
                           "02:00:0a:00:01:04 ", "02:00:0a:00:01:+4", "02:00:0a:00:01:04\n"})
    EXPECT_FALSE(MacAddress::parse(text)) << '"' << text << '"';
}

TEST(MacAddress, KnowsMulticast) {
  EXPECT_TRUE(MacAddress::broadcast().is_multicast());
  EXPECT_TRUE(MacAddress::parse("01:00:5e:00:00:01")->is_multicast());
  EXPECT_FALSE(MacAddress::parse("02:00:00:00:00:01")->is_multicast());
}

TEST(Ipv4Address, ReadsAndPrintsDottedQuads) {
  EXPECT_EQ(Ipv4Address::parse("10.0.1.4")->value, 0x0a000104U);
  EXPECT_EQ(Ipv4Address::parse("0.0.0.0")->value, 0U);
  EXPECT_EQ(Ipv4Address::parse("255.255.255.255")->value, 0xffffffffU);
  EXPECT_EQ(Ipv4Address{0x0a000104}.to_string(), "10.0.1.4");
  EXPECT_EQ(Ipv4Address{0xfffefdfc}.to_string(), "255.254.253.252");
}

TEST(Ipv4Address, RefusesEverythingElse) {
  for (const char* text :
       {"",          ".",          "10",         "10.0.1",    "10.0.1.",
        ".0.1.4",    "10.0.1.4.5", "10.0.1.256", "10.0.1.-4", "10.0.1.04",
        "010.0.1.4", "0x0a.0.1.4", " 10.0.1.4",  "10.0.1.4 ", "10.0.1.4/24",
        "10,0,1,4",  "10.0..4",    "1e1.0.0.1",  "::1",       "99999999999999999999999999999999999999999999999.1.1.1"})
    EXPECT_FALSE(Ipv4Address::parse(text)) << '"' << text << '"';
  EXPECT_FALSE(Ipv4Address::parse(std::string_view("10.0.1.4\0", 9))) << "a NUL is a character like any other";
  EXPECT_FALSE(Ipv4Address::parse(std::string_view("10.0.1.4\0.5", 11)));
}

TEST(Ipv4Address, SurvivesARoundTrip) {
  std::mt19937 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const Ipv4Address address{static_cast<std::uint32_t>(random())};
    EXPECT_EQ(Ipv4Address::parse(address.to_string()), address);
    EXPECT_EQ(IpAddress::from(address).v4(), address);
    EXPECT_TRUE(IpAddress::from(address).is_v4());
  }
}

TEST(IpAddress, ReadsBothFamilies) {
  EXPECT_EQ(IpAddress::parse("10.0.1.4"), IpAddress::from({0x0a000104}));
  EXPECT_EQ(IpAddress::parse("::ffff:10.0.1.4"), IpAddress::from({0x0a000104})) << "one address, two spellings";
  EXPECT_EQ(IpAddress::parse("::ffff:a00:104")->to_string(), "10.0.1.4");
  const auto v6 = IpAddress::parse("FD00:EC2::254");
  ASSERT_TRUE(v6);
  EXPECT_FALSE(v6->is_v4());
  EXPECT_EQ(v6->to_string(), "fd00:ec2::254");
  EXPECT_EQ(IpAddress::parse("::")->octets, IpAddress{}.octets);
  EXPECT_FALSE(IpAddress::parse("::")->is_v4());
  EXPECT_EQ(IpAddress::parse("1:2:3:4:5:6:7:8")->octets[15], 8);
}

TEST(IpAddress, RefusesEverythingElse) {
  for (const char* text : {"", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3",
                           "12345::", "g::", "fe80::1%eth0", "[::1]", "::1/128", "::10.0.0.256", " ::1", "node-0"})
    EXPECT_FALSE(IpAddress::parse(text)) << '"' << text << '"';
}

TEST(IpAddress, SurvivesARoundTripAndHashesApart) {
  std::mt19937_64 random(2);
  std::unordered_set<std::size_t> hashes;
  for (int i = 0; i < 10'000; ++i) {
    IpAddress ip;
    for (auto& octet : ip.octets) octet = random() % 3 == 0 ? 0 : static_cast<std::uint8_t>(random());
    ASSERT_EQ(IpAddress::parse(ip.to_string()), ip) << ip.to_string();
    hashes.insert(std::hash<IpAddress>{}(IpAddress::from({static_cast<std::uint32_t>(i)})));
  }
  EXPECT_EQ(hashes.size(), 10'000U);
}

TEST(IpPrefix, ClearsHostBitsAsEc2Does) {
  EXPECT_EQ(IpPrefix::parse("100.68.0.18/18")->to_string(), "100.68.0.0/18");  // EC2's own example
  EXPECT_EQ(IpPrefix::parse("10.0.1.255/31")->to_string(), "10.0.1.254/31");
  EXPECT_EQ(IpPrefix::parse("2001:db8::1/33")->to_string(), "2001:db8::/33");
  EXPECT_EQ(IpPrefix::parse("2001:db8:ffff::/33")->to_string(), "2001:db8:8000::/33");
}

TEST(IpPrefix, CountsLengthInTheSixteenByteForm) {
  const auto prefix = IpPrefix::parse("10.0.1.0/24");
  ASSERT_TRUE(prefix);
  EXPECT_EQ(prefix->length, 120);
  EXPECT_EQ(prefix->v4_length(), 24U);
  EXPECT_TRUE(prefix->is_v4());
  EXPECT_EQ(IpPrefix::parse("0.0.0.0/0")->length, 96);
  EXPECT_EQ(IpPrefix::parse("0.0.0.0/0")->to_string(), "0.0.0.0/0");
  EXPECT_EQ(IpPrefix::parse("::/0")->length, 0);
  EXPECT_FALSE(IpPrefix::parse("::/0")->is_v4());
  EXPECT_EQ(IpPrefix::parse("::/0")->to_string(), "::/0");
  EXPECT_EQ(IpPrefix::parse("::ffff:10.0.0.0/104")->to_string(), "10.0.0.0/8");
}

TEST(IpPrefix, RefusesWhatIsNoCidr) {
  for (const char* text : {"",
                           "/",
                           "10.0.1.0",
                           "10.0.1.0/",
                           "/24",
                           "10.0.1.0/33",
                           "10.0.1.0/-1",
                           "10.0.1.0/+8",
                           "10.0.1.0/ 8",
                           "10.0.1.0/8 ",
                           "10.0.1.0/024",
                           "10.0.1.0/2.4",
                           "10.0.1.0/24/24",
                           "10.0.1/24",
                           "10.0.1.0/a",
                           "10.0.1.0/4294967297",
                           "10.0.1.0/99999999999999999999",
                           "::/129",
                           "::1/",
                           "10.0.1.0\\24"})
    EXPECT_FALSE(IpPrefix::parse(text)) << '"' << text << '"';
}

TEST(IpPrefix, ContainsItsOwnFamilyOnly) {
  const auto all_v4 = *IpPrefix::parse("0.0.0.0/0");
  const auto all_v6 = *IpPrefix::parse("::/0");
  const auto v4 = *IpAddress::parse("10.0.1.4");
  const auto v6 = *IpAddress::parse("fd00::1");
  EXPECT_TRUE(all_v4.contains(v4));
  EXPECT_FALSE(all_v4.contains(v6));
  EXPECT_TRUE(all_v6.contains(v6));
  EXPECT_FALSE(all_v6.contains(v4)) << "::/0 covers the bits of ::ffff:0:0/96 and yet means IPv6";
  EXPECT_FALSE(all_v6.contains(all_v4));
  EXPECT_TRUE(all_v4.contains(*IpPrefix::parse("10.0.0.0/8")));
  EXPECT_FALSE(IpPrefix::parse("10.0.0.0/8")->contains(all_v4));
  EXPECT_TRUE(IpPrefix::parse("10.0.1.4/32")->contains(v4));
  EXPECT_FALSE(IpPrefix::parse("10.0.1.5/32")->contains(v4));
}

/// The bits of an address as text, and a prefix as the beginning of such a text.
std::string bits(const IpAddress& ip) {
  std::string text;
  for (const auto octet : ip.octets) text += std::bitset<8>(octet).to_string();
  return text;
}

TEST(IpPrefix, AgreesWithComparingBitsOneByOne) {
  std::mt19937 random(3);
  int contained = 0;
  for (int i = 0; i < 50'000; ++i) {
    const auto address = IpAddress::from({static_cast<std::uint32_t>(random())});
    auto other = address;
    const unsigned flip = 96 + random() % 33;  // 128: none
    if (flip < 128) other.octets[flip / 8] ^= static_cast<std::uint8_t>(0x80U >> flip % 8);
    const auto length = static_cast<std::uint8_t>(96 + random() % 33);
    const auto prefix = IpPrefix::make(address, length);
    const bool expected = bits(address).substr(0, length) == bits(other).substr(0, length);
    ASSERT_EQ(prefix.contains(other), expected) << prefix.to_string() << ' ' << other.to_string();
    ASSERT_EQ(bits(prefix.address), bits(address).substr(0, length) + std::string(128 - length, '0'));
    ASSERT_EQ(IpPrefix::parse(prefix.to_string()), prefix);
    contained += expected;
  }
  EXPECT_GT(contained, 10'000);
  EXPECT_LT(contained, 40'000);
}

TEST(Be, KeepsNetworkOrderInMemoryAtAnyOffset) {
  alignas(8) unsigned char memory[7] = {};
  const Be32 value(0x0a000104);
  std::memcpy(memory + 3, &value, 4);
  EXPECT_EQ(memory[3], 0x0a);
  EXPECT_EQ(memory[6], 0x04);
  EXPECT_EQ(value.host(), 0x0a000104U);
  EXPECT_EQ(Be16(0x0800).host(), 0x0800);
  EXPECT_EQ(alignof(Be32), 1U);
  static_assert(Be16(0x1234).host() == 0x1234);
}

/// Tables take some of the bits, lower or upper ones: none may be the same for all hosts of a subnet.
TEST(IpAddressHash, SpreadsTheHostsOfASubnetOverAnyOfItsBits) {
  for (const std::string subnet : {"10.0.1.", "2001:db8:0:1::", "2001:db8:0:1:ffff:"}) {
    for (const unsigned shift : {0U, 8U, 16U, 24U, 32U, 40U, 48U, 56U}) {
      std::set<std::size_t> values;
      for (unsigned host = 0; host < 250; ++host) {
        const std::string text = subnet + (subnet.back() == '.' || subnet.ends_with("::") ? std::to_string(host)
                                                                                        : std::to_string(host) + "::");
        values.insert(std::hash<IpAddress>{}(*IpAddress::parse(text)) >> shift & 0xff);
      }
      EXPECT_GT(values.size(), 130U) << subnet << " bit " << shift;  // of 250 balls in 256 boxes, 160 boxes have one
    }
  }
}

}  // namespace
}  // namespace weft

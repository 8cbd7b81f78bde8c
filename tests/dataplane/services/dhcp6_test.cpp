// DHCPv6 (RFC 8415): facts ec2 1.4, 1.7, 1.9.
#include "dataplane/services/dhcp6.hpp"

#include "tests/dataplane/services/frames.hpp"

namespace weft::services::dhcp6_test {
namespace {

constexpr unsigned kSolicit = 1, kAdvertise = 2, kRequest = 3, kConfirm = 4, kRenew = 5, kRebind = 6, kReply = 7,
                   kRelease = 8, kDecline = 9, kReconfigure = 10, kInformation = 11;
constexpr unsigned kSuccess = 0, kNoAddrs = 2, kNoBinding = 3, kNotOnLink = 4, kUseMulticast = 5, kNoPrefix = 6;

Bytes option(unsigned code, const Bytes& value) {
  return be16(code) + be16(static_cast<unsigned>(value.size())) + value;
}
const Bytes kClientDuid = Bytes{0, 1, 0, 1, 0x2c, 0x5e, 0x1f, 0x0a} + octets(mac("0a:00:0a:00:01:04"));
const Bytes kServerDuid = Bytes{0, 3, 0, 1} + octets(mac("06:00:0a:00:01:01"));
Bytes client() { return option(1, kClientDuid); }
Bytes server() { return option(2, kServerDuid); }
Bytes address(const char* a) { return option(5, octets(ip(a)) + be32(0) + be32(0)); }
Bytes ia_na(const Bytes& addresses = {}) { return option(3, be32(0x0a000104) + zeros(8) + addresses); }
Bytes ia_pd(const Bytes& prefixes = {}) { return option(25, be32(7) + zeros(8) + prefixes); }
Bytes pd_prefix(const char* a, unsigned length) {
  return option(26, zeros(8) + Bytes{static_cast<std::uint8_t>(length)} + octets(ip(a)));
}

Bytes message(unsigned type, const Bytes& options) {
  return Bytes{static_cast<std::uint8_t>(type), 0x12, 0x34, 0x56} + options;
}
Bytes datagram(unsigned type, const Bytes& options, const char* to = "ff02::1:2") {
  return udp_frame("fe80::800:aff:fe00:104", 546, to, 547, message(type, options));
}

std::multimap<unsigned, Bytes> options_of(const Bytes& list) {
  std::multimap<unsigned, Bytes> options;
  for (std::size_t at = 0; at < list.size();) {
    const unsigned length = at16(list, at + 2);
    options.emplace(at16(list, at), slice(list, at + 4, length));
    at += 4 + length;
  }
  return options;
}

struct Said {
  unsigned type = 0;
  std::multimap<unsigned, Bytes> options;
  const Bytes& operator[](unsigned code) const {
    static const Bytes nothing;
    const auto at = options.find(code);
    EXPECT_NE(at, options.end()) << "no option " << code;
    return at == options.end() ? nothing : at->second;
  }
  bool has(unsigned code) const { return options.contains(code); }
};
unsigned status(const Bytes& option) { return at16(option, 0); }

struct Dhcp6 : Guest {
  Said tell(const Bytes& frame) {
    const Reply reply = answered(frame);
    EXPECT_EQ(reply.from, ip("fe80::400:aff:fe00:101"));
    EXPECT_EQ(reply.to, ip("fe80::800:aff:fe00:104"));
    EXPECT_EQ(reply.from_port, 547U);
    EXPECT_EQ(reply.to_port, 546U);
    EXPECT_EQ(slice(reply.payload, 1, 3), (Bytes{0x12, 0x34, 0x56}));
    const Said said{reply.payload.at(0), options_of(slice(reply.payload, 4, reply.payload.size() - 4))};
    EXPECT_EQ(said[2], kServerDuid);
    return said;
  }
  /// What is inside an IA: the address, its preferred and its valid lifetime.
  static void expect_address(const Bytes& ia, const char* a, std::uint32_t preferred, std::uint32_t valid) {
    for (const auto& [code, data] : options_of(slice(ia, 12, ia.size() - 12)))
      if (code == 5 && slice(data, 0, 16) == octets(ip(a))) {
        EXPECT_EQ(at32(data, 16), preferred);
        EXPECT_EQ(at32(data, 20), valid);
        return;
      }
    ADD_FAILURE() << a << " is not there";
  }
  static std::size_t addresses_in(const Bytes& ia) { return options_of(slice(ia, 12, ia.size() - 12)).count(5); }
};

TEST_F(Dhcp6, SolicitAdvertisesTheFirstAddress) {
  const Said said = tell(datagram(kSolicit, client() + ia_na() + option(6, be16(23) + be16(24))));
  EXPECT_EQ(said.type, kAdvertise);
  EXPECT_EQ(said[1], kClientDuid);
  const Bytes& ia = said[3];
  EXPECT_EQ(at32(ia, 0), 0x0a000104U);
  EXPECT_EQ(at32(ia, 4), 70U);
  EXPECT_EQ(at32(ia, 8), 112U);
  EXPECT_EQ(addresses_in(ia), 1U);
  expect_address(ia, "2001:db8:1:100::4", 140, 450);
  EXPECT_EQ(said[23], octets(ip("fd00:ec2::253")));
  EXPECT_EQ(said[24], Bytes{3} + text("ec2") + Bytes{8} + text("internal") + Bytes{0});
  EXPECT_FALSE(said.has(14));
}

TEST_F(Dhcp6, SolicitWithRapidCommitIsRepliedToAtOnce) {
  const Said said = tell(datagram(kSolicit, client() + ia_na() + option(14, {})));
  EXPECT_EQ(said.type, kReply);
  EXPECT_TRUE(said.has(14));
  expect_address(said[3], "2001:db8:1:100::4", 140, 450);
}

TEST_F(Dhcp6, RequestRenewAndRebindKeepTheAddressesThatAreTheEnis) {
  for (const unsigned type : {kRequest, kRenew, kRebind}) {
    const Bytes names_us = type == kRebind ? Bytes{} : server();
    const Said said = tell(datagram(type, client() + names_us + ia_na(address("2001:db8:1:100::40"))));
    EXPECT_EQ(said.type, kReply);
    EXPECT_EQ(addresses_in(said[3]), 1U);
    expect_address(said[3], "2001:db8:1:100::40", 140, 450);
  }
}

TEST_F(Dhcp6, AnAddressThatIsNotTheEnisEndsAndItsOwnIsGiven) {
  const Said said = tell(datagram(kRenew, client() + server() + ia_na(address("2001:db8:1:100::5"))));
  EXPECT_EQ(addresses_in(said[3]), 2U);
  expect_address(said[3], "2001:db8:1:100::5", 0, 0);
  expect_address(said[3], "2001:db8:1:100::4", 140, 450);
}

TEST_F(Dhcp6, ConfirmIsYesForTheEnisOwnAddressesOnly) {
  EXPECT_EQ(status(tell(datagram(kConfirm, client() + ia_na(address("2001:db8:1:100::4"))))[13]), kSuccess);
  EXPECT_EQ(status(tell(datagram(kConfirm, client() + ia_na(address("2001:db8:1:100::5"))))[13]), kNotOnLink);
  const Bytes both = ia_na(address("2001:db8:1:100::4") + address("2001:db8:9::4"));
  EXPECT_EQ(status(tell(datagram(kConfirm, client() + both))[13]), kNotOnLink);
  EXPECT_TRUE(was_consumed(ask(datagram(kConfirm, client() + ia_na())))) << "nothing to confirm";
}

TEST_F(Dhcp6, ReleaseAndDeclineSucceedAndChangeNothing) {
  for (const unsigned type : {kRelease, kDecline}) {
    const Said said = tell(datagram(type, client() + server() + ia_na(address("2001:db8:1:100::4"))));
    EXPECT_EQ(status(said[13]), kSuccess);
    EXPECT_FALSE(said.has(3));
    const Said foreign = tell(datagram(type, client() + server() + ia_na(address("2001:db8:1:100::5"))));
    const Bytes& ia = foreign[3];
    EXPECT_EQ(status(options_of(slice(ia, 12, ia.size() - 12)).find(13)->second), kNoBinding);
  }
  expect_address(tell(datagram(kSolicit, client() + ia_na()))[3], "2001:db8:1:100::4", 140, 450);
}

TEST_F(Dhcp6, InformationRequestGetsWhatItAsksForAndNoAddress) {
  const Bytes wants = option(6, be16(23) + be16(31) + be16(56) + be16(32));
  const Said said = tell(datagram(kInformation, wants));  // even without a client id
  EXPECT_EQ(said.type, kReply);
  EXPECT_EQ(said[23], octets(ip("fd00:ec2::253")));
  EXPECT_EQ(said[31], octets(ip("fd00:ec2::123")));
  EXPECT_EQ(said[56], option(1, octets(ip("fd00:ec2::123"))));
  EXPECT_EQ(said[32], be32(3600));
  EXPECT_FALSE(said.has(1));
  EXPECT_TRUE(dropped_for(ask(datagram(kInformation, wants + ia_na())), Refusal::kNotYours)) << "RFC 8415 16.12";
}

TEST_F(Dhcp6, APrefixIsRefusedUnlessOneIsDelegated) {
  const Said none = tell(datagram(kSolicit, client() + ia_na() + ia_pd()));
  const Bytes& refused = none[25];
  EXPECT_EQ(at32(refused, 0), 7U);
  EXPECT_EQ(status(options_of(slice(refused, 12, refused.size() - 12)).find(13)->second), kNoPrefix);

  const std::vector<IpPrefix> delegated{prefix("2001:db8:1:100:a::/80")};
  view.ipv6_prefixes = delegated;
  const Said said = tell(datagram(kRequest, client() + server() + ia_pd(pd_prefix("2001:db8:1:200::", 80))));
  const Bytes& ia = said[25];
  const auto given = options_of(slice(ia, 12, ia.size() - 12));
  ASSERT_EQ(given.count(26), 2U);
  const Bytes own = be32(140) + be32(450) + Bytes{80} + octets(ip("2001:db8:1:100:a::"));
  const Bytes foreign = zeros(8) + Bytes{80} + octets(ip("2001:db8:1:200::"));
  EXPECT_EQ(given.find(26)->second, own);
  EXPECT_EQ(std::next(given.find(26))->second, foreign);
}

TEST_F(Dhcp6, TemporaryAddressesAndAnEniWithoutIpv6GetNone) {
  const Bytes temporary = tell(datagram(kSolicit, client() + option(4, be32(9))))[4];
  EXPECT_EQ(status(options_of(slice(temporary, 4, temporary.size() - 4)).find(13)->second), kNoAddrs);
  view.ipv6_addresses = {};
  const Bytes ia = tell(datagram(kSolicit, client() + ia_na()))[3];
  EXPECT_EQ(status(options_of(slice(ia, 12, ia.size() - 12)).find(13)->second), kNoAddrs);
  EXPECT_EQ(at32(ia, 4), 0U);
  view.ipv6_cidr.reset();
  EXPECT_TRUE(dropped_for(ask(datagram(kSolicit, client() + ia_na())), Refusal::kNoAddress));
}

TEST_F(Dhcp6, WhoSpeaksToAnotherServerOrForNobodyIsNotAnswered) {  // RFC 8415 16
  const Bytes other = option(2, Bytes{0, 3, 0, 1} + octets(mac("02:00:00:00:00:09")));
  for (const unsigned type : {kRequest, kRenew, kRelease, kDecline}) {
    EXPECT_TRUE(dropped_for(ask(datagram(type, client() + other + ia_na())), Refusal::kNotYours)) << type;
    EXPECT_TRUE(dropped_for(ask(datagram(type, client() + ia_na())), Refusal::kNotYours)) << type;
    EXPECT_TRUE(dropped_for(ask(datagram(type, server() + ia_na())), Refusal::kNotYours)) << type;
  }
  for (const unsigned type : {kSolicit, kConfirm, kRebind}) {
    EXPECT_TRUE(dropped_for(ask(datagram(type, client() + server() + ia_na())), Refusal::kNotYours)) << type;
    EXPECT_TRUE(dropped_for(ask(datagram(type, ia_na())), Refusal::kNotYours)) << type;
  }
  EXPECT_TRUE(dropped_for(ask(datagram(kInformation, other)), Refusal::kNotYours));
}

TEST_F(Dhcp6, UnicastIsToldToUseMulticast) {  // RFC 8415 18.4
  const Reply reply = answered(datagram(kRenew, client() + server() + ia_na(), "fe80:ec2::1"));
  EXPECT_EQ(reply.from, kRouterLinkLocal);
  const auto options = options_of(slice(reply.payload, 4, reply.payload.size() - 4));
  EXPECT_EQ(status(options.find(13)->second), kUseMulticast);
  EXPECT_FALSE(options.contains(3));
  EXPECT_TRUE(dropped_for(ask(datagram(kSolicit, client() + ia_na(), "fe80:ec2::1")), Refusal::kNotYours));
}

TEST_F(Dhcp6, WhatServersAndRelaysSayIsNoRequest) {
  for (const unsigned type : {0U, kAdvertise, kReply, kReconfigure, 12U, 13U, 99U})
    EXPECT_TRUE(dropped_for(ask(datagram(type, client())), Refusal::kNotARequest)) << type;
}

TEST_F(Dhcp6, MalformedMessagesAreDropped) {
  for (const Bytes& bad :
       {Bytes{0, 1, 0, 200}, Bytes{0}, option(1, {0, 1}), client() + client(), option(14, {0}),
        client() + option(6, {0}), client() + option(3, zeros(11)), client() + option(4, zeros(3)),
        client() + ia_na(option(5, zeros(23))), client() + ia_na({0, 5, 0, 24}),
        client() + ia_pd(option(26, zeros(24))), client() + ia_pd(pd_prefix("::", 129)), option(1, zeros(131))})
    EXPECT_TRUE(dropped_for(ask(datagram(kSolicit, bad)), Refusal::kMalformed));
  EXPECT_TRUE(dropped_for(ask(udp_frame("fe80::1", 546, "ff02::1:2", 547, {1, 0, 0})), Refusal::kMalformed));
  EXPECT_TRUE(dropped_for(ask(udp_frame("2001:db8:1:100::4", 546, "ff02::1:2", 547, message(kSolicit, client()))),
                          Refusal::kMalformed))
      << "clients speak from a link-local address";
}

TEST_F(Dhcp6, ManyAssociationsAreBoundedAndSoIsTheAnswer) {
  Bytes many;
  for (int i = 0; i < 50; ++i) many = many + ia_na(address("2001:db8:1:100::5"));
  EXPECT_EQ(tell(datagram(kSolicit, client() + many)).options.count(3), 8U);
  EXPECT_TRUE(dropped_for(ask(datagram(kSolicit, client() + many), 300), Refusal::kNoRoom));
  EXPECT_TRUE(dropped_for(ask(datagram(kSolicit, client() + ia_na()), 62), Refusal::kNoRoom));
}

TEST_F(Dhcp6, OtherPortsOfTheGroupAreNotOffered) {
  EXPECT_TRUE(dropped_for(ask(udp_frame("fe80::1", 546, "ff02::1:2", 548, {1, 0, 0, 0})), Refusal::kNotOffered));
}

}  // namespace
}  // namespace weft::services::dhcp6_test

// DHCPv4: facts ec2 1.7, statement 8; RFC 2131's states and RFC 2132's options.
#include "tests/dataplane/services/frames.hpp"

namespace weft::services {
namespace {

enum : unsigned { kDiscover = 1, kOffer, kRequest, kDecline, kAck, kNak, kRelease, kInform };

struct Dhcp {
  unsigned type = kDiscover;
  const char* client = "0.0.0.0";  // ciaddr
  unsigned flags = 0;
  Bytes options = {};  // behind the message type
  const char* hardware = "0a:00:0a:00:01:04";
  const char* relay = "0.0.0.0";
};

Bytes option(unsigned code, const Bytes& value) {
  return Bytes{static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(value.size())} + value;
}
Bytes address_option(unsigned code, const char* address) { return option(code, octets(ip(address))); }

Bytes message(const Dhcp& m) {
  return Bytes{1, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef, 0, 3} + be16(m.flags) + octets(ip(m.client)) + zeros(8) +
         octets(ip(m.relay)) + octets(mac(m.hardware)) + zeros(10 + 64 + 128) + Bytes{0x63, 0x82, 0x53, 0x63} +
         option(53, {static_cast<std::uint8_t>(m.type)}) + m.options + Bytes{255};
}
Bytes broadcast(const Dhcp& m) { return udp_frame("0.0.0.0", 68, "255.255.255.255", 67, message(m)); }
Bytes unicast(const Dhcp& m) { return udp_frame("10.0.1.4", 68, "10.0.1.1", 67, message(m)); }

struct Lease {
  unsigned type = 0;
  IpAddress yours, client;
  unsigned flags = 0;
  std::map<unsigned, Bytes> options;
  std::vector<unsigned> order;
};

Lease lease_of(const Reply& reply) {
  Lease lease;
  const Bytes& p = reply.payload;
  EXPECT_GE(p.size(), 300U);
  EXPECT_EQ(slice(p, 0, 4), (Bytes{2, 1, 6, 0}));
  EXPECT_EQ(at32(p, 4), 0xdeadbeefU);
  EXPECT_EQ(slice(p, 236, 4), (Bytes{0x63, 0x82, 0x53, 0x63}));
  lease.flags = at16(p, 10);
  lease.client = IpAddress::from({at32(p, 12)});
  lease.yours = IpAddress::from({at32(p, 16)});
  std::size_t at = 240;
  while (p.at(at) != 255) {
    EXPECT_FALSE(lease.options.contains(p[at])) << "twice: " << unsigned{p[at]};
    lease.order.push_back(p[at]);
    lease.options[p[at]] = slice(p, at + 2, p.at(at + 1));
    at += 2U + p[at + 1];
  }
  lease.type = lease.options.at(53).at(0);
  return lease;
}

struct Dhcp4 : Guest {};

TEST_F(Dhcp4, OffersThePrimaryAddressWithEc2sOptions) {  // statement 8
  const Reply reply = answered(broadcast({}));
  EXPECT_EQ(reply.from, ip("10.0.1.1"));
  EXPECT_EQ(reply.to, ip("10.0.1.4"));
  EXPECT_EQ(reply.from_mac, view.router_mac);
  EXPECT_EQ(reply.to_mac, view.mac);
  EXPECT_EQ(reply.from_port, 67U);
  EXPECT_EQ(reply.to_port, 68U);
  const Lease lease = lease_of(reply);
  EXPECT_EQ(lease.type, kOffer);
  EXPECT_EQ(lease.yours, ip("10.0.1.4"));
  const std::map<unsigned, Bytes> expected = {{53, {2}},
                                              {54, {10, 0, 1, 1}},
                                              {51, be32(3600)},
                                              {58, be32(1800)},
                                              {59, be32(3150)},
                                              {1, {255, 255, 255, 0}},
                                              {3, {10, 0, 1, 1}},
                                              {6, {10, 0, 0, 2}},
                                              {26, be16(9001)},
                                              {28, {10, 0, 1, 255}},
                                              {12, text("ip-10-0-1-4")},
                                              {15, text("ec2.internal")},
                                              {42, {169, 254, 169, 123}}};
  EXPECT_EQ(lease.options, expected);
}

TEST_F(Dhcp4, TheVpcsDhcpOptionsTakeThePlaceOfTheDefaults) {
  const std::vector<Ipv4Address> servers{ip4("10.9.9.1"), ip4("10.9.9.2")}, clocks{ip4("10.9.9.3")};
  view.domain_name_servers = servers;
  view.ntp_servers = clocks;
  view.domain_name = "corp.example";
  const Lease lease = lease_of(answered(broadcast({})));
  EXPECT_EQ(lease.options.at(6), (Bytes{10, 9, 9, 1, 10, 9, 9, 2}));
  EXPECT_EQ(lease.options.at(42), (Bytes{10, 9, 9, 3}));
  EXPECT_EQ(lease.options.at(15), text("corp.example"));
}

TEST_F(Dhcp4, AClientThatListsWhatItWantsGetsThatInAnOrderThatPutsTheMaskFirst) {
  const Lease lease = lease_of(answered(broadcast({.options = option(55, {3, 26, 1, 121})})));
  EXPECT_EQ(lease.order, (std::vector<unsigned>{53, 54, 51, 58, 59, 1, 3, 26}));
}

TEST_F(Dhcp4, WithTheBroadcastFlagTheAnswerIsABroadcastToThisGuest) {
  const Reply reply = answered(broadcast({.flags = 0x8000}));
  EXPECT_EQ(reply.to, ip("255.255.255.255"));
  EXPECT_EQ(reply.to_mac, MacAddress::broadcast());
  EXPECT_EQ(lease_of(reply).flags, 0x8000U);
}

TEST_F(Dhcp4, Selecting) {
  const Bytes right = address_option(54, "10.0.1.1") + address_option(50, "10.0.1.4");
  const Lease lease = lease_of(answered(broadcast({.type = kRequest, .options = right})));
  EXPECT_EQ(lease.type, kAck);
  EXPECT_EQ(lease.yours, ip("10.0.1.4"));
  EXPECT_EQ(lease.options.at(51), be32(3600));
}

TEST_F(Dhcp4, SelectingAnotherServerIsNotOurs) {
  const Bytes other = address_option(54, "10.0.1.9") + address_option(50, "10.0.1.4");
  EXPECT_TRUE(was_consumed(ask(broadcast({.type = kRequest, .options = other}))));
}

TEST_F(Dhcp4, SelectingTheWrongAddressIsRefused) {
  for (const char* wrong : {"10.0.1.5", "10.0.1.20", "192.168.0.4"}) {  // a neighbour's, its own secondary, elsewhere
    const Bytes options = address_option(54, "10.0.1.1") + address_option(50, wrong);
    const Reply reply = answered(broadcast({.type = kRequest, .options = options}));
    const Lease lease = lease_of(reply);
    EXPECT_EQ(lease.type, kNak);
    EXPECT_EQ(lease.yours, ip("0.0.0.0"));
    EXPECT_EQ(reply.to, ip("255.255.255.255"));
    EXPECT_EQ(reply.to_mac, MacAddress::broadcast());
    EXPECT_EQ(lease.order, (std::vector<unsigned>{53, 54, 56}));
  }
}

TEST_F(Dhcp4, InitReboot) {
  EXPECT_EQ(lease_of(answered(broadcast({.type = kRequest, .options = address_option(50, "10.0.1.4")}))).type, kAck);
  EXPECT_EQ(lease_of(answered(broadcast({.type = kRequest, .options = address_option(50, "10.0.9.4")}))).type, kNak);
}

TEST_F(Dhcp4, RenewingAndRebinding) {
  const Reply renewed = answered(unicast({.type = kRequest, .client = "10.0.1.4"}));
  EXPECT_EQ(renewed.to, ip("10.0.1.4"));
  EXPECT_EQ(renewed.from, ip("10.0.1.1"));
  const Lease lease = lease_of(renewed);
  EXPECT_EQ(lease.type, kAck);
  EXPECT_EQ(lease.client, ip("10.0.1.4"));
  EXPECT_EQ(lease.yours, ip("10.0.1.4"));

  const Bytes rebinding =
      udp_frame("10.0.1.4", 68, "255.255.255.255", 67, message({.type = kRequest, .client = "10.0.1.4"}));
  EXPECT_EQ(lease_of(answered(rebinding)).type, kAck);
  EXPECT_EQ(lease_of(answered(broadcast({.type = kRequest, .client = "10.0.1.5"}))).type, kNak);
}

TEST_F(Dhcp4, ARequestOfNoStateIsMalformed) {
  const Bytes asks = address_option(50, "10.0.1.4"), server = address_option(54, "10.0.1.1");
  EXPECT_TRUE(dropped_for(ask(broadcast({.type = kRequest})), Refusal::kMalformed));
  EXPECT_TRUE(dropped_for(ask(broadcast({.type = kRequest, .options = server})), Refusal::kMalformed));
  EXPECT_TRUE(
      dropped_for(ask(broadcast({.type = kRequest, .client = "10.0.1.4", .options = asks})), Refusal::kMalformed));
  EXPECT_TRUE(dropped_for(ask(broadcast({.type = kRequest, .client = "10.0.1.4", .options = server + asks})),
                          Refusal::kMalformed));
}

TEST_F(Dhcp4, InformGetsTheConfigurationAndNoLease) {
  const Reply reply = answered(unicast({.type = kInform, .client = "10.0.1.4"}));
  const Lease lease = lease_of(reply);
  EXPECT_EQ(lease.type, kAck);
  EXPECT_EQ(lease.yours, ip("0.0.0.0"));
  EXPECT_EQ(reply.to, ip("10.0.1.4"));
  for (const unsigned code : {51U, 58U, 59U}) EXPECT_FALSE(lease.options.contains(code));
  EXPECT_EQ(lease.options.at(26), be16(9001));
}

TEST_F(Dhcp4, ReleaseAndDeclineChangeNothing) {
  EXPECT_TRUE(was_consumed(ask(unicast({.type = kRelease, .client = "10.0.1.4"}))));
  EXPECT_TRUE(was_consumed(ask(broadcast({.type = kDecline, .options = address_option(50, "10.0.1.4")}))));
  EXPECT_EQ(lease_of(answered(broadcast({}))).yours, ip("10.0.1.4"));
}

TEST_F(Dhcp4, WhatAServerSaysIsNoRequest) {
  for (const unsigned type : {2U, 5U, 6U, 0U, 9U, 13U, 255U})
    EXPECT_TRUE(dropped_for(ask(broadcast({.type = type})), Refusal::kNotARequest)) << type;
}

TEST_F(Dhcp4, TheClientIdIsRepeated) {  // RFC 6842
  const Bytes id = option(61, Bytes{1} + octets(view.mac));
  EXPECT_EQ(lease_of(answered(broadcast({.options = id}))).options.at(61), Bytes{1} + octets(view.mac));
}

TEST_F(Dhcp4, AnotherMacOrARelayGetsNothing) {
  EXPECT_TRUE(dropped_for(ask(broadcast({.hardware = "02:42:ac:11:00:02"})), Refusal::kNotYours));
  EXPECT_TRUE(dropped_for(ask(broadcast({.relay = "10.0.1.4"})), Refusal::kNotYours));
}

TEST_F(Dhcp4, AnEniWithoutAnAddressGetsNothing) {
  view.address = {};
  EXPECT_TRUE(dropped_for(ask(broadcast({})), Refusal::kNoAddress));
}

TEST_F(Dhcp4, OptionsMayGoOnInTheFileAndTheName) {  // RFC 2132 9.3
  Bytes payload = message({.options = option(52, {3})});
  const Bytes in_file = Bytes{55, 1, 26, 255}, in_name = option(61, {0, 'x'}) + Bytes{255};
  std::copy(in_file.begin(), in_file.end(), payload.begin() + 108);
  std::copy(in_name.begin(), in_name.end(), payload.begin() + 44);
  const Lease lease = lease_of(answered(udp_frame("0.0.0.0", 68, "255.255.255.255", 67, payload)));
  EXPECT_EQ(lease.options.at(61), (Bytes{0, 'x'}));
  EXPECT_TRUE(lease.options.contains(26));
  EXPECT_FALSE(lease.options.contains(3));
}

TEST_F(Dhcp4, OptionsWithoutAnEndMarkAreReadToTheEnd) {
  Bytes payload = message({});
  payload.pop_back();
  EXPECT_EQ(lease_of(answered(udp_frame("0.0.0.0", 68, "255.255.255.255", 67, payload))).type, kOffer);
}

TEST_F(Dhcp4, MalformedMessagesAreDropped) {
  const auto with = [&](std::size_t at, std::uint8_t value) {
    Bytes payload = message({});
    payload.at(at) = value;
    return udp_frame("0.0.0.0", 68, "255.255.255.255", 67, payload);
  };
  EXPECT_TRUE(dropped_for(ask(with(0, 2)), Refusal::kMalformed)) << "a reply";
  EXPECT_TRUE(dropped_for(ask(with(1, 6)), Refusal::kMalformed)) << "not Ethernet";
  EXPECT_TRUE(dropped_for(ask(with(2, 16)), Refusal::kMalformed)) << "a long MAC";
  EXPECT_TRUE(dropped_for(ask(with(239, 0)), Refusal::kMalformed)) << "no cookie: BOOTP";
  EXPECT_TRUE(dropped_for(ask(with(241, 2)), Refusal::kMalformed)) << "a message type of two bytes";
  for (const Bytes& bad : {option(50, {10, 0, 1}), option(54, {}), option(57, {1}), option(52, {4}), option(52, {0}),
                           option(61, {1}), Bytes{12, 200, 'x'}, Bytes{12}})
    EXPECT_TRUE(dropped_for(ask(broadcast({.options = bad})), Refusal::kMalformed));
}

TEST_F(Dhcp4, TheAnswerKeepsToTheClientsSize) {
  const std::string long_name(253, 'd');
  const std::vector<Ipv4Address> servers(63, ip4("10.9.9.1"));
  view.domain_name = long_name;
  view.domain_name_servers = servers;
  const Reply least = answered(broadcast({}));
  EXPECT_LE(least.payload.size(), 548U);
  for (const unsigned less : {0U, 27U, 300U, 575U})
    EXPECT_EQ(answered(broadcast({.options = option(57, be16(less))})).payload, least.payload)
        << "576 at least: " << less;
  const Reply large = answered(broadcast({.options = option(57, be16(1500))}));
  EXPECT_GT(large.payload.size(), 548U);
  EXPECT_EQ(lease_of(large).options.at(15).size(), 253U);
  EXPECT_EQ(lease_of(answered(broadcast({}))).options.at(3), (Bytes{10, 0, 1, 1})) << "what does not fit is left out";
}

TEST_F(Dhcp4, TheEndMarkFitsHoweverLongTheOptionsAre) {
  const std::vector<Ipv4Address> servers(30, ip4("10.9.9.1"));
  view.domain_name_servers = servers;
  for (unsigned length = 2; length <= 255; ++length) {  // lease_of() reads up to the mark, and not further than the end
    const Bytes id = option(61, Bytes(length, 'x'));
    const Reply reply = answered(broadcast({.options = id}));
    EXPECT_LE(reply.payload.size(), 548U);
    EXPECT_EQ(lease_of(reply).options.at(61).size(), length);
  }
}

TEST_F(Dhcp4, IsAnsweredOnlyWhereTheServerIs) {
  EXPECT_TRUE(was_not_for_us(ask(udp_frame("10.0.1.4", 68, "10.0.1.5", 67, message({})))));
  EXPECT_TRUE(was_not_for_us(ask(udp_frame("10.0.1.4", 68, "255.255.255.255", 68, message({})))));
  EXPECT_TRUE(was_not_for_us(ask(udp_frame("0.0.0.0", 68, "224.0.0.1", 67, message({})))));
  EXPECT_EQ(lease_of(answered(udp_frame("10.0.1.4", 68, "10.0.1.255", 67, message({})))).type, kOffer);
}

TEST_F(Dhcp4, WithoutRoomNothingIsWritten) {
  EXPECT_TRUE(dropped_for(ask(broadcast({}), 0), Refusal::kNoRoom));
  EXPECT_TRUE(dropped_for(ask(broadcast({}), 42), Refusal::kNoRoom));
  EXPECT_TRUE(dropped_for(ask(broadcast({}), 42 + 299), Refusal::kNoRoom));
  EXPECT_EQ(ask(broadcast({}), 42 + 300).outcome, Answer::Outcome::kAnswered);
}

}  // namespace
}  // namespace weft::services

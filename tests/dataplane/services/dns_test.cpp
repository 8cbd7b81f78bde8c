// The resolver: RFC 1035, 2181, 2308, 6891, 8482 and facts ec2 1.1, 1.9.
#include "dataplane/services/dns.hpp"

#include "tests/dataplane/services/frames.hpp"
#include "tests/dataplane/services/tcp_client.hpp"

namespace weft::services::dns_test {
namespace {

constexpr unsigned kA = 1, kNs = 2, kSoa = 6, kPtr = 12, kTxt = 16, kAaaa = 28, kOpt = 41, kHttps = 65, kAxfr = 252,
                   kAny = 255;
constexpr unsigned kNoError = 0, kFormErr = 1, kNxDomain = 3, kNotImp = 4, kRefused = 5;

Bytes wire(const std::string& name) {
  Bytes out;
  for (std::size_t from = 0; from < name.size();) {
    const std::size_t dot = std::min(name.find('.', from), name.size());
    out = out + Bytes{static_cast<std::uint8_t>(dot - from)} + text(name.substr(from, dot - from));
    from = dot + 1;
  }
  return out + Bytes{0};
}
Bytes header(unsigned flags, unsigned questions, unsigned answers = 0, unsigned authorities = 0,
             unsigned additionals = 0) {
  return be16(0xbeef) + be16(flags) + be16(questions) + be16(answers) + be16(authorities) + be16(additionals);
}
Bytes opt(unsigned size, std::uint32_t flags = 0) { return Bytes{0} + be16(kOpt) + be16(size) + be32(flags) + be16(0); }
Bytes query(const std::string& name, unsigned type, const Bytes& edns = {}, unsigned flags = 0x0100) {
  return header(flags, 1, 0, 0, edns.empty() ? 0 : 1) + wire(name) + be16(type) + be16(1) + edns;
}

struct Record {
  std::string name;
  unsigned type = 0;
  std::uint32_t time_to_live = 0;
  unsigned record_class = 0;
  Bytes data;
  std::string data_name;  // of PTR and NS
};
struct Said {
  unsigned flags = 0;
  Bytes question;
  std::vector<Record> answers, authorities, additionals;
  unsigned code() const { return flags & 0xf; }
};

/// A name as text; `at` moves behind it.
std::string name_at(const Bytes& m, std::size_t& at) {
  std::string name;
  std::size_t here = at;
  bool jumped = false;
  while (m.at(here) != 0) {
    if (m[here] >= 0xc0) {
      if (!jumped) at = here + 2;
      jumped = true;
      here = at16(m, here) & 0x3fff;
      continue;
    }
    name += std::string(m.begin() + static_cast<std::ptrdiff_t>(here) + 1,
                        m.begin() + static_cast<std::ptrdiff_t>(here) + 1 + m[here]) +
            ".";
    here += 1U + m[here];
  }
  if (!jumped) at = here + 1;
  return name;
}

Said read(const Bytes& m) {
  Said said;
  EXPECT_EQ(at16(m, 0), 0xbeefU);
  said.flags = at16(m, 2);
  std::size_t at = 12;
  if (at16(m, 4) == 1) {
    name_at(m, at);
    at += 4;
    said.question = slice(m, 12, at - 12);
  }
  std::vector<Record>* const sections[] = {&said.answers, &said.authorities, &said.additionals};
  for (std::size_t s = 0; s < 3; ++s) {
    for (unsigned i = at16(m, 6 + 2 * s); i > 0; --i) {
      Record r;
      r.name = name_at(m, at);
      r.type = at16(m, at);
      r.record_class = at16(m, at + 2);
      r.time_to_live = at32(m, at + 4);
      r.data = slice(m, at + 10, at16(m, at + 8));
      std::size_t inside = at + 10;
      if (r.type == kPtr || r.type == kNs) r.data_name = name_at(m, inside);
      at += 10 + r.data.size();
      sections[s]->push_back(r);
    }
  }
  EXPECT_EQ(at, m.size());
  return said;
}

struct Dns : Guest {
  Said tell(const Bytes& message, const char* from = "10.0.1.4", const char* to = "10.0.0.2") {
    const Reply reply = answered(udp_frame(from, 40000, to, 53, message));
    EXPECT_EQ(reply.from, ip(to));
    EXPECT_EQ(reply.to, ip(from));
    EXPECT_EQ(reply.from_port, 53U);
    EXPECT_EQ(reply.to_port, 40000U);
    EXPECT_EQ(reply.to_mac, view.mac);
    return read(reply.payload);
  }
  Bytes one(const std::string& name, unsigned type) {
    const Said said = tell(query(name, type));
    EXPECT_EQ(said.code(), kNoError) << name;
    EXPECT_EQ(said.answers.size(), 1U) << name;
    return said.answers.empty() ? Bytes{} : said.answers[0].data;
  }
};

TEST_F(Dns, AnInstanceIsKnownByAllItsNames) {
  for (const char* name :
       {"node-1", "node-1.ec2.internal", "i-0123456789abcdef1.ec2.internal", "ip-10-0-1-5.ec2.internal"})
    EXPECT_EQ(one(name, kA), (Bytes{10, 0, 1, 5})) << name;
  EXPECT_EQ(one("node-1.ec2.internal", kAaaa), octets(ip("2001:db8:1:100::5")));
  EXPECT_EQ(one("ip-10-0-1-20.ec2.internal", kA), (Bytes{10, 0, 1, 20})) << "a secondary address has its name";
  EXPECT_EQ(one("ec2-203-0-113-5.compute-1.amazonaws.com", kA), (Bytes{10, 0, 1, 5})) << "private inside the VPC";
}

TEST_F(Dns, AnAnswerIsAuthoritativeAndRepeatsTheQuestionAsItWas) {
  const Said said = tell(query("NoDe-0.EC2.internal", kA, {}, 0x0110));
  EXPECT_EQ(said.flags, 0x8590U) << "QR AA RD RA CD";
  EXPECT_EQ(said.question, wire("NoDe-0.EC2.internal") + be16(kA) + be16(1));
  ASSERT_EQ(said.answers.size(), 1U);
  EXPECT_EQ(said.answers[0].name, "NoDe-0.EC2.internal.");
  EXPECT_EQ(said.answers[0].record_class, 1U);
  EXPECT_EQ(said.answers[0].time_to_live, 60U);
}

TEST_F(Dns, EachOfTheResolversAddressesAnswersAndFromThatAddress) {
  EXPECT_EQ(tell(query("node-0", kA), "10.0.1.4", "169.254.169.253").answers.size(), 1U);
  EXPECT_EQ(tell(query("node-0", kA), "2001:db8:1:100::4", "fd00:ec2::253").answers.size(), 1U);
}

TEST_F(Dns, Reverse) {
  EXPECT_EQ(tell(query("5.1.0.10.in-addr.arpa", kPtr)).answers.at(0).data_name, "ip-10-0-1-5.ec2.internal.");
  EXPECT_EQ(tell(query("20.1.0.10.IN-ADDR.ARPA", kPtr)).answers.at(0).data_name, "ip-10-0-1-20.ec2.internal.");
  const char* const six = "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
  EXPECT_EQ(tell(query(six, kPtr)).answers.at(0).data_name, "i-0123456789abcdef1.ec2.internal.");
  const Said nobody = tell(query("99.1.0.10.in-addr.arpa", kPtr));
  EXPECT_EQ(nobody.code(), kNxDomain);
  EXPECT_EQ(nobody.authorities.at(0).name, "0.10.in-addr.arpa.");
  EXPECT_EQ(tell(query("1.0.10.in-addr.arpa", kPtr)).code(), kNoError) << "somebody is below it";
  EXPECT_EQ(tell(query("9.0.10.in-addr.arpa", kPtr)).code(), kNxDomain);
  for (const char* elsewhere :
       {"1.1.168.192.in-addr.arpa", "10.in-addr.arpa", "in-addr.arpa", "ip6.arpa", "05.1.0.10.in-addr.arpa",
        "256.1.0.10.in-addr.arpa", "1.5.1.0.10.in-addr.arpa", "g.ip6.arpa"})
    EXPECT_EQ(tell(query(elsewhere, kPtr)).code(), kRefused) << elsewhere;
}

TEST_F(Dns, NoSuchNameInTheVpcsDomainAndRefusedEverywhereElse) {
  for (const char* missing : {"nobody.ec2.internal", "ip-10-0-9-9.ec2.internal", "a.b.c.ec2.internal",
                              "node-0.node-1.ec2.internal", "nobody"}) {
    const Said said = tell(query(missing, kA));
    EXPECT_EQ(said.code(), kNxDomain) << missing;
    EXPECT_TRUE(said.answers.empty());
  }
  const Said said = tell(query("nobody.ec2.internal", kA));
  ASSERT_EQ(said.authorities.size(), 1U);
  EXPECT_EQ(said.authorities[0].name, "ec2.internal.");
  EXPECT_EQ(said.authorities[0].type, kSoa);
  for (const char* outside :
       {"www.debian.org", "internal.ec2", "xec2.internal", "ec2.internal.example", "x.node-0", ""}) {
    const Said refused = tell(query(outside, kA));
    EXPECT_EQ(refused.code(), kRefused) << outside;
    EXPECT_EQ(refused.flags & 0x0400, 0U) << "no authority there";
    EXPECT_TRUE(refused.authorities.empty());
  }
}

TEST_F(Dns, AnotherTypeOfANameThatExistsIsNoErrorAndNoAnswer) {
  for (const unsigned type : {kTxt, kHttps, kPtr, kNs, 33U, 65535U}) {
    const Said said = tell(query("node-0.ec2.internal", type));
    EXPECT_EQ(said.code(), kNoError) << type;
    EXPECT_TRUE(said.answers.empty()) << type;
    EXPECT_EQ(said.authorities.at(0).type, kSoa) << type;
  }
  EXPECT_TRUE(tell(query("db", kAaaa)).answers.empty()) << "an instance without IPv6";
}

TEST_F(Dns, TheApexHasItsSoaAndItsNameServer) {
  EXPECT_EQ(tell(query("ec2.internal", kSoa)).answers.at(0).type, kSoa);
  EXPECT_EQ(tell(query("ec2.internal", kNs)).answers.at(0).data_name, "ns.ec2.internal.");
  EXPECT_EQ(one("ns.ec2.internal", kA), (Bytes{169, 254, 169, 253}));
  EXPECT_EQ(tell(query("0.10.in-addr.arpa", kSoa)).answers.size(), 1U);
  EXPECT_TRUE(tell(query("ec2.internal", kA)).answers.empty());
}

TEST_F(Dns, AnyIsAnsweredWithOneKindOfRecord) {  // RFC 8482
  const Said said = tell(query("node-0.ec2.internal", kAny));
  ASSERT_EQ(said.answers.size(), 1U);
  EXPECT_EQ(said.answers[0].type, kA);
}

TEST_F(Dns, TransfersOtherClassesAndOtherOperationsAreNot) {
  EXPECT_EQ(tell(query("ec2.internal", kAxfr)).code(), kRefused);
  EXPECT_EQ(tell(header(0x0100, 1) + wire("version.bind") + be16(kTxt) + be16(3)).code(), kRefused);
  for (const unsigned opcode : {1U, 2U, 4U, 5U, 15U}) {
    const Said said = tell(query("node-0", kA, {}, opcode << 11));
    EXPECT_EQ(said.code(), kNotImp) << opcode;
    EXPECT_EQ(said.flags >> 11 & 0xf, opcode);
  }
}

TEST_F(Dns, AnAnswerIsNeverAnswered) {
  const Bytes frame = udp_frame("10.0.1.4", 53, "10.0.0.2", 53, query("node-0", kA, {}, 0x8100));
  EXPECT_TRUE(dropped_for(ask(frame), Refusal::kNotARequest));
}

TEST_F(Dns, WithoutSupportTheResolverIsSilent) {
  view.dns_support = false;
  EXPECT_TRUE(
      dropped_for(ask(udp_frame("10.0.1.4", 40000, "10.0.0.2", 53, query("node-0", kA))), Refusal::kResolverOff));
}

TEST_F(Dns, EdnsIsAnsweredInKind) {
  const Said said = tell(query("node-0", kA, opt(1232, 0x8000)));
  ASSERT_EQ(said.additionals.size(), 1U);
  EXPECT_EQ(said.additionals[0].type, kOpt);
  EXPECT_EQ(said.additionals[0].record_class, 4096U);
  EXPECT_EQ(said.additionals[0].time_to_live, 0x8000U) << "DO is copied";
  EXPECT_TRUE(tell(query("node-0", kA)).additionals.empty()) << "none where none was";

  const Said version = tell(query("node-0", kA, opt(1232, 0x00010000)));
  EXPECT_EQ(version.code(), 0U);
  EXPECT_EQ(version.additionals.at(0).time_to_live >> 24, 1U) << "BADVERS is 16: its upper bits are here";
  EXPECT_EQ(tell(header(0x0100, 1, 0, 0, 2) + wire("node-0") + be16(kA) + be16(1) + opt(512) + opt(512)).code(),
            kFormErr);
  const Bytes owned = Bytes{1, 'x'} + opt(512);
  EXPECT_EQ(tell(header(0x0100, 1, 0, 0, 1) + wire("node-0") + be16(kA) + be16(1) + owned).code(), kFormErr);
  EXPECT_EQ(tell(header(0x0100, 1, 1) + wire("node-0") + be16(kA) + be16(1) + opt(512)).code(), kFormErr)
      << "not there";
}

TEST_F(Dns, WhatDoesNotFitIsTruncatedToTheClientsSize) {
  NamedHost large{"large", "i-0aaaaaaaaaaaaaaaa", {}, {}};
  for (unsigned i = 0; i < 50; ++i) large.addresses.push_back(IpAddress::from({0x0a000300 + i}));
  const std::vector<NamedHost> many{large};
  const NameTable names("ec2.internal", world.cidrs, many);
  view.names = &names;
  const Bytes plain = query("large", kA);  // 50 * 16 bytes
  const Said cut = tell(plain);
  EXPECT_EQ(cut.flags & 0x0200, 0x0200U);
  EXPECT_TRUE(cut.answers.empty()) << "no half of a set";
  EXPECT_LE(written.size(), 42U + 512U);
  EXPECT_EQ(tell(query("large", kA, opt(100))).flags & 0x0200, 0x0200U) << "less than 512 is 512";
  const Said whole = tell(query("large", kA, opt(1232)));
  EXPECT_EQ(whole.flags & 0x0200, 0U);
  EXPECT_EQ(whole.answers.size(), 50U);
}

TEST_F(Dns, HostileNamesAreFormatErrors) {
  const auto asked = [&](const Bytes& name) { return tell(header(0x0100, 1) + name + be16(kA) + be16(1)).code(); };
  EXPECT_EQ(asked({0xc0, 0x0c}), kFormErr) << "a pointer to itself";
  EXPECT_EQ(asked({1, 'a', 0xc0, 0x0c}), kFormErr) << "a loop";
  EXPECT_EQ(asked({0xc0, 0x00}), kFormErr) << "into the header";
  EXPECT_EQ(asked({0xc0, 0xff}), kFormErr) << "forwards";
  EXPECT_EQ(asked({0x40, 'a', 0}), kFormErr) << "an obsolete kind of label";
  EXPECT_EQ(asked({63, 'a'}), kFormErr) << "a label that is cut off";
  Bytes label63 = Bytes{63} + Bytes(63, 'a');
  EXPECT_EQ(asked(label63 + label63 + label63 + label63 + Bytes{0}), kFormErr) << "257 octets";
  EXPECT_EQ(asked(label63 + label63 + label63 + Bytes{61} + Bytes(61, 'a') + Bytes{0}), kRefused) << "255 are a name";
}

TEST_F(Dns, ALabelWithADotInItIsNotTwoLabels) {
  EXPECT_EQ(tell(header(0x0100, 1) + Bytes{10} + text("node-0.ec2") + Bytes{8} + text("internal") + Bytes{0} +
                 be16(kA) + be16(1))
                .code(),
            kRefused);
  EXPECT_EQ(tell(header(0x0100, 1) + Bytes{7} + text("node-0") + Bytes{0, 3} + text("ec2") + Bytes{8} +
                 text("internal") + Bytes{0} + be16(kA) + be16(1))
                .code(),
            kNxDomain)
      << "a NUL ends nothing";
}

TEST_F(Dns, PointersOfLaterRecordsMayOnlyLeadBack) {
  const Bytes question = wire("node-0") + be16(kA) + be16(1);
  const Bytes record = be16(kTxt) + be16(1) + be32(0) + be16(0);
  const auto with = [&](const Bytes& owner) {
    return tell(header(0x0100, 1, 0, 0, 1) + question + owner + record).code();
  };
  EXPECT_EQ(with({0xc0, 0x0c}), kNoError) << "to the question";
  EXPECT_EQ(with({0xc0, static_cast<std::uint8_t>(12 + question.size())}), kFormErr) << "to itself";
  EXPECT_EQ(with({1, 'x', 0xc0, static_cast<std::uint8_t>(12 + question.size())}), kFormErr);
}

TEST_F(Dns, CountsThatAreNotTrueAreFormatErrors) {
  const Bytes question = wire("node-0") + be16(kA) + be16(1);
  EXPECT_EQ(tell(header(0x0100, 0)).code(), kFormErr);
  EXPECT_EQ(tell(header(0x0100, 2) + question + question).code(), kFormErr);
  EXPECT_EQ(tell(header(0x0100, 1, 65535, 65535, 65535) + question).code(), kFormErr);
  EXPECT_EQ(tell(header(0x0100, 1) + wire("node-0") + be16(kA)).code(), kFormErr);
  for (std::size_t length = 0; length < 12; ++length) {
    const Bytes cut = slice(query("node-0", kA), 0, length);
    EXPECT_TRUE(dropped_for(ask(udp_frame("10.0.1.4", 40000, "10.0.0.2", 53, cut)), Refusal::kMalformed)) << length;
  }
}

// RFC 7766. The connection itself is tcp_test.cpp's.
Bytes framed(const Bytes& message) { return be16(static_cast<unsigned>(message.size())) + message; }

struct DnsTcp : Dns {
  DnsTcp() : client(*this, "10.0.1.4", "10.0.0.2", 53) {}
  TcpClient client;
};

TEST_F(DnsTcp, AConnectionOpensAnswersAndCloses) {
  ASSERT_TRUE(client.open());
  const Bytes said = client.ask(framed(query("node-1", kA)));
  ASSERT_GE(said.size(), 2U);
  EXPECT_EQ(at16(said, 0), said.size() - 2);
  EXPECT_EQ(read(slice(said, 2, said.size() - 2)).answers.at(0).data, (Bytes{10, 0, 1, 5}));
  EXPECT_EQ(client.ask(framed(query("node-1", kA))), said) << "again on the same connection";
  EXPECT_TRUE(client.close());
}

TEST_F(DnsTcp, OfTwoQueriesInOneSegmentEachIsAnswered) {
  ASSERT_TRUE(client.open());
  const Bytes first = framed(query("node-1", kA)), second = framed(query("node-0", kA));
  const Bytes both = client.ask(first + second);
  EXPECT_EQ(both, client.ask(first) + client.ask(second));
}

TEST_F(DnsTcp, AnswersLongerThanUdpsAreWhole) {
  NamedHost large{"large", "i-0aaaaaaaaaaaaaaaa", {}, {}};
  for (unsigned i = 0; i < 50; ++i) large.addresses.push_back(IpAddress::from({0x0a000300 + i}));
  const std::vector<NamedHost> many{large};
  const NameTable names("ec2.internal", world.cidrs, many);
  view.names = &names;
  ASSERT_TRUE(client.open(200));
  const Bytes said = client.ask(framed(query("large", kA)));
  EXPECT_EQ(read(slice(said, 2, said.size() - 2)).answers.size(), 50U) << "in pieces, for its segments are small";
}

TEST_F(DnsTcp, AQueryThatIsNoneEndsTheConnection) {
  for (const Bytes& query : {framed(Bytes{1, 2, 3}), be16(60000) + zeros(30), be16(0)}) {
    ASSERT_TRUE(client.open());
    client.ask(query);
    EXPECT_TRUE(client.was_reset);
  }
  EXPECT_EQ(memory.tcp.size(), 0U);
}

TEST_F(DnsTcp, TheResolverIsOffOverTcpToo) {
  view.dns_support = false;
  EXPECT_TRUE(dropped_for(ask(client.segment(TcpHeader::kSyn, 0, {})), Refusal::kResolverOff));
}

}  // namespace
}  // namespace weft::services::dns_test

// IP fragments of both families at the gates: each passes as what it is a part of, or not at all.
#include <gtest/gtest.h>

#include "tests/dataplane/worker/guests6.hpp"

namespace weft::test {
namespace {

/// A whole frame cut into fragments of `size` bytes of payload (a multiple of eight), as RFC 791 and RFC 8200 4.5 do it.
std::vector<Frame> cut4(const Frame& whole, std::size_t size, std::uint16_t identification) {
  std::vector<Frame> frames;
  const std::size_t payload = whole.size() - kIpv4L4Offset;
  for (std::size_t at = 0; at < payload; at += size) {
    const std::size_t piece = std::min(size, payload - at);
    Frame frame(whole.begin(), whole.begin() + kIpv4L4Offset);
    const auto first = whole.begin() + static_cast<std::ptrdiff_t>(kIpv4L4Offset + at);
    frame.insert(frame.end(), first, first + static_cast<std::ptrdiff_t>(piece));
    auto& ip = header_at<Ipv4Header>(frame, kIpOffset);
    ip.total_length = Be16(static_cast<std::uint16_t>(20 + piece));
    ip.identification = Be16(identification);
    ip.fragment = Be16(static_cast<std::uint16_t>(at / 8 | (at + piece < payload ? Ipv4Header::kMoreFragments : 0)));
    fix_ip_checksum(frame);
    frames.push_back(frame);
  }
  return frames;
}
std::vector<Frame> cut6(const Path& path, const Frame& whole, std::size_t size, std::uint32_t identification) {
  std::vector<Frame> frames;
  const std::uint8_t protocol = header_at<Ipv6Header>(whole, kIpOffset).next_header;
  const Frame payload(whole.begin() + kIpv6L4Offset, whole.end());
  for (std::size_t at = 0; at < payload.size(); at += size) {
    const std::size_t piece = std::min(size, payload.size() - at);
    const auto first = payload.begin() + static_cast<std::ptrdiff_t>(at);
    frames.push_back(ipv6(path, protocol, Frame(first, first + static_cast<std::ptrdiff_t>(piece)), kFragmentHeader,
                          {fragment_header(protocol, static_cast<std::uint16_t>(at), at + piece < payload.size(),
                                           identification)}));
  }
  return frames;
}

class FragmentsAtTheGate : public ::testing::TestWithParam<bool> {
 protected:
  bool six() const { return GetParam(); }

  /// b takes UDP to port 53 and pings; nobody else's rules let anything in.
  Deployment deployment(int port = 53) const {
    const char* const all_of_vpc = six() ? "2001:db8::/56" : "10.0.0.0/16";
    return dual_stack({make_group("client", {}, {all(cidr(six() ? "::/0" : "0.0.0.0/0"))}),
                       make_group("server", {rule(kUdp, port, port, cidr(all_of_vpc)),
                                             rule(six() ? kIcmpv6 : kIcmp, six() ? 128 : 8, -1, cidr(all_of_vpc))}, {})},
                      {guest("a", "10.0.1.4", {"client"}), guest("b", "10.0.1.5", {"server"}),
                       guest("c", "10.0.1.6", {"client"})});
  }
  Frame datagram(const Fabric& fabric, const std::string& from, const std::string& to, std::uint16_t source,
                 std::uint16_t destination, std::size_t bytes = 3000) const {
    return six() ? udp6(path6(fabric, from, to), source, destination, bytes)
                 : udp(fabric.path(from, to), source, destination, bytes);
  }
  std::vector<Frame> cut(const Fabric& fabric, const std::string& from, const std::string& to, const Frame& whole,
                         std::uint16_t identification = 1, std::size_t size = 1480) const {
    return six() ? cut6(path6(fabric, from, to), whole, size, identification) : cut4(whole, size, identification);
  }
};

TEST_P(FragmentsAtTheGate, AllOfAnAllowedDatagramArriveAndItsAnswerToo) {
  Fabric fabric(deployment());
  for (const Frame& frame : cut(fabric, "a", "b", datagram(fabric, "a", "b", 5000, 53))) {
    fabric.send("a", frame);
    EXPECT_EQ(fabric.receive("b"), frame);
  }
  for (const Frame& frame : cut(fabric, "b", "a", datagram(fabric, "b", "a", 53, 5000))) {
    fabric.send("b", frame);
    EXPECT_EQ(fabric.receive("a"), frame) << "by state, the later ones too";
  }
  const std::vector<FlowView> flows = fabric.engine().flows();
  ASSERT_EQ(flows.size(), 1U) << "one flow, however many fragments";
  EXPECT_EQ(flows[0].packets[0], 3U);
  EXPECT_EQ(flows[0].initiator_tuple.destination_port, 53);
  EXPECT_TRUE(fabric.engine().balance().holds());
}

TEST_P(FragmentsAtTheGate, NoneOfARefusedDatagramArrives) {
  Fabric fabric(deployment());
  for (const Frame& frame : cut(fabric, "a", "b", datagram(fabric, "a", "b", 5000, 54))) {
    fabric.changes();
    fabric.send("a", frame);
    EXPECT_EQ(fabric.changes(), fabric.dropped("a", frame, DropReason::kGroupIngress));
  }
}

TEST_P(FragmentsAtTheGate, ALaterOneWithoutItsFirstIsRefusedWhateverTheRulesAre) {
  Fabric fabric(deployment());
  const std::vector<Frame> frames = cut(fabric, "a", "b", datagram(fabric, "a", "b", 5000, 53));
  fabric.send("a", frames[1]);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", frames[1], DropReason::kFragment));
  EXPECT_TRUE(fabric.passes("a", "b", frames[0]));
  EXPECT_TRUE(fabric.passes("a", "b", frames[1]));
  EXPECT_FALSE(fabric.passes("a", "b", cut(fabric, "a", "b", datagram(fabric, "a", "b", 5000, 53), 2)[1])) << "of another";
  EXPECT_FALSE(fabric.passes("c", "b", cut(fabric, "c", "b", datagram(fabric, "c", "b", 5000, 53), 1)[1])) << "another's";
}

TEST_P(FragmentsAtTheGate, OneThatWouldOverwriteThePortsIsRefused) {  // RFC 1858, RFC 5722
  Fabric fabric(deployment());
  const std::vector<Frame> first = cut(fabric, "a", "b", datagram(fabric, "a", "b", 5000, 53), 1, 16);
  ASSERT_TRUE(fabric.passes("a", "b", first[0]));
  const std::vector<Frame> over = cut(fabric, "a", "b", datagram(fabric, "a", "b", 5000, 54), 1, 8);
  fabric.changes();
  fabric.send("a", over[1]);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", over[1], DropReason::kFragment));
  EXPECT_TRUE(fabric.passes("a", "b", first[1]));
}

TEST_P(FragmentsAtTheGate, AFirstOneWithoutTheWholeTransportHeaderIsMalformed) {  // RFC 1858, RFC 7112
  Fabric fabric(deployment());
  const Frame whole = six() ? tcp6(path6(fabric, "a", "b"), 1, 2, TcpHeader::kSyn, 100)
                            : tcp(fabric.path("a", "b"), 1, 2, TcpHeader::kSyn, 100);
  const Frame tiny = cut(fabric, "a", "b", whole, 1, 8)[0];
  fabric.send("a", tiny);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", tiny, DropReason::kMalformed));
}

TEST_P(FragmentsAtTheGate, TheyAreCutWithTheirUntrackedFlowAtOnce) {
  const auto open = [&](bool yes) {
    const char* const everybody = six() ? "::/0" : "0.0.0.0/0";
    return dual_stack({make_group("server", yes ? std::vector{rule(kUdp, 53, 53, cidr(everybody))} : std::vector<RuleDeclaration>{},
                                  {all(cidr(everybody))}),
                       make_group("client", {all(cidr(everybody))}, {all(cidr(everybody))})},
                      {guest("a", "10.0.1.4", {"client"}), guest("b", "10.0.1.5", {"server"})});
  };
  Fabric fabric(open(true));
  const std::vector<Frame> frames = cut(fabric, "a", "b", datagram(fabric, "a", "b", 5000, 53));
  ASSERT_TRUE(fabric.passes("a", "b", frames[0]));
  ASSERT_TRUE(fabric.passes("a", "b", frames[1]));
  fabric.apply(open(true));
  EXPECT_TRUE(fabric.passes("a", "b", frames[1])) << "asked again with its first one's port, and allowed";
  fabric.apply(open(false));
  fabric.send("a", frames[2]);
  EXPECT_EQ(fabric.changes(), fabric.dropped("a", frames[2], DropReason::kGroupIngress));
}

TEST_P(FragmentsAtTheGate, ALargePingIsAnsweredByState) {
  Fabric fabric(deployment());
  const auto ping = [&](const std::string& from, const std::string& to, std::uint8_t type) {
    return six() ? icmp6(path6(fabric, from, to), type, 0, 7, pattern(3000))
                 : icmp(fabric.path(from, to), type, 0, 7, pattern(3000));
  };
  for (const Frame& frame : cut(fabric, "a", "b", ping("a", "b", six() ? 128 : 8)))
    EXPECT_TRUE(fabric.passes("a", "b", frame));
  for (const Frame& frame : cut(fabric, "b", "a", ping("b", "a", six() ? 129 : 0)))
    EXPECT_TRUE(fabric.passes("b", "a", frame));
  for (const Frame& frame : cut(fabric, "b", "a", ping("b", "a", six() ? 128 : 8), 9))
    EXPECT_FALSE(fabric.passes("b", "a", frame));
  EXPECT_EQ(fabric.engine().flows().size(), 1U);
}

TEST_P(FragmentsAtTheGate, ImpossibleOnesAreMalformed) {
  Fabric fabric(deployment());
  const std::vector<Frame> frames = cut(fabric, "a", "b", datagram(fabric, "a", "b", 5000, 53));
  const auto with = [&](Frame frame, std::uint16_t offset, bool more, std::size_t bytes) {
    if (six()) {
      frame.resize(kIpv6L4Offset + 8 + bytes);
      header_at<Ipv6Header>(frame, kIpOffset).payload_length = Be16(static_cast<std::uint16_t>(8 + bytes));
      header_at<Ipv6FragmentHeader>(frame, kIpv6L4Offset).fragment = Be16(static_cast<std::uint16_t>(offset | (more ? 1 : 0)));
    } else {
      frame.resize(kIpv4L4Offset + bytes);
      auto& ip = header_at<Ipv4Header>(frame, kIpOffset);
      ip.total_length = Be16(static_cast<std::uint16_t>(20 + bytes));
      ip.fragment = Be16(static_cast<std::uint16_t>(offset / 8 | (more ? Ipv4Header::kMoreFragments : 0)));
      fix_ip_checksum(frame);
    }
    return frame;
  };
  ASSERT_TRUE(fabric.passes("a", "b", frames[0]));
  for (const Frame& frame : {with(frames[1], 1480, true, 1001), with(frames[1], 65528, false, 16),
                             with(frames[1], 1480, false, 0), with(frames[0], 0, true, 0)}) {
    fabric.changes();
    fabric.send("a", frame);
    EXPECT_EQ(fabric.changes(), fabric.dropped("a", frame, DropReason::kMalformed));
  }
}

INSTANTIATE_TEST_SUITE_P(Families, FragmentsAtTheGate, ::testing::Bool(),
                         [](const auto& six) { return six.param ? "Ipv6" : "Ipv4"; });

}  // namespace
}  // namespace weft::test

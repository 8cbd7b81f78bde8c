// Statements 36 to 39 of facts ec2 10 as far as there is an SRD: README.md says what is not here yet. Packets go from a
// client's queue pair (fabric/device) through the real switch and the engine's gate to another client's.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <future>
#include <vector>

#include "fabric/device/queue_pair.hpp"
#include "tests/dataplane/statements/cloud.hpp"
#include "tests/drivers/efa/express_client.hpp"
#include "tests/drivers/efa/mapped_client.hpp"

namespace weft::test {
namespace {

using device::QueuePair;
using device::QueuePairOptions;
using efa::SendStatus;

std::string efa_instance(const std::string& name, const std::string& groups, const std::string& subnet = "s") {
  return instance_in(subnet, name, groups, ", type: efa");
}
const char* const kSelf = "{protocol: all, group: self}";

/// a and b in one group that allows what is said.
Given two_in(const std::string& ingress, const std::string& egress) {
  return {.security_groups = {security_group("efa", ingress, egress)},
          .instances = {efa_instance("a", "efa"), efa_instance("b", "efa")}};
}

class EfaCloud : public Cloud {
 public:
  explicit EfaCloud(const Given& given) : Cloud(given, {.efa = true}) {}

  /// The worker has to take part, so the client waits in a thread of its own.
  template <typename Doing>
  auto while_turning(const Doing& doing) {
    auto done = std::async(std::launch::async, doing);
    while (done.wait_for(std::chrono::milliseconds(0)) != std::future_status::ready) engine().run_once();
    return done.get();
  }

  std::unique_ptr<QueuePair> open(const std::string& instance, QueuePairOptions options = {}) {
    setenv("WEFT_RUNTIME_DIR", runtime_directory().c_str(), 1);
    setenv("WEFT_INSTANCE", instance.c_str(), 1);
    int error = 0;
    std::unique_ptr<QueuePair> opened = while_turning([&] { return QueuePair::open(options, &error); });
    if (!opened) throw std::runtime_error(std::string("no queue pair: ") + std::strerror(error));
    return opened;
  }

  /// A queue pair of an instance whose client writes and reads everything by hand.
  std::unique_ptr<efa::test::ExpressClient> open_express(const std::string& instance) {
    return while_turning([&] {
      return std::make_unique<efa::test::ExpressClient>(efa_socket_path(runtime_directory(), instance),
                                                        eni(instance).private_ip.octets);
    });
  }

  /// The same that never hears of channels.
  std::unique_ptr<efa::test::GreetedClient> open_mapped(const std::string& instance, std::uint64_t features) {
    return while_turning([&] {
      return std::make_unique<efa::test::GreetedClient>(efa_socket_path(runtime_directory(), instance),
                                                        eni(instance).private_ip.octets, features);
    });
  }

  /// One packet and its status.
  SendStatus send(QueuePair& from, const device::Address& to, std::uint32_t qkey, const Frame& data = pattern(100)) {
    const device::SendSlot slot = from.begin_send(static_cast<std::uint32_t>(data.size()));
    if (slot.data == nullptr) throw std::runtime_error("the send queue is full");
    std::memcpy(slot.data, data.data(), data.size());
    from.commit_send(slot, static_cast<std::uint32_t>(data.size()), to, qkey);
    return status_of(from);
  }
  SendStatus send(QueuePair& from, const QueuePair& to) { return send(from, to.address(), to.qkey()); }
  SendStatus status_of(QueuePair& from) {
    engine().run_once();
    SendStatus result = SendStatus::kFlushed;
    from.poll_sends([&](std::uint64_t, SendStatus status) { result = status; });
    EXPECT_EQ(from.sends_in_flight(), 0U);
    return result;
  }

  static unsigned arrived(QueuePair& at) { return at.poll_receives(1000, [](const device::Arrival&) {}); }

  EfaCounters counters(const std::string& name) {
    for (const EniStatistics& one : engine().statistics())
      if (one.eni_id == eni(name).id) return one.efa;
    throw std::runtime_error("no statistics of " + name);
  }
};

TEST(Statement, S36_SrdNeedsAGroupThatNamesItselfBothWays) {
  const struct {
    std::string ingress, egress;
    SendStatus status;
  } cases[] = {
      {kSelf, kAnyone, SendStatus::kLocalUnreachRemote},  // 0.0.0.0/0 out, and no self rule: never answered
      {kAnyone, kSelf, SendStatus::kLocalUnreachRemote},
      {kAnyone, kAnyone, SendStatus::kLocalUnreachRemote},
      {kSelf, kSelf, SendStatus::kOk},
  };
  for (const auto& [ingress, egress, status] : cases) {
    EfaCloud cloud(two_in(ingress, egress));
    auto a = cloud.open("a"), b = cloud.open("b");
    EXPECT_EQ(cloud.send(*a, *b), status) << ingress << " " << egress;
    EXPECT_EQ(EfaCloud::arrived(*b), status == SendStatus::kOk ? 1U : 0U);
    const EfaCounters counted = cloud.counters("a");
    EXPECT_EQ(counted.tx_pkts, 1U);
    EXPECT_EQ(counted.delivered, status == SendStatus::kOk ? 1U : 0U);
    EXPECT_EQ(counted.group_egress + counted.group_ingress, status == SendStatus::kOk ? 0U : 1U);
    EXPECT_EQ(cloud.engine().drops().size(), status == SendStatus::kOk ? 0U : 1U);
  }
}

TEST(Statement, S37_SrdStaysInItsZoneAndCrossesSubnets) {
  EfaCloud cloud({.subnets = {"{name: s, cidr: 10.0.0.0/24, az: use1-az1}", "{name: t, cidr: 10.0.1.0/24, az: use1-az1}",
                              "{name: far, cidr: 10.0.2.0/24, az: use1-az2}"},
                  .security_groups = {members("efa")},
                  .instances = {efa_instance("a", "efa"), efa_instance("b", "efa", "t"), efa_instance("c", "efa", "far")}});
  auto a = cloud.open("a"), b = cloud.open("b"), c = cloud.open("c");
  EXPECT_EQ(cloud.send(*a, *b), SendStatus::kOk);
  EXPECT_EQ(EfaCloud::arrived(*b), 1U);
  EXPECT_EQ(cloud.send(*a, *c), SendStatus::kLocalUnreachRemote);
  EXPECT_EQ(EfaCloud::arrived(*c), 0U);
  EXPECT_EQ(cloud.counters("a").unreachable, 1U);
  EXPECT_EQ(cloud.changes(), (Changes{{"a.efa-unreachable", 1}})) << "messages are no frames";
  const Frame ip = udp(cloud.path_to("a", cloud.address("c")), 7, 9);
  cloud.delivers("a", ip, "c", begins(ip, "udp-single tracked-tracked"));  // though IP is routed there
}

// Delivery over a wire that loses the order and refuses is efa_wire_test.cpp's.
TEST(Statement, S38_APacketOfMoreThanTheMtuCompletesWithStatusSix) {
  EfaCloud cloud(two_in(kSelf, kSelf));
  auto a = cloud.open("a"), b = cloud.open("b");
  ASSERT_EQ(a->mtu(), efa::kMtu);
  EXPECT_EQ(cloud.send(*a, b->address(), b->qkey(), pattern(a->mtu())), SendStatus::kOk);
  EXPECT_EQ(a->begin_send(a->mtu() + 1).data, nullptr) << "the client's library refuses it";
  const device::SendSlot slot = a->begin_send(a->mtu());  // and one that does not care
  a->commit_send(slot, a->mtu() + 1, b->address(), b->qkey());
  EXPECT_EQ(cloud.status_of(*a), SendStatus::kLocalBadLength);
  EXPECT_EQ(EfaCloud::arrived(*b), 1U);
  EXPECT_EQ(cloud.counters("a").bad_descriptor, 1U);
}

TEST(Statement, S39_WithoutABufferAtTheReceiverTheSenderHearsRnr) {
  EfaCloud cloud(two_in(kSelf, kSelf));
  QueuePairOptions small;
  small.rx_buffers = 8;
  auto a = cloud.open("a"), b = cloud.open("b", small);
  const Frame large = pattern(1000);
  for (int i = 0; i < 8; ++i) ASSERT_EQ(cloud.send(*a, b->address(), b->qkey(), large), SendStatus::kOk);
  EXPECT_EQ(cloud.send(*a, b->address(), b->qkey(), large), SendStatus::kRemoteRnr);
  EXPECT_EQ(cloud.counters("a").rnr, 1U);
  EXPECT_EQ(EfaCloud::arrived(*b), 8U);  // b has looked, and its buffers are posted again
  EXPECT_EQ(cloud.send(*a, b->address(), b->qkey(), large), SendStatus::kOk);
}

TEST(Statement, S36_AChannelBetweenTwoProcessesEndsWithTheRuleThatAllowedIt) {
  EfaCloud cloud(two_in(kSelf, kSelf));
  auto a = cloud.open_express("a"), b = cloud.open_express("b");
  ASSERT_EQ(cloud.while_turning([&] { return a->ask(*b); }), 0U);
  efa::test::ChannelSide out(a->talker.received.at(0));
  ASSERT_EQ(b->talker.hear<efa::ChannelOffered>().header.error, 0U);
  efa::test::ChannelSide in(b->talker.received.at(0));
  out.publish("past the worker");
  EXPECT_EQ(in.take(), "past the worker");
  EXPECT_EQ(cloud.counters("a").delivered, 1U);
  EXPECT_EQ(cloud.counters("b").rx_pkts, 1U);
  EXPECT_EQ(out.header->revoked, efa::Revocation::kNone);

  EXPECT_EQ(cloud.up(two_in(kAnyone, kSelf)), "");
  cloud.engine().run_once();
  EXPECT_EQ(out.header->revoked, efa::Revocation::kPolicy);
  EXPECT_TRUE(a->woken());
  EXPECT_TRUE(b->woken());
  a->release(a->granted.id);
  b->release(a->granted.id);
  EXPECT_EQ(cloud.while_turning([&] {
    std::uint32_t error;
    while ((error = a->ask(*b)) == EEXIST) std::this_thread::yield();
    return error;
  }), static_cast<std::uint32_t>(EACCES));
  EXPECT_EQ(cloud.engine().drops().back().reason, DropReason::kEfaGroupIngress);
}

TEST(Statement, S36_ThereAreNoChannelsWhereAParameterForbidsThem) {
  Given given = two_in(kSelf, kSelf);
  EfaCloud cloud(given);
  auto a = cloud.open_express("a"), b = cloud.open_express("b");
  ASSERT_EQ(cloud.while_turning([&] { return a->ask(*b); }), 0U);
  const efa::test::ChannelSide out(a->talker.received.at(0));
  given.parameters = "{express_channels: false}";
  EXPECT_EQ(cloud.up(given), "");
  cloud.engine().run_once();
  EXPECT_EQ(out.header->revoked, efa::Revocation::kPolicy);
  EXPECT_EQ(b->talker.hear<efa::ChannelOffered>().id, a->granted.id);
  EXPECT_EQ(cloud.while_turning([&] { return b->ask(*a); }), static_cast<std::uint32_t>(EACCES));
}

/// Not EC2's, whose fabric nobody can impair: what the real switch makes of the engine's answers.
TEST(EfaFabric, AFaultBetweenTwoHostsEndsTheirChannelAndLosesPacketsOfTransportsThatRecover) {
  const Given given = two_in(kSelf, kSelf);
  EfaCloud cloud(given);
  auto a = cloud.open_express("a"), b = cloud.open_express("b");
  ASSERT_EQ(cloud.while_turning([&] { return a->ask(*b); }), 0U);
  const efa::test::ChannelSide out(a->talker.received.at(0));
  auto recovering = cloud.open_mapped("a", efa::kFeatureFabric), peer = cloud.open_mapped("b", efa::kFeatureFabric);
  const auto send = [&] { return cloud.while_turning([&] { return recovering->send(*peer); }); };
  EXPECT_EQ(send(), 0);
  EXPECT_EQ(out.header->revoked, efa::Revocation::kNone);

  EXPECT_EQ(cloud.up(given, [](Topology& topology) {
    topology.faults.push_back({.name = "f", .path = {}, .from = "a", .to = "b", .impairment = {.down = true}});
  }), "");
  EXPECT_EQ(send(), static_cast<std::uint8_t>(efa::SendHint::kOnWire) << efa::kStatusBits);
  EXPECT_EQ(out.header->revoked, efa::Revocation::kPolicy);
  EXPECT_EQ(cloud.counters("a").on_wire, 1U);
  EXPECT_EQ(cloud.counters("a").wire_drops, 1U);
  EXPECT_EQ(cloud.engine().drops().back().reason, DropReason::kFabricDown);
  a->release(a->granted.id);
  b->release(a->granted.id);

  EXPECT_EQ(cloud.up(given), "");
  EXPECT_EQ(send(), 0);
  EXPECT_EQ(peer->queue.header()->delivered, 2U);
  EXPECT_EQ(cloud.while_turning([&] {
    std::uint32_t error;
    while ((error = a->ask(*b)) == EEXIST) std::this_thread::yield();
    return error;
  }), 0U);
}

TEST(Statement, S39_ABadQueuePairNumberIsStatusNineAndAWrongKeyIsNotDelivered) {
  EfaCloud cloud(two_in(kSelf, kSelf));
  auto a = cloud.open("a"), b = cloud.open("b");
  device::Address nobody = b->address();
  nobody.qpn += 1;
  EXPECT_EQ(cloud.send(*a, nobody, b->qkey()), SendStatus::kRemoteBadDestQpn);
  EXPECT_EQ(cloud.counters("a").bad_qpn, 1U);
  EXPECT_NE(cloud.send(*a, b->address(), b->qkey() + 1), SendStatus::kOk);
  EXPECT_EQ(EfaCloud::arrived(*b), 0U);
  EXPECT_EQ(cloud.send(*a, *b), SendStatus::kOk);
}

}  // namespace
}  // namespace weft::test

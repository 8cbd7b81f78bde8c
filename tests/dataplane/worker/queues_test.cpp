// Ports of several queues over workers, and ports whose other end comes, goes and negotiates.
#include <gtest/gtest.h>

#include <array>

#include "dataplane/net/symmetric_rss.hpp"
#include "tests/dataplane/worker/fabric.hpp"

namespace weft::test {
namespace {

struct Queue {
  std::shared_ptr<PacketRing> in = std::make_shared<PacketRing>(256), out = std::make_shared<PacketRing>(256);
  std::unique_ptr<Port> port() const { return std::make_unique<RingPort>(in, out, PortCapabilities{.chains = true}); }
};

/// `name`'s ENI with a port of two queues.
Engine::Attachment two_queues(const Deployment& deployment, const std::string& name, const std::array<Queue, 2>& queues) {
  Engine::Attachment attachment{deployment.find_instance(name)->enis[0].id, queues[0].port()};
  attachment.more_queues.push_back(queues[1].port());
  return attachment;
}

unsigned taken_from(const Queue& queue) {
  unsigned count = 0;
  for (rte_mbuf* packet; queue.out->pop({&packet, 1}) == 1; ++count) rte_pktmbuf_free(packet);
  return count;
}

/// The guests e and f with two queues each, from the beginning, so that worker q has queue q.
struct TwoWorkers {
  TwoWorkers() {
    Deployment deployment = fabric.deployment();
    for (const auto& [name, address] : {std::pair{"e", "10.0.1.20"}, std::pair{"f", "10.0.1.21"}})
      deployment.instances.push_back(guest(name, address, {"members"}));
    std::vector<Engine::Attachment> ports;
    ports.push_back(two_queues(deployment, "e", e));
    ports.push_back(two_queues(deployment, "f", f));
    fabric.apply(std::move(deployment), std::move(ports));
  }
  /// From e to f, by one of e's queues.
  void send(unsigned queue, std::uint16_t port) {
    rte_mbuf* packet = fabric.packet(udp(fabric.path("e", "f"), port, 2));
    ASSERT_EQ(e[queue].in->push({&packet, 1}), 1);
  }
  /// The queue where a card would put it.
  unsigned queue_of_flow(std::uint16_t port) const {
    return queue_of(symmetric_rss(fabric.eni("e").private_ip.v4(), fabric.eni("f").private_ip.v4(), port, 2), 2);
  }

  Fabric fabric{make_deployment({members_group()}, four_guests({"members"})), {.workers = 2}};
  std::array<Queue, 2> e, f;
};

TEST(Queues, WhatACardSteersStaysWithItsWorkerFromPortToPort) {
  TwoWorkers two;
  unsigned sent[2] = {};
  for (std::uint16_t port = 1; port <= 40; ++port) {
    const unsigned queue = two.queue_of_flow(port);
    two.send(queue, port);
    ++sent[queue];
  }
  EXPECT_GT(sent[0], 0U);
  EXPECT_GT(sent[1], 0U);
  two.fabric.turn(0);
  EXPECT_EQ(taken_from(two.f[0]), sent[0]) << "worker 0's, by its own queue, and nothing was handed over";
  EXPECT_EQ(taken_from(two.f[1]), 0U);
  two.fabric.turn(1);
  EXPECT_EQ(taken_from(two.f[1]), sent[1]);
  EXPECT_TRUE(two.fabric.engine().balance().holds());
}

TEST(Queues, WhatComesByAnotherQueueIsHandedToItsOwner) {
  TwoWorkers two;
  std::uint16_t port = 1;
  while (two.queue_of_flow(port) != 1) ++port;
  two.send(0, port);
  two.fabric.turn(0);
  two.fabric.turn(1);
  EXPECT_EQ(taken_from(two.f[0]), 0U);
  EXPECT_EQ(taken_from(two.f[1]), 1U);
}

/// As a vhost-user port: what it takes and whether somebody is there follow its guest.
class GuestPort final : public Port {
 public:
  explicit GuestPort(const PortCapabilities& now, const bool& connected) : now_(now), connected_(connected) {}
  PortCapabilities capabilities() const noexcept override { return now_; }
  bool capabilities_change() const noexcept override { return true; }
  bool link_up() const noexcept override { return connected_; }
  std::uint16_t receive(std::span<rte_mbuf*>) noexcept override { return 0; }
  std::uint16_t transmit(std::span<rte_mbuf* const> burst) noexcept override {
    if (!connected_) return 0;
    for (rte_mbuf* packet : burst) {
      flags.push_back(packet->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK);
      rte_pktmbuf_free(packet);
    }
    return static_cast<std::uint16_t>(burst.size());
  }
  std::vector<std::uint64_t> flags;

 private:
  const PortCapabilities& now_;
  const bool& connected_;
};

rte_mbuf* with_open_checksum(Fabric& fabric) {
  rte_mbuf* packet = fabric.packet(udp(fabric.path("a", "b"), 1, 2));
  packet->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV4;
  packet->l2_len = 14;
  packet->l3_len = 20;
  return packet;
}

TEST(Queues, WhatAGuestNegotiatesHoldsFromItsNextFrameOn) {
  const Deployment deployment = make_deployment({members_group()}, four_guests({"members"}));
  Fabric fabric(deployment);
  PortCapabilities now{.mtu = 9001, .checksum = false, .tso = false, .chains = true};
  bool connected = true;
  auto port = std::make_unique<GuestPort>(now, connected);
  GuestPort& guest = *port;
  std::vector<Engine::Attachment> ports;
  ports.push_back({fabric.eni("b").id, std::move(port)});
  fabric.apply(deployment, std::move(ports));
  fabric.inject("a", with_open_checksum(fabric));
  fabric.turn();
  now.checksum = true;
  fabric.inject("a", with_open_checksum(fabric));
  fabric.turn();
  ASSERT_EQ(guest.flags.size(), 2U);
  EXPECT_EQ(guest.flags[0], 0U) << "finished for a guest that takes no open checksums";
  EXPECT_EQ(guest.flags[1] & RTE_MBUF_F_TX_L4_MASK, RTE_MBUF_F_TX_UDP_CKSUM);
}

TEST(Queues, WhereNobodyIsConnectedTheLinkIsDown) {
  const Deployment deployment = make_deployment({members_group()}, four_guests({"members"}));
  Fabric fabric(deployment);
  const PortCapabilities now{};
  bool connected = false;
  std::vector<Engine::Attachment> ports;
  ports.push_back({fabric.eni("b").id, std::make_unique<GuestPort>(now, connected)});
  fabric.apply(deployment, std::move(ports));
  fabric.send("a", udp(fabric.path("a", "b"), 1, 2));
  EXPECT_EQ(fabric.counter_changes().at("a.link-down"), 1);
  connected = true;
  fabric.send("a", udp(fabric.path("a", "b"), 1, 2));
  EXPECT_EQ(fabric.counter_changes().at("b.rx_packets"), 1);
}

}  // namespace
}  // namespace weft::test

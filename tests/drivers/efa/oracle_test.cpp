// Random traffic, turn by turn, against a slow model of the queues that follows drivers/efa/abi.hpp word by word.
#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <set>

#include "tests/drivers/efa/raw_client.hpp"

namespace weft::efa::test {
namespace {

struct ModelPacket {
  std::uint32_t length;
  std::size_t destination;  // index of a client, or kNowhere
  bool stale;
  std::byte mark;
};
constexpr std::size_t kNowhere = 999;

struct ModelQueuePair {
  EniSlot slot;
  std::uint32_t cq_depth;
  std::deque<ModelPacket> posted;
  std::deque<std::pair<std::size_t, ModelPacket>> arrived;  // source and packet
  std::uint32_t buffers = 0;                                // receive buffers posted
  std::deque<SendStatus> completed;
};

class Model {
 public:
  std::vector<ModelQueuePair> queue_pairs;
  std::map<EniSlot, EfaCounters> counters;
  std::size_t first = 0;

  std::uint32_t turn(const TestGate& gate) {
    if (++first >= queue_pairs.size()) first = 0;
    std::uint32_t handled = 0;
    for (std::size_t i = 0; i < queue_pairs.size(); ++i) {
      const std::size_t source = (first + i) % queue_pairs.size();
      std::uint32_t bytes = 0;
      for (int n = 0; n < 32 && bytes < 256 * 1024 && !queue_pairs[source].posted.empty(); ++n, ++handled) {
        const ModelPacket packet = queue_pairs[source].posted.front();
        queue_pairs[source].posted.pop_front();
        bytes += packet.length;
        queue_pairs[source].completed.push_back(forward(source, packet, gate));
      }
    }
    return handled;
  }

 private:
  SendStatus forward(std::size_t source, const ModelPacket& packet, const TestGate& gate) {
    EfaCounters& mine = counters[queue_pairs[source].slot];
    mine.tx_pkts += 1;
    mine.tx_bytes += packet.length;
    if (packet.destination == kNowhere) return ++mine.unreachable, SendStatus::kLocalUnreachRemote;
    ModelQueuePair& to = queue_pairs[packet.destination];
    EfaCounters& theirs = counters[to.slot];
    switch (gate.verdict(queue_pairs[source].slot, to.slot)) {
      case EfaVerdict::kGroupEgress: return ++mine.group_egress, SendStatus::kLocalUnreachRemote;
      case EfaVerdict::kGroupIngress: return ++mine.group_ingress, SendStatus::kLocalUnreachRemote;
      case EfaVerdict::kUnreachable: return ++mine.unreachable, SendStatus::kLocalUnreachRemote;
      case EfaVerdict::kAllow: break;
    }
    if (packet.stale) return ++mine.bad_qpn, SendStatus::kRemoteBadDestQpn;
    const bool large = packet.length > kInlineBytes;
    if (to.arrived.size() == to.cq_depth || (large && to.buffers == 0)) {
      ++theirs.rx_drops;
      return ++mine.rnr, SendStatus::kRemoteRnr;
    }
    if (large) --to.buffers;
    to.arrived.emplace_back(source, packet);
    ++mine.delivered;
    theirs.rx_pkts += 1;
    theirs.rx_bytes += packet.length;
    return SendStatus::kOk;
  }
};

class OracleTest : public SwitchTest, public testing::WithParamInterface<unsigned> {};

TEST_P(OracleTest, agrees_on_every_status_packet_and_counter) {
  std::mt19937 random(GetParam());
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  Model model;
  std::vector<RawClient> clients;
  constexpr unsigned kFunctions = 3, kClients = 6;
  for (std::uint8_t i = 1; i <= kFunctions; ++i) add(function("n", i));
  for (unsigned i = 0; i < kClients; ++i) {
    CreateQp request;
    request.sq_depth = 128, request.cq_depth = 1U << below(7), request.rx_buffers = 1U << below(6);
    request.tx_buffers = 128;
    const std::uint32_t slot = 1 + below(kFunctions);
    clients.push_back(open("eni-" + std::to_string(slot), request));
    model.queue_pairs.push_back({static_cast<EniSlot>(slot), request.cq_depth, {}, {}, 0, {}});
  }
  std::vector<std::set<std::uint32_t>> own_buffers(kClients);  // receive buffers that the client holds
  for (unsigned i = 0; i < kClients; ++i)
    for (std::uint32_t b = 0; b < clients[i].header->rx_buffers; ++b) own_buffers[i].insert(b);

  // The switch begins one further with every turn; opening each client was one, the first with nobody before it.
  for (std::size_t opened = 1; opened <= kClients; ++opened)
    if (++model.first >= opened) model.first = 0;

  for (int turn = 0; turn < 400; ++turn) {
    for (unsigned i = 0; i < kClients; ++i) {
      for (std::uint32_t n = below(60); n > 0 && model.queue_pairs[i].posted.size() < 128; --n) {
        ModelPacket packet{below(3) == 0 ? below(kMtu + 1) : below(120), below(kClients), below(20) == 0,
                           static_cast<std::byte>(random())};
        RawClient::Send send = clients[i].to(clients[packet.destination], packet.length);
        if (packet.stale) send.qkey ^= 0x100;
        if (below(30) == 0) packet.destination = kNowhere, send.address[14] = 200;
        send.payload.assign(packet.length, packet.mark);
        clients[i].post(send);
        model.queue_pairs[i].posted.push_back(packet);
      }
      for (std::uint32_t n = below(10); n > 0 && !own_buffers[i].empty(); --n) {
        clients[i].post_receive(*own_buffers[i].begin());
        own_buffers[i].erase(own_buffers[i].begin());
        ++model.queue_pairs[i].buffers;
      }
    }
    if (below(10) == 0)
      gate.verdicts[{static_cast<EniSlot>(1 + below(3)), static_cast<EniSlot>(1 + below(3))}] =
          static_cast<EfaVerdict>(below(4));

    ASSERT_EQ(poll(), model.turn(gate)) << "turn " << turn;

    for (unsigned i = 0; i < kClients; ++i) {
      ModelQueuePair& expected = model.queue_pairs[i];
      ASSERT_EQ(clients[i].completed(),
                std::vector<SendStatus>(expected.completed.begin(), expected.completed.end())) << "client " << i;
      expected.completed.clear();
      for (std::uint32_t n = below(80); n > 0; --n) {
        const auto received = clients[i].take();
        ASSERT_EQ(received.has_value(), !expected.arrived.empty());
        if (!received) break;
        const auto [source, packet] = expected.arrived.front();
        expected.arrived.pop_front();
        ASSERT_EQ(received->length, packet.length);
        ASSERT_EQ(received->qpn, clients[source].device->qpn());
        ASSERT_EQ(received->qkey, clients[source].device->qkey());
        ASSERT_EQ(received->payload, std::vector<std::byte>(packet.length, packet.mark));
        if (received->buffer == kNoBuffer) continue;
        ASSERT_TRUE(own_buffers[i].insert(received->buffer).second);
      }
    }
    for (EniSlot slot = 1; slot <= kFunctions; ++slot)
      ASSERT_EQ(as_map(registry.counters(slot)), as_map(model.counters[slot])) << "slot " << slot;
  }
}

INSTANTIATE_TEST_SUITE_P(seeds, OracleTest, testing::Range(1U, 21U));

}  // namespace
}  // namespace weft::efa::test

// Random traffic over a fabric that loses, delays, doubles and marks at random, turn by turn, against a slow model of
// docs/efa-abi.md, "Across the emulated fabric": a list of what is on its way, searched from end to end.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

#include "tests/drivers/efa/raw_client.hpp"

namespace weft::efa::test {
namespace {

EfaPassage random_passage(std::mt19937& random, std::uint64_t now_ns) {
  const auto below = [&](std::uint32_t n) { return random() % n; };
  EfaPassage passage{.lost = below(8) == 0, .congested = below(5) == 0, .at_ns = now_ns + (below(3) == 0 ? 0 : below(40))};
  if (below(6) == 0) passage.copy_at_ns = now_ns + below(40);
  return passage;
}

struct ModelPacket {
  std::uint32_t length;
  std::size_t source, destination;  // clients
  std::byte mark;
  std::uint16_t flags = 0;
};

struct ModelClient {
  EniSlot slot;
  bool recovers;
  std::uint32_t cq_depth;
  std::deque<ModelPacket> posted, arrived;
  std::uint32_t buffers;  // receive buffers posted
  std::vector<std::uint8_t> statuses;
};

class Model {
 public:
  explicit Model(unsigned seed) : random(seed) {}

  std::vector<ModelClient> clients;
  std::map<EniSlot, EfaCounters> counters;
  std::vector<std::pair<std::uint64_t, ModelPacket>> flying;  // in the order in which they left
  std::size_t first = 0;

  std::uint32_t turn(const TestGate& gate, std::uint64_t now_ns) {
    std::uint32_t handled = 0;
    for (; handled < EfaSwitch::kArrivalsInTurn && next_ns() <= now_ns; ++handled) {
      const auto next = earliest();
      const ModelPacket packet = next->second;
      flying.erase(next);
      if (!receive(packet)) ++counters[clients[packet.source].slot].wire_drops;
    }
    if (++first >= clients.size()) first = 0;
    for (std::size_t i = 0; i < clients.size(); ++i) {
      ModelClient& source = clients[(first + i) % clients.size()];
      std::uint32_t bytes = 0;
      for (int n = 0; n < 32 && bytes < 256 * 1024 && !source.posted.empty(); ++n, ++handled) {
        const ModelPacket packet = source.posted.front();
        source.posted.pop_front();
        bytes += packet.length;
        source.statuses.push_back(forward(packet, gate, now_ns));
      }
    }
    return handled;
  }
  std::uint64_t next_ns() { return flying.empty() ? MessageSwitch::kNever : earliest()->first; }

 private:
  std::vector<std::pair<std::uint64_t, ModelPacket>>::iterator earliest() {
    return std::min_element(flying.begin(), flying.end(), [](auto& one, auto& other) { return one.first < other.first; });
  }
  bool fly(const ModelPacket& packet, std::uint64_t at_ns) {
    if (flying.size() == HeldPackets::kMost) return false;
    flying.emplace_back(at_ns, packet);
    return true;
  }
  bool receive(const ModelPacket& packet) {
    ModelClient& to = clients[packet.destination];
    EfaCounters& counts = counters[to.slot];
    const bool large = packet.length > kInlineBytes;
    if (to.arrived.size() == to.cq_depth || (large && to.buffers == 0)) return ++counts.rx_drops, false;
    if (large) --to.buffers;
    to.arrived.push_back(packet);
    counts.rx_pkts += 1, counts.rx_bytes += packet.length;
    return true;
  }
  std::uint8_t forward(ModelPacket packet, const TestGate& gate, std::uint64_t now_ns) {
    const ModelClient &from = clients[packet.source], &to = clients[packet.destination];
    EfaCounters& counts = counters[from.slot];
    counts.tx_pkts += 1, counts.tx_bytes += packet.length;
    if (!gate.impaired(from.slot, to.slot) || !from.recovers || !to.recovers) {
      if (receive(packet)) return ++counts.delivered, 0;
      return ++counts.rnr, static_cast<std::uint8_t>(SendStatus::kRemoteRnr);
    }
    const EfaPassage passage = random_passage(random, now_ns);
    packet.flags = static_cast<std::uint16_t>(passage.congested ? kOverFabric | kCongested : kOverFabric);
    const bool at_once = passage.at_ns <= now_ns && next_ns() > now_ns;
    if (passage.copy_at_ns) fly(packet, *passage.copy_at_ns);
    ++counts.on_wire;
    if (passage.lost || !(at_once ? receive(packet) : fly(packet, passage.at_ns))) ++counts.wire_drops;
    return static_cast<std::uint8_t>(SendHint::kOnWire) << kStatusBits;
  }

  std::mt19937 random;
};

class FabricOracleTest : public SwitchTest, public testing::WithParamInterface<unsigned> {};

TEST_P(FabricOracleTest, agrees_on_every_status_packet_time_and_counter) {
  std::mt19937 random(GetParam()), passages(GetParam() + 1000);
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  Model model(GetParam() + 1000);
  std::vector<RawClient> clients;
  constexpr unsigned kFunctions = 3, kClients = 5;
  for (std::uint8_t i = 1; i <= kFunctions; ++i) add(function("n", i));
  for (unsigned i = 0; i < kClients; ++i) {
    CreateQp request;
    request.sq_depth = request.tx_buffers = 64, request.cq_depth = 1U << below(9), request.rx_buffers = 64;
    const auto slot = static_cast<EniSlot>(1 + below(kFunctions));
    const bool recovers = i != 0;
    clients.push_back(open("eni-" + std::to_string(slot), request, recovers ? kFeatureFabric : 0));
    model.clients.push_back({slot, recovers, request.cq_depth, {}, {}, request.rx_buffers, {}});
  }
  // The switch begins one further with every turn; opening each client was one.
  for (std::size_t opened = 1; opened <= kClients; ++opened)
    if (++model.first >= opened) model.first = 0;
  for (RawClient& client : clients)
    for (std::uint32_t buffer = 0; buffer < 64; ++buffer) client.post_receive(buffer);

  std::size_t most_flying = 0;
  for (int turn = 0; turn < 400; ++turn, now_ns += below(3)) {
    for (unsigned i = 0; i < kClients; ++i)
      for (std::uint32_t n = below(40); n > 0 && model.clients[i].posted.size() < 64; --n) {
        const ModelPacket packet{below(8) == 0 ? below(kMtu + 1) : below(89), i, below(kClients),
                                 static_cast<std::byte>(random())};
        RawClient::Send send = clients[i].to(clients[packet.destination], packet.length);
        send.payload.assign(packet.length, packet.mark);
        clients[i].post(send);
        model.clients[i].posted.push_back(packet);
      }
    if (below(20) == 0) {
      const std::pair pair{static_cast<EniSlot>(1 + below(kFunctions)), static_cast<EniSlot>(1 + below(kFunctions))};
      if (gate.fabric.erase(pair) == 0)
        gate.fabric[pair] = [&](auto, std::uint64_t now, auto) { return random_passage(passages, now); };
    }

    ASSERT_EQ(poll(), model.turn(gate, now_ns)) << "turn " << turn;
    ASSERT_EQ(messages.next_ns(), model.next_ns());
    most_flying = std::max(most_flying, model.flying.size());

    for (unsigned i = 0; i < kClients; ++i) {
      ModelClient& expected = model.clients[i];
      ASSERT_EQ(clients[i].completed_bytes(), expected.statuses) << "client " << i;
      expected.statuses.clear();
      for (std::uint32_t n = below(80); n > 0; --n) {
        const auto received = clients[i].take();
        ASSERT_EQ(received.has_value(), !expected.arrived.empty());
        if (!received) break;
        const ModelPacket packet = expected.arrived.front();
        expected.arrived.pop_front();
        ASSERT_EQ(received->qkey, clients[packet.source].device->qkey());
        ASSERT_EQ(received->flags, packet.flags);
        ASSERT_EQ(received->payload, std::vector<std::byte>(packet.length, packet.mark));
        if (received->buffer == kNoBuffer) continue;
        clients[i].post_receive(received->buffer);
        ++expected.buffers;
      }
    }
    for (EniSlot slot = 1; slot <= kFunctions; ++slot)
      ASSERT_EQ(as_map(registry.counters(slot)), as_map(model.counters[slot])) << "slot " << slot;
  }
  EXPECT_GT(most_flying, EfaSwitch::kArrivalsInTurn) << "or this seed has tried little";
}

INSTANTIATE_TEST_SUITE_P(seeds, FabricOracleTest, testing::Range(1U, 21U));

}  // namespace
}  // namespace weft::efa::test

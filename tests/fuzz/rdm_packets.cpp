// Packets of a peer that says anything, into an endpoint with receives posted and a long message under way to that peer:
// nothing outside of a posted buffer changes, no completion is longer than its buffer, memory stays bounded.
//
// Input: records of a length in two bytes, little endian, and a packet from its transport header on.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "tests/fabric/rdm/cluster.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace weft;
using namespace weft::rdm;
using namespace weft::rdm::testing;

constexpr std::size_t kGuard = 256, kBuffer = 20'000;
constexpr std::byte kUntouched{0xee};

struct Guarded {
  std::vector<std::byte> memory = std::vector<std::byte>(kBuffer + 2 * kGuard, kUntouched);
  std::span<std::byte> buffer() { return std::span(memory).subspan(kGuard, kBuffer); }
  bool intact() const {
    const auto untouched = [](std::byte b) { return b == kUntouched; };
    return std::all_of(memory.begin(), memory.begin() + kGuard, untouched) &&
           std::all_of(memory.end() - kGuard, memory.end(), untouched);
  }
};

/// Node 0 is the endpoint under test. Node 1 is a bare queue pair in whose name the input speaks.
struct World {
  Cluster cluster{{.nodes = 1,
                   .queue_pair = {.eni_id = {}, .qpn = 0, .sq_depth = 64, .cq_depth = 64, .tx_buffers = 32, .rx_buffers = 32},
                   .endpoint = {.unexpected_bytes = 1 << 20, .receive_buffers = 32}}};
  std::unique_ptr<device::QueuePair> attacker;
  Guarded tagged, plain;
  std::vector<std::byte> message = pattern(300'000, 1);

  World() {
    cluster.daemon().resume();
    cluster.daemon().enter("node-0");
    int error = 0;
    attacker = device::QueuePair::open({.eni_id = {}, .qpn = 0, .sq_depth = 64, .cq_depth = 64, .tx_buffers = 32, .rx_buffers = 32}, &error);
    FUZZ_CHECK(attacker);
    cluster.daemon().pause();
    cluster[0]->set_peer(1, attacker->address());
    FUZZ_CHECK(receive(cluster[0], tagged.buffer(), 0, ~0ULL) == 0);
    FUZZ_CHECK(receive(cluster[0], plain.buffer(), 0, 0, kAnyPeer, kCompletion) == 0);
    send(cluster[0], 1, message, 7, kTagged | kCompletion | kDeliveryComplete);
  }
  ~World() { attacker.reset(); }

  void post(std::span<const std::uint8_t> packet) {
    const device::SendSlot slot = attacker->begin_send(static_cast<std::uint32_t>(packet.size()));
    if (!slot.data) return;
    if (!packet.empty()) std::memcpy(slot.data, packet.data(), packet.size());
    attacker->commit_send(slot, static_cast<std::uint32_t>(packet.size()), cluster[0].address, 0);
    attacker->wake_daemon();
  }
  void turn() {
    cluster.turn();
    attacker->poll_sends([](std::uint64_t, efa::SendStatus) {});
    attacker->poll_receives(64, [](const device::Arrival&) {});
    for (const Completion& completion : cluster[0].sink.take())
      FUZZ_CHECK(completion.length <= std::max(kBuffer, message.size()) &&
                 (completion.is_send || completion.length <= kBuffer));
    FUZZ_CHECK(tagged.intact() && plain.intact());
    FUZZ_CHECK(cluster[0]->counters().unexpected_bytes <= (1U << 20) + 64U * efa::kMtu);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World world;
  world.turn();
  for (unsigned records = 0; size >= 2 && records < 48; ++records) {
    const std::size_t length = std::min<std::size_t>({data[0] | data[1] * 256U, size - 2, efa::kMtu});
    world.post({data + 2, length});
    data += 2 + length;
    size -= 2 + length;
    world.turn();
    world.turn();
  }
  return 0;
}

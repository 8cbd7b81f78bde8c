// Packets of a peer that says anything, into an endpoint with receives posted, memory registered, and a long message, a read,
// a write and an atomic operation under way to that peer: nothing outside of posted buffers and of what may be written
// changes, nothing leaves that may not be read, no completion is longer than its buffer, memory stays bounded.
//
// Input: records of a length in two bytes, little endian, and a packet from its transport header on.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <random>

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

/// In memory that may be written and not read; a packet that carries it has been read from there. New with each process, so
/// that no input can have learnt it.
const std::array<std::byte, 16> kSecret = [] {
  std::array<std::byte, 16> secret;
  std::random_device random;
  for (std::byte& byte : secret) byte = static_cast<std::byte>(random());
  return secret;
}();

/// The regions of node 0, by key.
struct Registered {
  static constexpr std::uint64_t kBoth = 7, kReadOnly = 8, kWriteOnly = 9, kStart = 4096;
  Guarded first, second, written;
  const std::vector<std::byte> constant = pattern(kBuffer, 2);
  std::vector<std::byte> read_only = constant;
  RegionTable table;

  Registered() {
    for (std::size_t at = 0; at + kSecret.size() <= kBuffer; at += kSecret.size())
      std::copy(kSecret.begin(), kSecret.end(), written.buffer().begin() + static_cast<std::ptrdiff_t>(at));
    add(kBoth, {first.buffer(), second.buffer()}, kStart, kRemoteRead | kRemoteWrite);
    add(kReadOnly, {read_only}, 0, kRemoteRead);
    add(kWriteOnly, {written.buffer()}, 0, kRemoteWrite);
  }
  void add(std::uint64_t key, std::initializer_list<std::span<std::byte>> pieces, std::uint64_t start, std::uint8_t access) {
    Region region;
    std::vector<iovec> memory;
    for (const auto piece : pieces) {
      memory.push_back({piece.data(), piece.size()});
      region.size += piece.size();
    }
    region.memory.assign(memory);
    region.start = start;
    region.access = access;
    FUZZ_CHECK(table.add(key, region));
  }
  bool intact() const { return first.intact() && second.intact() && written.intact() && read_only == constant; }
};

/// Node 0 is the endpoint under test. Node 1 is a bare queue pair in whose name the input speaks.
struct World {
  Registered registered;
  Cluster cluster{{.nodes = 1,
                   .queue_pair = {.eni_id = {}, .qpn = 0, .sq_depth = 64, .cq_depth = 64, .tx_buffers = 32, .rx_buffers = 32},
                   .endpoint = {.unexpected_bytes = 1 << 20, .regions = &registered.table, .receive_buffers = 32}}};
  std::unique_ptr<device::QueuePair> attacker;
  Guarded tagged, plain, fetched, before;
  const std::uint64_t operand = 5;
  std::size_t posted = 0;  // bytes that the attacker has sent
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
    const iovec source{message.data(), 30'000}, target{fetched.buffer().data(), kBuffer};
    const iovec addend{const_cast<std::uint64_t*>(&operand), 8}, result{before.buffer().data(), 8};
    begin(OneSided::kWrite, source, {});
    begin(OneSided::kRead, target, {});
    begin(OneSided::kFetchAtomic, addend, {&result, 1});
  }
  void begin(OneSided kind, const iovec& local, std::span<const iovec> result) {
    const RemotePiece remote{0, local.iov_len, 1};
    FUZZ_CHECK(cluster[0]->one_sided({.peer = 1, .kind = kind, .local = {&local, 1}, .remote = {&remote, 1}, .compare = {},
                                      .result = result, .op = AtomicOp::kSum, .type = AtomicType::kUint64,
                                      .flags = kCompletion}) == 0);
  }
  ~World() { attacker.reset(); }

  void post(std::span<const std::uint8_t> packet) {
    const device::SendSlot slot = attacker->begin_send(static_cast<std::uint32_t>(packet.size()));
    if (!slot.data) return;
    posted += packet.size();
    if (!packet.empty()) std::memcpy(slot.data, packet.data(), packet.size());
    attacker->commit_send(slot, static_cast<std::uint32_t>(packet.size()), cluster[0].address, 0);
    attacker->wake_daemon();
  }
  void turn() {
    cluster.turn();
    attacker->poll_sends([](std::uint64_t, efa::SendStatus) {});
    attacker->poll_receives(64, [](const device::Arrival& arrival) {
      const auto bytes = arrival.payload;
      FUZZ_CHECK(std::search(bytes.begin(), bytes.end(), kSecret.begin(), kSecret.end()) == bytes.end());
    });
    for (const Completion& completion : cluster[0].sink.take()) {
      // What was done to our memory is as long as was sent, or as four pieces of the larger region.
      if (completion.is_remote)
        FUZZ_CHECK(completion.length <= std::max(posted, 8 * kBuffer));
      else
        FUZZ_CHECK(completion.length <= (completion.is_send ? message.size() : kBuffer));
    }
    FUZZ_CHECK(tagged.intact() && plain.intact() && fetched.intact() && before.intact() && registered.intact());
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

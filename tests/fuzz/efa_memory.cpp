// A client that writes anything anywhere in the memory of its queue pair: every packet that the worker takes from it is
// counted once, and two others talk to each other as if nothing were. Its own packets to them cross a fabric on which the path
// says what becomes of them.
//
// Input: words of eight bytes, little endian: where (the two highest bits say in what), and the value to write.
#include <cstdint>
#include <cstring>

#include "tests/drivers/efa/raw_client.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace weft;
using namespace weft::efa;
using namespace weft::efa::test;

struct World {
  std::shared_ptr<SwitchLink> link = std::make_shared<SwitchLink>();
  FileDescriptor wake{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  Registry registry{link, wake.get()};
  EfaSwitch messages{link};
  TestGate gate;
  std::vector<FileDescriptor> arrivals;  // the clients' ends, which they keep: without one a wake-up is SIGPIPE
  std::uint64_t now_ns = 1000;

  RawClient open(std::uint8_t number, const CreateQp& request) {
    FUZZ_CHECK(!registry.add_function(function("i", number)));
    Registry::Creation creation =
        registry.create_queue_pair("eni-" + std::to_string(number), request, {getpid(), getuid(), kFeatureFabric});
    FUZZ_CHECK(creation.error == 0);
    messages.poll(gate, now_ns);
    registry.take_acknowledgements();
    arrivals.push_back(std::move(creation.arrival));
    return RawClient(*creation.queue_pair);
  }
  ~World() {
    registry.close_all();
    messages.poll(gate, now_ns);
    registry.take_acknowledgements();
  }
};

void exchange(World& world, RawClient& from, RawClient& to, std::uint32_t length) {
  while (const auto stray = to.take())  // the hostile client may address it
    if (stray->buffer != kNoBuffer) to.post_receive(stray->buffer);
  RawClient::Send send = from.to(to, length);
  send.payload.assign(length, std::byte{0x5a});
  from.post(send);
  world.messages.poll(world.gate, ++world.now_ns);
  const auto done = from.completed();
  FUZZ_CHECK(done.size() == 1 && done[0] == SendStatus::kOk);
  std::optional<RawClient::Received> got;
  while (auto next = to.take()) {
    if (next->buffer != kNoBuffer) to.post_receive(next->buffer);
    if (next->qpn == from.device->qpn() && next->qkey == from.device->qkey()) got = std::move(next);
  }
  FUZZ_CHECK(got && got->payload == send.payload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World world;
  CreateQp small, usual;
  small.sq_depth = 16, small.cq_depth = 8, small.rx_buffers = 4, small.tx_buffers = 4;
  usual.sq_depth = 16, usual.cq_depth = 64, usual.rx_buffers = 32, usual.tx_buffers = 8;
  for (const EniSlot to : {1, 2, 3})
    world.gate.fabric[{1, to}] = [](std::uint8_t path, std::uint64_t now_ns, std::uint32_t) {
      EfaPassage passage{.lost = path % 3 == 0, .congested = path % 5 == 0, .at_ns = now_ns + path % 8};
      if (path > 200) passage.copy_at_ns = now_ns + path % 16;
      return passage;
    };
  RawClient hostile = world.open(1, small), a = world.open(2, usual), b = world.open(3, usual);
  a.post_all_receives();
  b.post_all_receives();
  auto* const memory = reinterpret_cast<std::atomic<std::uint32_t>*>(hostile.device->memory().data());
  const std::size_t words = hostile.device->memory().size() / 4;
  auto* const sends = reinterpret_cast<std::atomic<std::uint32_t>*>(hostile.sends);
  std::uint32_t own = 0;  // entries that the worker has taken
  for (unsigned steps = 0; size >= 8 && steps < 256; ++steps, data += 8, size -= 8) {
    std::uint32_t where, value;
    std::memcpy(&where, data, 4);
    std::memcpy(&value, data + 4, 4);
    const std::uint32_t at = where & 0x3fffffff;
    switch (where >> 30) {
      case 0: memory[at % words].store(value, std::memory_order_relaxed); break;
      case 1: memory[at % (sizeof(QueueHeader) / 4)].store(value, std::memory_order_relaxed); break;
      case 2: sends[at % (16 * sizeof(SendEntry) / 4)].store(value, std::memory_order_relaxed); break;
      default: {  // the sequences that the worker waits for, and a turn
        for (std::uint32_t i = 0; i < at % 5; ++i)
          hostile.sends[(own + i) % 16].sequence.store(own + i + 1, std::memory_order_release);
        hostile.header->sq_head = own;  // whatever stands there; the worker writes what is right when it takes something
        world.messages.poll(world.gate, ++world.now_ns);
        own = hostile.header->sq_head;
      }
    }
  }
  for (int turn = 0; turn < 2; ++turn) world.messages.poll(world.gate, world.now_ns += 100);  // all of its packets have come
  exchange(world, a, b, 40);
  exchange(world, b, a, 3000);
  const EfaCounters counters = world.registry.counters(1);
  FUZZ_CHECK(counters.tx_pkts == counters.delivered + counters.group_egress + counters.group_ingress +
                                     counters.unreachable + counters.bad_qpn + counters.rnr + counters.bad_descriptor +
                                     counters.on_wire);
  return 0;
}

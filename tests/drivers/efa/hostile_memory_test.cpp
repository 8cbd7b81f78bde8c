// A client that writes rubbish all over its shared memory while the worker polls it. Under AddressSanitizer this shows
// that nothing outside of that client's memory is touched; everywhere it shows that the others do not notice.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "tests/drivers/efa/raw_client.hpp"

namespace weft::efa::test {
namespace {

class HostileMemoryTest : public SwitchTest, public testing::WithParamInterface<unsigned> {
 protected:
  // One honest packet of the bystanders, whole and in order, in one turn.
  void exchange(RawClient& from, RawClient& to, std::uint32_t length, std::byte mark) {
    RawClient::Send send = from.to(to, length);
    send.payload.assign(length, mark);
    from.post(send);
    poll();
    ASSERT_EQ(from.completed(), std::vector{SendStatus::kOk});
    const auto received = to.take();
    ASSERT_TRUE(received);
    ASSERT_EQ(received->payload, send.payload);
    ASSERT_EQ(received->qpn, from.device->qpn());
    if (received->buffer != kNoBuffer) to.post_receive(received->buffer);
  }

  static std::uint32_t interesting(std::mt19937& random) {
    static const std::uint32_t values[] = {0,          1,          2,          87,         88,        89,
                                           255,        256,        8928,       8929,       9216,      65535,
                                           0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0x10000000};
    return random() % 3 == 0 ? static_cast<std::uint32_t>(random()) : values[random() % std::size(values)];
  }
};

TEST_P(HostileMemoryTest, others_do_not_notice) {
  std::mt19937 random(GetParam());
  add(function("a", 1));
  add(function("b", 2));
  CreateQp small;
  small.sq_depth = 16, small.cq_depth = 8, small.rx_buffers = 4, small.tx_buffers = 4;
  RawClient hostile = open("eni-1", small), a = open("eni-1"), b = open("eni-2");
  a.post_all_receives();
  b.post_all_receives();
  const auto word = [&](void* at, std::uint32_t value) {
    reinterpret_cast<std::atomic<std::uint32_t>*>(at)->store(value, std::memory_order_relaxed);
  };
  auto* memory = reinterpret_cast<std::uint32_t*>(hostile.header);
  std::uint64_t accepted = 0;

  for (int turn = 0; turn < 3000; ++turn) {
    for (int n = 0; n < 16; ++n) {
      SendEntry& entry = hostile.sends[random() % 16];
      switch (random() % 10) {
        case 0: word(&entry.sequence, interesting(random)); break;
        case 1: word(&entry.length, interesting(random)); break;
        case 2: word(&entry.buffer, interesting(random)); break;
        case 3: word(&entry.destination_qpn, random() % 2 == 0 ? b.device->qpn() : interesting(random)); break;
        case 4: std::memcpy(entry.destination, function("", 1 + random() % 3).address.octets.data(), 16); break;
        case 5: word(&hostile.header->rq_tail, interesting(random)); break;
        case 6: word(&hostile.header->cq_head, interesting(random)); break;
        case 7: word(&hostile.rq[random() % 4], interesting(random)); break;
        case 8: word(memory + random() % (sizeof(QueueHeader) / 4), interesting(random)); break;
        case 9: word(memory + random() % (hostile.device->memory().size() / 4), interesting(random)); break;
      }
    }
    // The sequence the worker waits for, so that what was scribbled is taken up too.
    const auto counters = registry.counters(1);
    const auto own = static_cast<std::uint32_t>(counters.tx_pkts - accepted);
    for (std::uint32_t i = 0; i < random() % 4; ++i) word(&hostile.sends[(own + i) % 16].sequence, own + i + 1);
    // Somebody sends to it, too, small and large.
    RawClient::Send send = a.to(hostile, 1 + random() % 200);
    send.qkey = 0;
    send.payload.assign(send.length, std::byte{0x55});
    a.post(send);
    poll();
    accepted += 1;
    ASSERT_EQ(a.completed().size(), 1U);
    while (const auto stray = b.take())  // the hostile client may well address b
      if (stray->buffer != kNoBuffer) b.post_receive(stray->buffer);

    ASSERT_NO_FATAL_FAILURE(exchange(a, b, turn % 2 == 0 ? 30 : 3000, static_cast<std::byte>(turn)));
    accepted += 1;
  }
  const EfaCounters counters = registry.counters(1);
  EXPECT_GT(counters.bad_descriptor, 0U) << "the rubbish was not taken up at all";
  EXPECT_EQ(counters.tx_pkts, counters.delivered + counters.group_egress + counters.group_ingress +
                                  counters.unreachable + counters.bad_qpn + counters.rnr + counters.bad_descriptor);
}

// The same between the worker's check and its use: another thread writes all the time.
TEST_P(HostileMemoryTest, nothing_is_read_twice) {
  add(function("a", 1));
  add(function("b", 2));
  CreateQp small;
  small.sq_depth = 2, small.tx_buffers = 2;
  RawClient hostile = open("eni-1", small), a = open("eni-1"), b = open("eni-2");
  a.post_all_receives();
  b.post_all_receives();
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    std::mt19937 random(GetParam());
    const AddressBytes address = b.device->function().declared.address.octets;
    std::uint32_t sequence = 1;
    while (!stop.load(std::memory_order_relaxed)) {
      for (std::uint32_t i = 0; i < 2; ++i) {
        SendEntry& entry = hostile.sends[i];
        const auto flip = [&](std::uint32_t& field, std::uint32_t value) {
          std::atomic_ref<std::uint32_t>(field).store(value, std::memory_order_relaxed);
        };
        std::memcpy(entry.destination, address.data(), 16);
        flip(entry.destination_qpn, b.device->qpn());
        flip(entry.destination_qkey, 0);
        flip(entry.buffer, random() % 2 == 0 ? 1 : kNoBuffer);
        flip(entry.length, random() % 2 == 0 ? 88 : interesting(random));
      }
      const std::uint32_t head = hostile.header->sq_head.load(std::memory_order_relaxed);
      for (sequence = head; sequence != head + 2; ++sequence)
        hostile.sends[sequence & 1].sequence.store(sequence + 1, std::memory_order_release);
    }
  });
  for (int turn = 0; turn < 500; ++turn) {
    while (const auto stray = b.take())
      if (stray->buffer != kNoBuffer) b.post_receive(stray->buffer);
    RawClient::Send send = b.to(a, turn % 2 == 0 ? 40 : 4000);
    send.payload.assign(send.length, static_cast<std::byte>(turn));
    b.post(send);
    poll();
    ASSERT_EQ(b.completed(), std::vector{SendStatus::kOk});
    const auto received = a.take();
    ASSERT_TRUE(received);
    EXPECT_EQ(received->payload, send.payload);
    if (received->buffer != kNoBuffer) a.post_receive(received->buffer);
    if (turn % 16 == 0) std::this_thread::yield();
  }
  // On a busy machine the writer may not have run yet.
  for (int turn = 0; turn < 100'000 && registry.counters(1).tx_pkts == 0; ++turn) {
    std::this_thread::yield();
    poll();
  }
  stop = true;
  writer.join();
  EXPECT_GT(registry.counters(1).tx_pkts, 0U);
}

INSTANTIATE_TEST_SUITE_P(seeds, HostileMemoryTest, testing::Range(1U, 11U));

}  // namespace
}  // namespace weft::efa::test

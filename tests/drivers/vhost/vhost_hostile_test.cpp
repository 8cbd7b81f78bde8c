// Guests that lie, vanish or never come: the daemon stays, and serves the next one.
#include <algorithm>
#include <fstream>
#include <functional>
#include <random>

#include "drivers/vhost/socket_path.hpp"
#include "tests/drivers/vhost/vhost_test.hpp"

namespace weft::test {
namespace {

struct Lie {
  const char* what;
  std::function<void(FrontEnd&)> tell;  // in the ring from the guest
};

const Lie kLies[] = {
    {"a head that is no descriptor", [](FrontEnd& g) { g.make_available(1, 64); }},
    {"an index far ahead", [](FrontEnd& g) { g.available(1)[1] = 1000; }},
    {"memory of nobody", [](FrontEnd& g) { g.descriptors(1)[0] = {1ULL << 40, 100, 0, 0}, g.make_available(1, 0); }},
    {"over the end of memory",
     [](FrontEnd& g) { g.descriptors(1)[0] = {FrontEnd::kMemory - 50, 100, 0, 0}, g.make_available(1, 0); }},
    {"an address that wraps", [](FrontEnd& g) { g.descriptors(1)[0] = {~0ULL - 10, 100, 0, 0}, g.make_available(1, 0); }},
    {"a chain in a circle",
     [](FrontEnd& g) { g.descriptors(1)[0] = {FrontEnd::kBuffers, 100, 1, 0}, g.make_available(1, 0); }},
    {"a next that is no descriptor",
     [](FrontEnd& g) { g.descriptors(1)[0] = {FrontEnd::kBuffers, 100, 1, 999}, g.make_available(1, 0); }},
    {"an indirect table outside",
     [](FrontEnd& g) { g.descriptors(1)[0] = {FrontEnd::kMemory - 16, 160, 4, 0}, g.make_available(1, 0); }},
    {"an empty indirect table",
     [](FrontEnd& g) { g.descriptors(1)[0] = {FrontEnd::kBuffers, 0, 4, 0}, g.make_available(1, 0); }},
    {"a table in a table",
     [](FrontEnd& g) {
       auto* const table = reinterpret_cast<FrontEnd::Descriptor*>(g.memory + FrontEnd::kBuffers);
       table[0] = {FrontEnd::kBuffers, 16, 4, 0};
       g.descriptors(1)[0] = {FrontEnd::kBuffers, 16, 4, 0}, g.make_available(1, 0);
     }},
};

TEST_F(VhostTest, ALieInTheRingEndsItAndTheNextGuestIsServed) {
  Port& port = open();
  for (const Lie& lie : kLies) {
    SCOPED_TRACE(lie.what);
    FrontEnd guest(backend().socket);
    guest.start(feature(15) | feature(28));
    ASSERT_TRUE(eventually([&] { return port.link_up(); }));
    lie.tell(guest);
    rte_mbuf* burst[32];
    EXPECT_EQ(port.receive(burst), 0);
    EXPECT_FALSE(port.link_up());
    EXPECT_TRUE(port.arm(-1)) << "it must not keep the worker awake";
    port.disarm();
    guest.hang_up();
  }
}

TEST_F(VhostTest, BuffersTooSmallForAHeaderAreNotWrittenBehind) {
  Port& port = open();
  FrontEnd guest(backend().socket);
  guest.start(feature(15));
  ASSERT_TRUE(eventually([&] { return port.link_up(); }));
  // The header over twelve buffers of a byte each, the last of them at the end of memory.
  std::memset(guest.memory + FrontEnd::kMemory - 4096, 0x55, 4096);
  for (std::uint16_t i = 0; i < 12; ++i) {
    guest.descriptors(0)[i] = {FrontEnd::kMemory - 12 + i, 1, 2, 0};
    guest.make_available(0, i);
  }
  rte_mbuf* frame = packet(plain_frame(1514, 1));
  EXPECT_EQ(port.transmit({&frame, 1}), 0);
  guest.post(20, 2048);
  EXPECT_EQ(port.transmit({&frame, 1}), 1);
  EXPECT_EQ(guest.used_index(0), 13);
}

TEST_F(VhostTest, WhatIsNoFrameIsGivenBack) {
  Port& port = open();
  FrontEnd guest(backend().socket);
  guest.start(feature(15));
  ASSERT_TRUE(eventually([&] { return port.link_up(); }));
  guest.offer(0, net_header(), Bytes(13));
  guest.offer(1, {}, Bytes(5));
  guest.descriptors(1)[2] = {FrontEnd::kBuffers, 100000, 0, 0};
  guest.make_available(1, 2);
  guest.offer(3, net_header(), plain_frame(60, 1));
  rte_mbuf* burst[8];
  ASSERT_EQ(port.receive(burst), 1);
  EXPECT_EQ(bytes_of(burst[0]), plain_frame(60, 1));
  rte_pktmbuf_free(burst[0]);
  EXPECT_EQ(guest.used_index(1), 4);
  EXPECT_TRUE(port.link_up());
}

TEST_F(VhostTest, RandomDescriptorsHurtNobody) {
  Port& port = open();
  std::mt19937_64 random(1);
  for (unsigned round = 0; round < 40; ++round) {
    FrontEnd guest(backend().socket);
    guest.start(feature(15) | feature(28) | feature(1) | feature(7) | feature(8) | feature(11) |
                (round % 2 != 0 ? feature(29) : 0));
    ASSERT_TRUE(eventually([&] { return port.link_up(); }));
    for (unsigned step = 0; step < 50 && port.link_up(); ++step) {
      for (unsigned ring = 0; ring < 2; ++ring) {
        for (unsigned i = 0; i < 8; ++i) {
          const auto flags = static_cast<std::uint16_t>((random() % 4 == 0 ? 1 : 0) | (ring == 0 ? 2 : 0) |
                                                        (random() % 16 == 0 ? 4 : 0));
          guest.descriptors(ring)[i] = {random() % FrontEnd::kMemory & ~15ULL, static_cast<std::uint32_t>(random() % 3000),
                                        flags, static_cast<std::uint16_t>(random() % 9)};
        }
        for (unsigned i = 0; i < 4; ++i) guest.make_available(ring, static_cast<std::uint16_t>(random() % 8));
      }
      rte_mbuf* burst[16];
      rte_pktmbuf_free_bulk(burst, port.receive(burst));
      rte_mbuf* frame = packet(plain_frame(random() % 9000 + 14, 1));
      if (port.transmit({&frame, 1}) == 0) rte_pktmbuf_free(frame);
    }
  }
}

TEST_F(VhostTest, RubbishOnTheSocketEndsThatConnectionOnly) {
  Port& port = open();
  std::mt19937_64 random(2);
  for (unsigned round = 0; round < 60; ++round) {
    FrontEnd guest(backend().socket);
    if (round % 3 == 0) guest.start(feature(15));
    const auto bytes = static_cast<std::uint32_t>(random() % 64);
    std::vector<std::uint64_t> rubbish(bytes / 8 + 1);
    for (auto& word : rubbish) word = round % 2 != 0 ? random() : random() % 4;
    for (unsigned i = 0; i < 3; ++i) guest.send(static_cast<std::uint32_t>(random() % 45), rubbish.data(), bytes);
  }
  FrontEnd guest(backend().socket);
  guest.start(feature(15));
  ASSERT_TRUE(eventually([&] { return port.link_up(); }));
  guest.offer(0, net_header(), plain_frame(60, 1));
  rte_pktmbuf_free(next(port));
}

TEST_F(VhostTest, HalfAMessageHoldsTheOthersUpForASecondOnly) {
  Port& port = open();
  FrontEnd slow(backend().socket);
  const std::uint32_t head[3] = {2, 1, 8};
  slow.send_raw(head, sizeof head);  // and nothing follows
  EXPECT_TRUE(eventually([&] { return !slow.open(); })) << "it is hung up on";
  FrontEnd guest(backend().socket);
  guest.start(feature(15));
  EXPECT_TRUE(eventually([&] { return port.link_up(); }));
}

TEST_F(VhostTest, ARingThatIsNotAllInMemoryIsNotServed) {
  Port& port = open();
  FrontEnd guest(backend().socket);
  guest.start(feature(15));
  ASSERT_TRUE(eventually([&] { return port.link_up(); }));
  guest.send_pair(8, 1, 4096);  // a size for which nobody looked whether it fits
  guest.answers();
  rte_mbuf* burst[4];
  EXPECT_EQ(port.receive(burst), 0);
  for (const std::uint32_t size : {0U, 3U, 8192U}) {
    FrontEnd other(backend().socket);
    other.send_pair(8, 0, size);
    EXPECT_FALSE(other.answers()) << size;
  }
}

TEST_F(VhostTest, GuestsComeAndGoWhileTheWorkerPolls) {
  Port& port = open();
  std::atomic<bool> done{false};
  std::uint64_t got = 0;
  std::thread worker([&] {
    while (!done) {
      rte_mbuf* burst[32];
      const std::uint16_t count = port.receive(burst);
      const std::uint16_t sent = port.transmit({burst, count});
      rte_pktmbuf_free_bulk(burst + sent, count - sent);
      got += count;
      if (count == 0 && port.arm(-1)) std::this_thread::yield();
      port.disarm();
    }
  });
  for (unsigned round = 0; round < 30; ++round) {
    FrontEnd guest(backend().socket);
    guest.start(feature(15));
    if (!eventually([&] { return port.link_up(); })) break;
    for (std::uint16_t i = 0; i < 8; ++i) guest.post(i, 2048);
    for (std::uint16_t i = 0; i < 32; ++i) guest.offer(i, net_header(), plain_frame(100, 1));
    if (round % 2 != 0) {
      EXPECT_TRUE(eventually([&] { return guest.used_index(1) == 32; }));
    }
    if (round % 3 == 0) guest.send_memory(FrontEnd::kMemory - 4096);  // another table, while frames go
  }
  done = true;
  worker.join();
  EXPECT_GT(got, 0U);
}

TEST_F(VhostTest, ThePortGoesWhileAGuestIsConnected) {
  for (unsigned round = 0; round < 4; ++round) {
    Port& port = open();
    FrontEnd guest(backend().socket);
    guest.start(feature(15));
    if (round % 2 != 0) {
      EXPECT_TRUE(eventually([&] { return port.link_up(); }));
    }
    ports.clear();
    EXPECT_FALSE(std::filesystem::exists(backend().socket));
    EXPECT_TRUE(eventually([&] { return !guest.open(); }));
  }
}

TEST_F(VhostTest, FortyPortsAtOnce) {
  std::vector<std::unique_ptr<Port>> all;
  std::vector<std::unique_ptr<FrontEnd>> guests;
  for (unsigned i = 0; i < 40; ++i) {
    PortBackend one = backend();
    one.socket += std::to_string(i);
    auto opened = open_vhost_ports(one, pool.get(), large.get(), 9001);
    ASSERT_TRUE(opened) << opened.error().to_string();
    all.push_back(std::move(opened->front()));
    guests.push_back(std::make_unique<FrontEnd>(one.socket));
    guests.back()->start(feature(15));
  }
  for (unsigned i = 0; i < 40; ++i) {
    ASSERT_TRUE(eventually([&] { return all[i]->link_up(); })) << i;
    guests[i]->offer(0, net_header(), plain_frame(60, static_cast<std::uint8_t>(i)));
    rte_mbuf* const frame = next(*all[i]);
    ASSERT_NE(frame, nullptr);
    EXPECT_EQ(bytes_of(frame), plain_frame(60, static_cast<std::uint8_t>(i)));
    rte_pktmbuf_free(frame);
  }
}

TEST_F(VhostTest, AStaleSocketIsReplacedAndNothingElse) {
  const std::string path = backend().socket;
  const auto refusal = [&] {
    auto opened = open_vhost_ports(backend(), pool.get(), large.get(), 9001);
    return opened ? std::string() : opened.error().message;
  };
  std::ofstream(path) << "mine";
  EXPECT_NE(refusal().find("not a socket"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_regular_file(path));
  std::filesystem::remove(path);

  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(server, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(server, 1), 0);
  EXPECT_NE(refusal().find("listens"), std::string::npos);
  ::close(server);
  EXPECT_EQ(refusal(), "") << "its server is dead";

  Port& port = open();
  EXPECT_FALSE(port.link_up());
  EXPECT_NE(refusal().find("another port"), std::string::npos);
  EXPECT_FALSE(check_socket_path("relative.sock"));
  EXPECT_FALSE(check_socket_path("/" + std::string(107, 'x')));
  EXPECT_TRUE(check_socket_path("/" + std::string(106, 'x')));
  PortBackend nowhere = backend();
  nowhere.socket = folder + "/none/guest.sock";
  EXPECT_FALSE(open_vhost_ports(nowhere, pool.get(), large.get(), 9001));
}

}  // namespace
}  // namespace weft::test

// A peer that says anything. It is a bare queue pair, so it has an address and a credit like everybody, and writes its
// packets itself. Whatever it writes: nothing outside of posted buffers changes (sanitizers and guards look), memory
// stays bounded, and others are served.
#include <random>

#include "tests/fabric/rdm/cluster.hpp"

namespace weft::rdm::testing {
namespace {

class HostileTest : public ::testing::Test {
 protected:
  // Node 0 is the victim, node 1 is honest, node 2 gives its place to the attacker.
  Cluster cluster;
  std::unique_ptr<device::QueuePair> attacker;
  std::uint32_t psn = 0;
  std::mt19937_64 random{11};

  explicit HostileTest(const ClusterOptions& options = {.nodes = 3}) : cluster(options) {}

  void SetUp() override {
    const std::uint32_t qpn = cluster[2].address.qpn;
    cluster.close(2);
    cluster.daemon().resume();
    cluster.daemon().enter("node-2");
    int error = 0;
    attacker = device::QueuePair::open({.eni_id = {},
                                        .qpn = qpn,
                                        .sq_depth = 512,
                                        .cq_depth = 1024,
                                        .tx_buffers = 256,
                                        .rx_buffers = 256},
                                       &error);
    ASSERT_TRUE(attacker) << strerror(error);
    cluster.daemon().pause();
  }
  void TearDown() override { attacker.reset(); }

  void post(std::span<const std::byte> packet) {
    const device::SendSlot slot = attacker->begin_send(static_cast<std::uint32_t>(packet.size()));
    if (!slot.data) return;
    if (!packet.empty()) std::memcpy(slot.data, packet.data(), packet.size());
    attacker->commit_send(slot, static_cast<std::uint32_t>(packet.size()), cluster[0].address, 0);
    attacker->wake_daemon();
  }
  template <typename Header>
  void post(const Header& header, std::size_t data_size, std::uint8_t flags = 0) {
    std::vector<std::byte> packet(sizeof(srd::PacketHeader) + sizeof(Header) + data_size, std::byte{0xbd});
    const srd::PacketHeader transport{.version = srd::kVersion, .flags = flags, .path = 0, .session = 0, .psn = psn++,
                                      .acknowledged = 0, .credit = 40};
    std::memcpy(packet.data(), &transport, sizeof(transport));
    std::memcpy(packet.data() + sizeof(transport), &header, sizeof(header));
    post(packet);
  }

  /// What the victim has sent to the attacker is read and forgotten, except the newest CTS.
  CtsHeader cts{};
  void turn() {
    cluster.turn();
    attacker->poll_sends([](std::uint64_t, efa::SendStatus) {});
    attacker->poll_receives(64, [this](const device::Arrival& arrival) {
      const auto packet = arrival.payload.subspan(sizeof(srd::PacketHeader));
      BaseHeader base{};
      if (read_header(packet, base) && base.type == PacketType::kCts) read_header(packet, cts);
    });
  }
  void turns(int n) {
    while (n-- > 0) turn();
  }

  void expect_honest_peers_are_served() {
    const auto data = pattern(100'000, 1);
    std::vector<std::byte> buffer(100'000);
    cluster[0].sink.take();
    ASSERT_EQ(receive(cluster[0], buffer, 0xabc, 0, 1), 0);
    ASSERT_EQ(send(cluster[1], 0, data, 0xabc), 0);
    ASSERT_TRUE(cluster.run_until([&] {
      turn();
      return std::any_of(cluster[0].sink.all.begin(), cluster[0].sink.all.end(),
                         [](const Completion& c) { return c.tag == 0xabc && c.status == Status::kOk; });
    }));
    EXPECT_EQ(buffer, data);
  }
};

constexpr BaseHeader base(PacketType type, std::uint32_t message, std::uint16_t options = 0) {
  return {type, kProtocolVersion, options, message};
}
constexpr RequestHeader request(PacketType type, std::uint32_t message) { return {base(type, message), 1, 0}; }

TEST_F(HostileTest, DataBeyondTheWindowTouchesNothing) {
  std::vector<std::byte> memory(1 << 20, std::byte{0xee});
  const std::span<std::byte> buffer = std::span(memory).subspan(1 << 18, 1 << 18);
  ASSERT_EQ(receive(cluster[0], buffer, 1), 0);
  post(LongHeader{request(PacketType::kLongCtsTagged, 0), 1 << 19, 5, 0}, 100);
  turns(5);
  ASSERT_EQ(cts.wanted, buffer.size());
  const auto data = [&](std::uint32_t operation, std::uint32_t message, std::uint64_t offset, std::size_t size) {
    post(CtsDataHeader{base(PacketType::kCtsData, message), operation, 0, offset, {}}, size);
    turns(5);
  };
  data(cts.receiver_operation, 0, buffer.size(), 1);
  data(cts.receiver_operation, 0, buffer.size() - 10, 11);
  data(cts.receiver_operation, 0, ~0ull, 1);
  data(cts.receiver_operation, 0, ~0ull - 7, 8);
  data(cts.receiver_operation + 1, 0, 200, 8);
  data(cts.receiver_operation + 100'000, 0, 200, 8);
  data(cts.receiver_operation, 1, 200, 8);
  EXPECT_EQ(cluster[0]->counters().packets_dropped, 7u);
  EXPECT_TRUE(std::all_of(memory.begin(), memory.begin() + (1 << 18), [](std::byte b) { return b == std::byte{0xee}; }));
  EXPECT_TRUE(std::all_of(memory.begin() + (1 << 19), memory.end(), [](std::byte b) { return b == std::byte{0xee}; }));
  EXPECT_EQ(buffer[200], std::byte{0xee});
  data(cts.receiver_operation, 0, buffer.size() - 10, 10);
  EXPECT_EQ(buffer[buffer.size() - 1], std::byte{0xbd});
}

TEST_F(HostileTest, PartsThatDoNotFitTheirMessageAreDropped) {
  std::vector<std::byte> buffer(100, std::byte{0xee});
  ASSERT_EQ(receive(cluster[0], buffer, 1), 0);
  const auto part = [&](std::uint32_t total, std::uint32_t offset, std::size_t size, PacketType type) {
    post(MediumHeader{request(type, 0), total, offset}, size);
    turns(3);
  };
  const auto type = PacketType::kMediumTagged;
  part(100, 90, 11, type);
  part(100, 0xffffffff, 11, type);
  part(10, 0, 11, type);
  part(65537, 0, 100, type);
  part(100, 100, 0, type);
  EXPECT_EQ(cluster[0]->counters().packets_dropped, 5u);
  part(200, 150, 50, type);  // the first good one: the message is longer than the buffer
  part(201, 0, 50, type);
  part(200, 0, 50, PacketType::kMediumMessage);
  EXPECT_EQ(cluster[0]->counters().packets_dropped, 7u);
  EXPECT_TRUE(cluster[0].sink.all.empty());
  part(200, 0, 150, type);
  ASSERT_EQ(cluster[0].sink.all.size(), 1u);
  EXPECT_EQ(cluster[0].sink.all[0].status, Status::kTruncated);
}

TEST_F(HostileTest, WordsAboutOthersMessagesAreNotBelieved) {
  // Node 0 has long messages under way to node 1; the attacker tries to clear, steer and acknowledge them.
  const auto data = pattern(1 << 20, 1);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(send(cluster[0], 1, data, 0, kTagged | kCompletion | kDeliveryComplete), 0);
  }
  turns(5);
  for (std::uint32_t operation = 0; operation < 4; ++operation) {
    post(CtsHeader{base(PacketType::kCts, operation), operation, 0, 1 << 20, 1 << 20}, 0);
    post(ReceiptHeader{base(PacketType::kReceipt, operation)}, 0);
    turns(3);
  }
  EXPECT_EQ(cluster[0]->counters().packets_dropped, 8u);
  EXPECT_TRUE(cluster[0].sink.all.empty());
}

TEST_F(HostileTest, ASenderThatDoesNotHoldItsMessagesFillsNoMemory) {
  for (std::uint32_t i = 0; i < 30'000; ++i) {
    // Each claims to be the first part of 64 KiB.
    post(MediumHeader{request(PacketType::kMediumTagged, i), 65536, 0}, 1);
    if (i % 8 == 0) turn();
  }
  const std::size_t limit = EndpointOptions{}.unexpected_bytes;
  EXPECT_GT(cluster[0]->counters().unexpected_bytes_peak, limit);
  EXPECT_LT(cluster[0]->counters().unexpected_bytes_peak, limit + 3 * srd::kMaxWindow * kMediumMax);
}

TEST_F(HostileTest, RandomPacketsBreakNothing) {
  std::vector<std::byte> memory(1 << 20, std::byte{0xee});
  const auto buffer = std::span(memory).subspan(4096, memory.size() - 8192);
  const auto sent = pattern(300'000, 1);
  constexpr PacketType kTypes[] = {PacketType::kCts, PacketType::kCtsData, PacketType::kReceipt,
                                   PacketType::kEagerMessage, PacketType::kEagerTagged, PacketType::kMediumMessage,
                                   PacketType::kMediumTagged, PacketType::kLongCtsMessage, PacketType::kLongCtsTagged,
                                   static_cast<PacketType>(200)};
  std::uint32_t message = 0;
  const auto small_or_wild = [&](std::uint64_t small) {
    return random() % 20 == 0 ? random() : random() % small;
  };
  for (int round = 0; round < 40'000; ++round) {
    if (round % 16 == 0) {
      receive(cluster[0], buffer, random() % 2, 0, kAnyPeer, (random() % 2 ? kTagged : 0u) | (random() % 8 ? 0u : kMultiReceive));
      if (cluster[0].sink.all.size() > 1000) cluster[0].sink.take();
    }
    if (round % 64 == 0) send(cluster[0], 2, sent, 0, kTagged | (random() % 2 ? kDeliveryComplete : 0u));
    std::vector<std::byte> packet(random() % (random() % 4 == 0 ? efa::kMtu : 200));
    for (auto& b : packet) b = static_cast<std::byte>(random() % 4 == 0 ? random() : random() % 2);
    struct Everything {
      srd::PacketHeader transport;
      BaseHeader base;
      std::uint64_t words[4];
    } all{};
    all.transport = {.version = static_cast<std::uint8_t>(random() % 50 ? 1 : 7),
                     .flags = static_cast<std::uint8_t>(random() % 10 ? 0 : random() % 32), .path = 0,
                     .session = static_cast<std::uint8_t>(round / 5000), .psn = psn++,
                     .acknowledged = static_cast<std::uint32_t>(random() % 3),
                     .credit = static_cast<std::uint32_t>(random() % 10 ? round : random())};
    const PacketType type = kTypes[random() % std::size(kTypes)];
    const std::uint32_t number = random() % 3 ? message : static_cast<std::uint32_t>(message + random() % 40 - 20);
    if (number == message) ++message;
    all.base = {type, static_cast<std::uint8_t>(random() % 50 ? 1 : 0), static_cast<std::uint16_t>(random() % 4), number};
    if (type == PacketType::kCts || type == PacketType::kCtsData) {
      all.words[0] = small_or_wild(20) | small_or_wild(20) << 32;
      all.words[1] = small_or_wild(400'000);
      all.words[2] = small_or_wild(400'000);
    } else {
      all.words[0] = random() % 2;
      all.words[2] = type == PacketType::kMediumMessage || type == PacketType::kMediumTagged
                         ? small_or_wild(20'000) | small_or_wild(20'000) << 32
                         : small_or_wild(2 << 20);
      all.words[3] = small_or_wild(10);
    }
    if (!packet.empty()) std::memcpy(packet.data(), &all, std::min(packet.size(), sizeof(all)));
    post(packet);
    if (round % 4 == 0) turn();
  }
  EXPECT_GT(cluster[0]->counters().packets_dropped, 1000u);
  EXPECT_TRUE(std::all_of(memory.begin(), memory.begin() + 4096, [](std::byte b) { return b == std::byte{0xee}; }));
  EXPECT_TRUE(std::all_of(memory.end() - 4096, memory.end(), [](std::byte b) { return b == std::byte{0xee}; }));
  while (cluster[0]->cancel(nullptr, true) || cluster[0]->cancel(nullptr, false)) {
  }
  expect_honest_peers_are_served();
}

class HostileOneSided : public HostileTest {
 protected:
  static constexpr std::size_t kGuard = 4096, kSize = 100'000;
  static constexpr std::uint64_t kStart = 0x10000, kKey = 5, kReadOnlyKey = 6;
  static inline RegionTable regions;

  static ClusterOptions options() {
    ClusterOptions result{.nodes = 3};
    result.endpoint.regions = &regions;
    return result;
  }
  HostileOneSided() : HostileTest(options()), memory(kSize + 2 * kGuard, std::byte{0xee}), secret(kSize, std::byte{0x5e}) {
    regions = {};
    regions.add(kKey, region(std::span(memory).subspan(kGuard, kSize), kRemoteRead | kRemoteWrite));
    regions.add(kReadOnlyKey, region(secret, kRemoteRead));
  }
  static Region region(std::span<std::byte> bytes, std::uint8_t access) {
    const iovec piece{bytes.data(), bytes.size()};
    Region result;
    result.memory.assign({&piece, 1});
    result.start = kStart;
    result.size = bytes.size();
    result.access = access;
    return result;
  }
  bool guards_are_whole() const {
    const auto untouched = [](std::byte b) { return b == std::byte{0xee}; };
    return std::all_of(memory.begin(), memory.begin() + kGuard, untouched) &&
           std::all_of(memory.end() - kGuard, memory.end(), untouched) &&
           std::all_of(secret.begin(), secret.end(), [](std::byte b) { return b == std::byte{0x5e}; });
  }
  std::uint64_t wild(std::uint64_t usual) { return random() % 8 == 0 ? random() : random() % usual; }

  std::vector<std::byte> memory, secret;
};

TEST_F(HostileOneSided, AnswersThatNobodyWaitsForAreNotBelieved) {
  // Node 0 reads from node 1; the attacker answers in its place, and to the read that it was asked for with too much.
  std::vector<std::byte> into(50'000, std::byte{0x11});
  const iovec piece{into.data(), into.size()};
  const RemotePiece remote{kStart, into.size(), kKey};
  const auto read_from = [&](PeerIndex peer) {
    return cluster[0]->one_sided({.peer = peer, .kind = OneSided::kRead, .local = {&piece, 1}, .remote = {&remote, 1},
                                  .compare = {}, .result = {}, .flags = kCompletion});
  };
  ASSERT_EQ(read_from(1), 0);
  for (std::uint32_t operation = 0; operation < 4; ++operation) {
    post(ReadDataHeader{base(PacketType::kReadData, 0), operation, 0, 0, {}}, 100);
    post(AtomicResultHeader{base(PacketType::kAtomicResult, 0), operation, 0}, 50'000 % 8000);
    struct {
      BaseHeader base;
      DoneEntry entry;
    } const done{base(PacketType::kDone, 0), {operation, 0, RemoteStatus::kOk}};
    post(done, 0);
    turn();
  }
  EXPECT_GE(cluster[0]->counters().packets_dropped, 8u);
  ASSERT_TRUE(cluster.run_until([&] { turn(); return !cluster[0].sink.all.empty(); }));
  EXPECT_EQ(cluster[0].sink.take()[0].status, Status::kOk) << "node 1's own answer";

  ASSERT_EQ(read_from(2), 0);
  turns(3);
  const std::uint64_t before = cluster[0]->counters().packets_dropped;
  post(ReadDataHeader{base(PacketType::kReadData, 0), 0, 0, into.size() - 50, {}}, 51);
  post(ReadDataHeader{base(PacketType::kReadData, 0), 0, 0, ~0ull - 10, {}}, 20);
  post(ReadDataHeader{base(PacketType::kReadData, 0), 0, 0, 0, {}}, 0);
  post(ReadDataHeader{base(PacketType::kReadData, 1), 0, 0, 0, {}}, 8);
  turns(5);
  EXPECT_EQ(cluster[0]->counters().packets_dropped, before + 4);
  struct {
    BaseHeader base;
    DoneEntry entry;
  } const lie{base(PacketType::kDone, 0), {0, 0, RemoteStatus::kOk}};
  post(lie, 0);
  turns(5);
  const auto told = cluster[0].sink.take();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].status, Status::kInternal) << "done without the data";
}

TEST_F(HostileOneSided, WhoBeginsWithoutEndIsServedNoFurther) {
  // First parts of writes that never go on.
  for (std::uint32_t i = 0; i < 5000; ++i) {
    post(WriteHeader{base(PacketType::kWrite, i), i, 0, 1000, kStart, kKey, 0}, 1);
    if (i % 8 == 0) turn();
  }
  turns(20);
  EXPECT_GT(cluster[0]->counters().packets_dropped, 4000u) << "what is kept of a peer is bounded";
  expect_honest_peers_are_served();
}

TEST_F(HostileOneSided, RandomRequestsTouchOnlyWhatTheyMay) {
  constexpr PacketType kTypes[] = {PacketType::kWrite, PacketType::kRead, PacketType::kAtomic, PacketType::kFetchAtomic,
                                   PacketType::kCompareAtomic, PacketType::kDone, PacketType::kReadData,
                                   PacketType::kAtomicResult};
  std::uint32_t sequence = 0;
  std::uint64_t reported = 0;
  for (int round = 0; round < 10'000; ++round) {
    const PacketType type = kTypes[random() % std::size(kTypes)];
    const BaseHeader header = base(type, static_cast<std::uint32_t>(random() % 40), static_cast<std::uint16_t>(random() % 8));
    const auto piece = [&] {
      return RemotePiece{kStart + wild(kSize + 100), wild(200) / 8 * (random() % 4 ? 8 : 1), random() % 8 ? kKey : random() % 9};
    };
    const auto operation = static_cast<std::uint32_t>(random() % 5);
    const std::size_t size = random() % (random() % 16 == 0 ? 8000 : 300);
    if (type == PacketType::kWrite) {
      const RemotePiece to = piece();
      post(WriteHeader{header, operation, static_cast<std::uint32_t>(random() % 6), random() % 2 ? size : wild(600), to.address, to.key, 1}, size);
    } else if (type == PacketType::kRead) {
      struct {
        ReadHeader header;
        RemotePiece pieces[2];
      } const packet{{header, operation, static_cast<std::uint16_t>(random() % 4 ? 2 : random() % 7),
                      static_cast<std::uint16_t>(random() % 6)},
                     {piece(), piece()}};
      post(packet, random() % 8 == 0 ? 8 * (random() % 10) : 0);
    } else if (type >= PacketType::kAtomic) {
      const RemotePiece to = piece();
      struct {
        AtomicHeader header;
        RemotePiece piece;
      } const packet{{header, operation, static_cast<std::uint32_t>(random() % 16 ? sequence : wild(sequence + 600)), 7,
                      static_cast<AtomicOp>(random() % 21), static_cast<AtomicType>(random() % 18),
                      static_cast<std::uint8_t>(random() % 16 ? 1 : random() % 6), {}},
                     to};
      const std::size_t operands = to.length < 5000 ? static_cast<std::size_t>(to.length) : 8;
      post(packet, operands * (type == PacketType::kCompareAtomic ? 2 : 1));
      if (random() % 4 != 0) ++sequence;
    } else {
      post(AtomicResultHeader{header, operation, static_cast<std::uint32_t>(random() % 6)}, size % 100);
    }
    if (round % 4 == 0) turn();
    reported += cluster[0].sink.take().size();
    if (round % 1000 == 0) {
      ASSERT_TRUE(guards_are_whole()) << round;
    }
  }
  EXPECT_GT(cluster[0]->counters().packets_dropped, 1000u);
  EXPECT_TRUE(guards_are_whole());
  EXPECT_GT(reported, 100u) << "some of it was good";
  expect_honest_peers_are_served();
}

TEST(Bounds, SendersHoldTheirMessagesWhileTheMemoryForUnexpectedOnesIsFull) {
  ClusterOptions options{.nodes = 3};
  options.endpoint.unexpected_bytes = 1 << 20;
  Cluster cluster(options);
  const auto data = pattern(8000, 1);
  const auto large = pattern(1 << 20, 2);
  unsigned accepted[2] = {};
  for (int i = 0; i < 3000; ++i) {
    for (const unsigned from : {0u, 1u}) accepted[from] += send(cluster[from], 2, data, 1, kTagged) == 0;
    cluster.turn();
  }
  cluster.settle();
  const auto held = cluster[2]->counters().unexpected_bytes;
  EXPECT_GT(held, 1u << 20);
  EXPECT_LT(held, (1u << 20) + 2 * 2 * srd::kMaxWindow * 8000);
  // The full one can still send, and take data that has its buffer.
  std::vector<std::byte> buffer(8000), large_buffer(1 << 20);
  ASSERT_EQ(receive(cluster[0], large_buffer, 3), 0);
  ASSERT_EQ(send(cluster[2], 0, large, 3), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[0], 1));
  EXPECT_EQ(large_buffer, large);
  cluster[2].sink.take();
  // And everything comes when it is asked for.
  for (unsigned i = 0; i < accepted[0] + accepted[1]; ++i) {
    ASSERT_EQ(receive(cluster[2], buffer, 1), 0);
    ASSERT_TRUE(cluster.wait_for(cluster[2], i + 1)) << i;
  }
  EXPECT_EQ(buffer, data);
  EXPECT_EQ(cluster[2]->counters().unexpected_bytes, 0u);
  EXPECT_EQ(cluster[2]->counters().packets_dropped, 0u);
}

}  // namespace
}  // namespace weft::rdm::testing

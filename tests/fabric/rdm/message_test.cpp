// Messages of every protocol between two endpoints: content, order, completion levels.
#include "tests/fabric/rdm/cluster.hpp"

namespace weft::rdm::testing {
namespace {

constexpr std::size_t kMtu = efa::kMtu;

/// Sizes around every boundary: nothing, inline, one packet, medium, long, several windows.
const std::size_t kSizes[] = {0, 1, 8, 40, 47, 48, 49, 88, 4096, 8192, 8832, 8833,
                              kMtu - kEagerOverhead - 1, kMtu - kEagerOverhead, kMtu - kEagerOverhead + 1,
                              20000, 65535, 65536, 65537, 1 << 20, (1 << 20) + 13, 10 << 20};

class SizeTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(SizeTest, ArrivesInAPostedReceive) {
  Cluster cluster;
  const auto data = pattern(GetParam(), 1);
  std::vector<std::byte> buffer(GetParam());
  ASSERT_EQ(receive(cluster[1], buffer, 7), 0);
  ASSERT_EQ(send(cluster[0], 1, data, 7), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[1], 1) && cluster.wait_for(cluster[0], 1));
  EXPECT_EQ(cluster[0].sink.all[0].status, Status::kOk);
  const Completion& arrived = cluster[1].sink.all[0];
  EXPECT_EQ(arrived.status, Status::kOk);
  EXPECT_EQ(arrived.length, GetParam());
  EXPECT_EQ(arrived.tag, 7u);
  EXPECT_EQ(arrived.source, 0u);
  EXPECT_EQ(buffer, data);
  cluster.settle();
  EXPECT_TRUE(cluster[0]->drained() && cluster[1]->drained());
}

TEST_P(SizeTest, WaitsForItsReceive) {
  Cluster cluster;
  const auto data = pattern(GetParam(), 2);
  ASSERT_EQ(send(cluster[0], 1, data, 7), 0);
  cluster.settle();
  std::vector<std::byte> buffer(GetParam());
  ASSERT_EQ(receive(cluster[1], buffer, 7), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[1], 1) && cluster.wait_for(cluster[0], 1));
  EXPECT_EQ(buffer, data);
  EXPECT_EQ(cluster[1]->counters().unexpected_bytes, 0u);
}

TEST_P(SizeTest, SaysWhatDidNotFit) {
  if (GetParam() < 2) GTEST_SKIP() << "there is no shorter buffer worth trying";
  for (const bool posted_first : {true, false}) {
    Cluster cluster;
    const auto data = pattern(GetParam(), 3);
    const std::size_t room = GetParam() / 2;
    std::vector<std::byte> buffer(GetParam(), std::byte{0xee});
    if (posted_first) {
      ASSERT_EQ(receive(cluster[1], std::span(buffer).first(room)), 0);
    }
    ASSERT_EQ(send(cluster[0], 1, data), 0);
    cluster.settle();
    if (!posted_first) {
      ASSERT_EQ(receive(cluster[1], std::span(buffer).first(room)), 0);
    }
    ASSERT_TRUE(cluster.wait_for(cluster[1], 1) && cluster.wait_for(cluster[0], 1));
    EXPECT_EQ(cluster[1].sink.all[0].status, Status::kTruncated);
    EXPECT_EQ(cluster[1].sink.all[0].length, room);
    EXPECT_EQ(cluster[1].sink.all[0].overflow, GetParam() - room);
    EXPECT_EQ(cluster[0].sink.all[0].status, Status::kOk);
    EXPECT_TRUE(std::equal(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(room), data.begin()));
    EXPECT_TRUE(std::all_of(buffer.begin() + static_cast<std::ptrdiff_t>(room), buffer.end(),
                            [](std::byte b) { return b == std::byte{0xee}; }));
  }
}

TEST_P(SizeTest, IsDeliveredBeforeTheSenderHearsOfIt) {
  Cluster cluster;
  const auto data = pattern(GetParam(), 4);
  ASSERT_EQ(send(cluster[0], 1, data, 0, kTagged | kCompletion | kDeliveryComplete), 0);
  cluster.settle();
  EXPECT_TRUE(cluster[0].sink.all.empty());
  EXPECT_FALSE(cluster[0]->drained());
  std::vector<std::byte> buffer(GetParam());
  ASSERT_EQ(receive(cluster[1], buffer), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[0], 1));
  ASSERT_EQ(cluster[1].sink.all.size(), 1u);
  EXPECT_EQ(buffer, data);
  // And when the receive is there first.
  ASSERT_EQ(receive(cluster[1], buffer), 0);
  ASSERT_EQ(send(cluster[0], 1, data, 0, kTagged | kCompletion | kDeliveryComplete), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[0], 2));
  EXPECT_EQ(cluster[1].sink.all.size(), 2u);
  cluster.settle();
  EXPECT_TRUE(cluster[0]->drained() && cluster[1]->drained());
}

TEST_P(SizeTest, GoesToItself) {
  Cluster cluster({.nodes = 1});
  const auto data = pattern(GetParam(), 5);
  std::vector<std::byte> buffer(GetParam());
  ASSERT_EQ(send(cluster[0], 0, data), 0);
  ASSERT_EQ(receive(cluster[0], buffer, 0, 0, 0), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[0], 2));
  EXPECT_EQ(buffer, data);
}

TEST_P(SizeTest, IsGatheredAndScattered) {
  Cluster cluster;
  const auto data = pattern(GetParam(), 6);
  std::vector<std::byte> buffer(GetParam());
  const std::size_t size = GetParam(), a = size / 7, b = size / 3, c = size / 2;
  const auto cut = [](std::byte* base, std::size_t from, std::size_t to) { return iovec{base + from, to - from}; };
  auto* source = const_cast<std::byte*>(data.data());
  const iovec out[4] = {cut(source, 0, a), cut(source, a, a), cut(source, a, c), cut(source, c, size)};
  const iovec in[4] = {cut(buffer.data(), 0, b), cut(buffer.data(), b, c), cut(buffer.data(), c, c),
                       cut(buffer.data(), c, size)};
  ASSERT_EQ(cluster[1]->receive({.iov = in, .flags = kCompletion}), 0);
  ASSERT_EQ(cluster[0]->send({.peer = 1, .iov = out, .flags = kCompletion}), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[1], 1) && cluster.wait_for(cluster[0], 1));
  EXPECT_EQ(buffer, data);
}

INSTANTIATE_TEST_SUITE_P(Sizes, SizeTest, ::testing::ValuesIn(kSizes));

TEST(Message, OfEightBytesIsOneInlineEntryWithTagAndData) {
  static_assert(kEagerOverhead + 48 == efa::kInlineBytes);
  Cluster cluster;
  const auto data = pattern(8, 1);
  std::vector<std::byte> buffer(8);
  ASSERT_EQ(receive(cluster[1], buffer, 99), 0);
  ASSERT_EQ(send(cluster[0], 1, data, 99, kTagged | kInject | kRemoteData, nullptr, 0x1234), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[1], 1));
  EXPECT_TRUE(cluster[1].sink.all[0].has_remote_data);
  EXPECT_EQ(cluster[1].sink.all[0].remote_data, 0x1234u);
  EXPECT_EQ(cluster[0]->counters().packets_sent, 1u);
  EXPECT_TRUE(cluster[0].sink.all.empty());
}

TEST(Message, InjectGivesTheBufferBackAtOnce) {
  Cluster cluster;
  auto data = pattern(4096, 1);
  const auto original = data;
  // More than there are credits, so the last ones have to be copied.
  for (int i = 0; i < 100; ++i) ASSERT_EQ(send(cluster[0], 1, data, 0, kTagged | kInject | kCompletion), 0);
  EXPECT_EQ(cluster[0].sink.all.size(), 100u);
  std::fill(data.begin(), data.end(), std::byte{0});
  for (std::size_t i = 0; i < 100; ++i) {
    std::vector<std::byte> buffer(4096);
    ASSERT_EQ(receive(cluster[1], buffer), 0);
    ASSERT_TRUE(cluster.wait_for(cluster[1], i + 1));
    ASSERT_EQ(buffer, original);
  }
  EXPECT_EQ(send(cluster[0], 1, pattern(4097, 1), 0, kTagged | kInject), -EMSGSIZE);
}

TEST(Message, KeepsTheOrderOfItsSenderOverAllProtocols) {
  Cluster cluster;
  const std::size_t sizes[] = {100, 1 << 20, 8, 30000, 9000, 200000, 0, 65536};
  std::vector<std::vector<std::byte>> sent;
  for (unsigned i = 0; i < 64; ++i) {
    sent.push_back(pattern(sizes[i % 8], i));
    ASSERT_EQ(send(cluster[0], 1, sent.back(), 5), 0);
  }
  std::vector<std::vector<std::byte>> got(64, std::vector<std::byte>(1 << 20));
  for (unsigned i = 0; i < 64; ++i) {
    // Half of them are there before the messages.
    if (i == 32) cluster.settle();
    ASSERT_EQ(receive(cluster[1], got[i], 5, 0, kAnyPeer, kTagged | kCompletion, &got[i]), 0);
  }
  ASSERT_TRUE(cluster.wait_for(cluster[1], 64));
  for (const Completion& completion : cluster[1].sink.all) {
    auto& buffer = *static_cast<std::vector<std::byte>*>(completion.context);
    buffer.resize(completion.length);
  }
  for (unsigned i = 0; i < 64; ++i) EXPECT_EQ(got[i], sent[i]) << i;
}

TEST(Message, TaggedAndUntaggedDoNotMeet) {
  Cluster cluster;
  const auto tagged = pattern(10, 1), plain = pattern(10, 2);
  std::vector<std::byte> tagged_buffer(10), plain_buffer(10);
  ASSERT_EQ(receive(cluster[1], plain_buffer, 0, 0, kAnyPeer, kCompletion), 0);
  ASSERT_EQ(send(cluster[0], 1, tagged, 0, kTagged | kCompletion), 0);
  cluster.settle();
  EXPECT_TRUE(cluster[1].sink.all.empty());
  ASSERT_EQ(send(cluster[0], 1, plain, 0, kCompletion), 0);
  ASSERT_TRUE(cluster.wait_for(cluster[1], 1));
  EXPECT_EQ(plain_buffer, plain);
  ASSERT_EQ(receive(cluster[1], tagged_buffer), 0);
  EXPECT_EQ(tagged_buffer, tagged);
}

TEST(Message, FromAStrangerIsItsSendersOnceItIsKnown) {
  Cluster cluster({.introduce = false});
  cluster[0]->set_peer(3, cluster[1].address);
  const auto data = pattern(10, 1);
  std::vector<std::byte> buffer(10);
  ASSERT_EQ(send(cluster[0], 3, data), 0);
  ASSERT_EQ(send(cluster[0], 3, data), 0);
  cluster.settle();
  ASSERT_EQ(receive(cluster[1], buffer), 0);
  ASSERT_EQ(cluster[1].sink.all.size(), 1u);
  EXPECT_EQ(cluster[1].sink.all[0].source, kUnknownPeer);
  EXPECT_EQ(cluster[1].sink.all[0].source_address, cluster[0].address);
  EXPECT_EQ(receive(cluster[1], buffer, 0, 0, 12), -EINVAL);
  cluster[1]->set_peer(12, cluster[0].address);
  ASSERT_EQ(receive(cluster[1], buffer, 0, 0, 12), 0);
  ASSERT_EQ(cluster[1].sink.all.size(), 2u);
  EXPECT_EQ(cluster[1].sink.all[1].source, 12u);
}

TEST(Message, SuccessIsReportedOnlyWhereAskedFor) {
  Cluster cluster;
  const auto data = pattern(200000, 1);
  std::vector<std::byte> buffer(200000);
  ASSERT_EQ(receive(cluster[1], buffer, 0, 0, kAnyPeer, kTagged), 0);
  ASSERT_EQ(send(cluster[0], 1, data, 0, kTagged), 0);
  cluster.settle();
  EXPECT_EQ(buffer, data);
  EXPECT_TRUE(cluster[0].sink.all.empty() && cluster[1].sink.all.empty());
}

}  // namespace
}  // namespace weft::rdm::testing

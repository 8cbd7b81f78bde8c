// Reads and writes on the memory of peers; one_sided_atomic_test.cpp has the atomic operations.
#include <array>
#include <random>

#include "tests/fabric/rdm/one_sided.hpp"

namespace weft::rdm::testing {
namespace {

TEST_F(OneSidedTest, a_write_of_any_size_is_in_the_targets_memory_when_it_completes) {
  for (const std::size_t size : {0u, 1u, 8u, 24u, 25u, 8832u, 8833u, 8864u, 17'664u, 65'536u, 200'001u}) {
    std::fill(memory.begin(), memory.end(), std::byte{0x11});
    const auto data = pattern(size, size);
    const RemotePiece remote = at(100, size);
    ASSERT_EQ(write(data, {&remote, 1}), 0);
    const Completion done = outcome();
    EXPECT_EQ(done.status, Status::kOk);
    EXPECT_EQ(done.one_sided, OneSided::kWrite);
    EXPECT_EQ(done.length, size);
    EXPECT_TRUE(std::equal(data.begin(), data.end(), memory.begin() + 100)) << size;
    EXPECT_EQ(memory[99], std::byte{0x11});
    EXPECT_EQ(memory[100 + size], std::byte{0x11});
    const auto there = (*cluster)[0].sink.take();
    ASSERT_EQ(there.size(), 1u) << "the target is told once, when all of it is there";
    EXPECT_TRUE(there[0].is_remote);
    EXPECT_EQ(there[0].length, size);
    EXPECT_FALSE(there[0].has_remote_data);
  }
}

TEST_F(OneSidedTest, a_read_of_any_size_brings_the_targets_memory) {
  memory = pattern(kMemory, 5);
  regions.remove(kKey);
  regions.add(kKey, region(memory, kRemoteRead));
  for (const std::size_t size : {0u, 1u, 8u, 24u, 25u, 8832u, 8833u, 65'536u, 200'001u}) {
    std::vector<std::byte> into(size + 1, std::byte{0x22});
    const RemotePiece remote = at(77, size);
    ASSERT_EQ(read(std::span(into).first(size), {&remote, 1}), 0);
    EXPECT_EQ(outcome().status, Status::kOk);
    EXPECT_TRUE(std::equal(into.begin(), into.begin() + static_cast<std::ptrdiff_t>(size), memory.begin() + 77)) << size;
    EXPECT_EQ(into[size], std::byte{0x22});
    const auto there = (*cluster)[0].sink.take();
    ASSERT_EQ(there.size(), 1u);
    EXPECT_EQ(there[0].one_sided, OneSided::kRead);
  }
}

TEST_F(OneSidedTest, local_and_remote_pieces_may_be_cut_differently) {
  const std::uint64_t seed = std::random_device{}();
  std::mt19937_64 random(seed);
  for (int round = 0; round < 60; ++round) {
    std::fill(memory.begin(), memory.end(), std::byte{0x11});
    std::size_t lengths[4], total = 0;
    RemotePiece remote[4];
    for (unsigned i = 0; i < 4; ++i) {
      lengths[i] = random() % 3 == 0 ? 0 : random() % 20'000;
      remote[i] = at(i * 30'000, lengths[i]);
      total += lengths[i];
    }
    auto data = pattern(total, static_cast<std::uint64_t>(round));
    std::size_t cuts[3] = {random() % (total + 1), random() % (total + 1), random() % (total + 1)};
    std::sort(cuts, cuts + 3);
    iovec local[4] = {{data.data(), cuts[0]},
                      {data.data() + cuts[0], cuts[1] - cuts[0]},
                      {data.data() + cuts[1], cuts[2] - cuts[1]},
                      {data.data() + cuts[2], total - cuts[2]}};
    const bool reads = round % 2 != 0;
    const auto original = data;
    if (reads) {
      std::size_t at_byte = 0;
      for (unsigned i = 0; i < 4; ++i) {
        std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(at_byte), lengths[i], memory.begin() + i * 30'000);
        at_byte += lengths[i];
      }
      std::fill(data.begin(), data.end(), std::byte{});
    }
    ASSERT_EQ((*cluster)[1]->one_sided({.peer = 0, .kind = reads ? OneSided::kRead : OneSided::kWrite, .local = local,
                                        .remote = remote, .compare = {}, .result = {}, .flags = kCompletion}), 0);
    ASSERT_EQ(outcome().status, Status::kOk) << "seed " << seed;
    if (reads) {
      EXPECT_EQ(data, original) << "seed " << seed;
      continue;
    }
    std::size_t at_byte = 0;
    for (unsigned i = 0; i < 4; ++i) {
      EXPECT_TRUE(std::equal(memory.begin() + i * 30'000, memory.begin() + static_cast<std::ptrdiff_t>(i * 30'000 + lengths[i]),
                             original.begin() + static_cast<std::ptrdiff_t>(at_byte))) << "seed " << seed;
      EXPECT_EQ(memory[i * 30'000 + lengths[i]], std::byte{0x11}) << "seed " << seed;
      at_byte += lengths[i];
    }
  }
}

TEST_F(OneSidedTest, what_the_target_does_not_allow_is_an_error_at_the_initiator_and_changes_nothing) {
  regions.add(2, region(memory, kRemoteRead));
  regions.add(3, region(memory, kRemoteWrite));
  const auto before = memory;
  const auto data = pattern(20'000, 9);
  std::vector<std::byte> into(20'000);
  const std::pair<RemotePiece, Status> writes[] = {
      {at(0, 20'000, 99), Status::kBadKey},
      {at(0, 20'000, 2), Status::kNoAccess},
      {at(kMemory + 1, 20'000), Status::kBadAddress},
      {{0x2000, 20'000, kKey}, Status::kBadAddress},
      {{~std::uint64_t{0} - 30'000, 20'000, kKey}, Status::kBadAddress},
  };
  for (const auto& [remote, expected] : writes) {
    ASSERT_EQ(write(data, {&remote, 1}), 0);
    EXPECT_EQ(outcome().status, expected);
    EXPECT_EQ(memory, before);
  }
  const std::pair<RemotePiece, Status> reads[] = {
      {at(0, 20'000, 99), Status::kBadKey},
      {at(0, 20'000, 3), Status::kNoAccess},
      {at(kMemory - 19'999, 20'000), Status::kBadAddress},
      {{0, 20'000, kKey}, Status::kBadAddress},
  };
  for (const auto& [remote, expected] : reads) {
    ASSERT_EQ(read(into, {&remote, 1}), 0);
    EXPECT_EQ(outcome().status, expected);
  }
  // A write of several packets may have begun before the one that is outside: the error comes, the rest stays whole.
  const RemotePiece tail = at(kMemory - 19'999, 20'000);
  ASSERT_EQ(write(data, {&tail, 1}), 0);
  EXPECT_EQ(outcome().status, Status::kBadAddress);
  EXPECT_TRUE((*cluster)[0].sink.take().empty()) << "nobody is told of what failed";
}

TEST_F(OneSidedTest, a_region_that_is_closed_in_the_middle_of_a_read_ends_it_with_an_error) {
  std::vector<std::byte> into(250'000);
  const RemotePiece remote = at(0, into.size());
  ASSERT_EQ(read(into, {&remote, 1}), 0);
  ASSERT_TRUE(cluster->run_until([&] { return (*cluster)[0]->counters().packets_sent >= 3; }));
  regions.remove(kKey);
  EXPECT_EQ(outcome().status, Status::kBadKey);
  regions.add(kKey, region(memory, kRemoteRead));
  ASSERT_EQ(read(into, {&remote, 1}), 0);
  EXPECT_EQ(outcome().status, Status::kOk);
}

TEST_F(OneSidedTest, remote_data_is_told_once_with_the_length) {
  for (const std::size_t size : {8u, 100'000u}) {
    const auto data = pattern(size, 1);
    const RemotePiece remote = at(0, size);
    ASSERT_EQ(write(data, {&remote, 1}, kCompletion | kRemoteData, 0xfeedfacecafebeef), 0);
    EXPECT_EQ(outcome().status, Status::kOk);
    const auto there = (*cluster)[0].sink.take();
    ASSERT_EQ(there.size(), 1u);
    EXPECT_TRUE(there[0].has_remote_data);
    EXPECT_EQ(there[0].remote_data, 0xfeedfacecafebeef);
    EXPECT_EQ(there[0].length, size);
    EXPECT_EQ(there[0].source, 1u);
  }
}

TEST_F(OneSidedTest, an_injected_write_leaves_the_buffer_to_the_caller_at_once) {
  // More than credits: most of them have to wait, from copies.
  for (unsigned i = 0; i < 200; ++i) {
    std::vector<std::byte> data = pattern(1000, i);
    const RemotePiece remote = at(i * 1000, 1000);
    ASSERT_EQ(write(data, {&remote, 1}, kInject | kCompletion), 0);
    std::fill(data.begin(), data.end(), std::byte{0xee});
  }
  ASSERT_TRUE(cluster->wait_for((*cluster)[1], 200));
  for (unsigned i = 0; i < 200; ++i) {
    const auto expected = pattern(1000, i);
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), memory.begin() + i * 1000));
  }
  const auto large = pattern(kInjectSize + 1, 0);
  const RemotePiece remote = at(0, large.size());
  EXPECT_EQ(write(large, {&remote, 1}, kInject), -EMSGSIZE);
}

TEST_F(OneSidedTest, requests_that_do_not_agree_with_themselves_are_refused) {
  const auto data = pattern(64, 1);
  const RemotePiece shorter = at(0, 63), same = at(0, 64);
  const RemotePiece endless[2] = {at(0, ~std::uint64_t{0}), at(0, 65)};
  EXPECT_EQ(write(data, {&shorter, 1}), -EINVAL);
  EXPECT_EQ(write(data, {}), -EINVAL);
  EXPECT_EQ(write(data, endless), -EINVAL);
  const RemotePiece five[5] = {at(0, 64), at(0, 0), at(0, 0), at(0, 0), at(0, 0)};
  EXPECT_EQ(write(data, five), -EINVAL);
  const iovec local{const_cast<std::byte*>(data.data()), data.size()};
  OneSidedRequest request{.peer = 0, .kind = OneSided::kAtomic, .local = {&local, 1}, .remote = {&same, 1}, .compare = {},
                          .result = {}, .op = AtomicOp::kBitOr, .type = AtomicType::kDouble};
  EXPECT_EQ((*cluster)[1]->one_sided(request), -EOPNOTSUPP);
  request.op = AtomicOp::kSum;
  request.remote = {&shorter, 1};
  EXPECT_EQ((*cluster)[1]->one_sided(request), -EINVAL) << "not whole elements";
  request.kind = OneSided::kFetchAtomic;
  request.remote = {&same, 1};
  EXPECT_EQ((*cluster)[1]->one_sided(request), -EINVAL) << "nowhere to put the result";
  request.peer = 17;
  EXPECT_EQ((*cluster)[1]->one_sided(request), -EINVAL);
  EXPECT_TRUE((*cluster)[1]->drained());
}

TEST_F(OneSidedTest, the_queue_of_a_peer_has_an_end) {
  const std::byte byte{};
  const RemotePiece remote = at(0, 1);
  int error = 0;
  unsigned posted = 0;
  while ((error = write({&byte, 1}, {&remote, 1})) == 0) ++posted;
  EXPECT_EQ(error, -EAGAIN);
  EXPECT_EQ(posted, EndpointOptions{}.transmit_queue);
  ASSERT_TRUE(cluster->wait_for((*cluster)[1], posted));
  EXPECT_EQ(write({&byte, 1}, {&remote, 1}), 0);
}

TEST_F(OneSidedTest, a_region_of_several_parts_is_one_memory) {
  std::vector<std::byte> a(13), b(30), c(21);
  const iovec parts[3] = {{a.data(), a.size()}, {b.data(), b.size()}, {c.data(), c.size()}};
  Region scattered;
  scattered.memory.assign(parts);
  scattered.start = 0x10000;
  scattered.size = 64;
  scattered.access = kRemoteRead | kRemoteWrite;
  regions.add(7, scattered);
  const auto data = pattern(64, 3);
  const RemotePiece all = at(0, 64, 7);
  ASSERT_EQ(write(data, {&all, 1}), 0);
  EXPECT_EQ(outcome().status, Status::kOk);
  std::vector<std::byte> joined;
  for (const auto* part : {&a, &b, &c}) joined.insert(joined.end(), part->begin(), part->end());
  EXPECT_EQ(joined, data);
  std::uint64_t before = 0, expected = 0;  // eight bytes across the first border
  std::memcpy(&expected, data.data() + 8, 8);
  const std::uint64_t operand = 0x0101010101010101;
  ASSERT_EQ(add(operand, 8, &before, 7), 0);
  EXPECT_EQ(outcome().status, Status::kOk);
  EXPECT_EQ(before, expected);
  std::vector<std::byte> back(8);
  const RemotePiece where = at(8, 8, 7);
  ASSERT_EQ(read(back, {&where, 1}), 0);
  EXPECT_EQ(outcome().status, Status::kOk);
  std::uint64_t after = 0;
  std::memcpy(&after, back.data(), 8);
  EXPECT_EQ(after, expected + operand);
}

TEST_F(OneSidedTest, a_target_that_dies_fails_what_was_asked_of_it) {
  std::vector<std::byte> into(200'000);
  const RemotePiece remote = at(0, into.size());
  ASSERT_EQ(read(into, {&remote, 1}), 0);
  std::uint64_t operand = 1, before = 0;
  ASSERT_EQ(add(operand, 0, &before), 0);
  cluster->close(0);
  ASSERT_TRUE(cluster->run_until([&] { return (*cluster)[1].sink.all.size() >= 2; }));
  for (const Completion& completion : (*cluster)[1].sink.all) EXPECT_EQ(completion.status, Status::kPeerGone);
  EXPECT_TRUE(cluster->run_until([&] { return (*cluster)[1]->drained(); }));
}

TEST_F(OneSidedTest, without_a_table_of_regions_nothing_can_be_reached) {
  options.endpoint.regions = nullptr;
  cluster = std::make_unique<Cluster>(options);
  const auto data = pattern(8, 1);
  const RemotePiece remote = at(0, 8);
  ASSERT_EQ(write(data, {&remote, 1}), 0);
  EXPECT_EQ(outcome().status, Status::kBadKey);
}

TEST_F(OneSidedTest, operations_do_not_wait_for_messages_that_nobody_receives) {
  options.endpoint.unexpected_bytes = 100'000;
  cluster = std::make_unique<Cluster>(options);
  const auto message = pattern(8000, 2);
  for (int i = 0; i < 100; ++i) send((*cluster)[1], 0, message, 1, kTagged);
  cluster->settle();
  const auto data = pattern(100'000, 4);
  const RemotePiece remote = at(0, data.size());
  ASSERT_EQ(write(data, {&remote, 1}), 0);
  EXPECT_EQ(outcome().status, Status::kOk);
  EXPECT_TRUE(std::equal(data.begin(), data.end(), memory.begin()));
}

}  // namespace
}  // namespace weft::rdm::testing

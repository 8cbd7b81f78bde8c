// What the tests of one-sided operations share: endpoint 0 of a cluster has a region, endpoint 1 works on it.
#pragma once

#include "fabric/rdm/regions.hpp"
#include "tests/fabric/rdm/cluster.hpp"

namespace weft::rdm::testing {

inline constexpr std::uint64_t kKey = 0x1234;

class OneSidedTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kMemory = 300'000;

  OneSidedTest() : memory(kMemory, std::byte{0x11}) {
    options.endpoint.regions = &regions;
    cluster = std::make_unique<Cluster>(options);
    regions.add(kKey, region(memory, kRemoteRead | kRemoteWrite));
  }

  static Region region(std::span<std::byte> bytes, std::uint8_t access) {
    const iovec piece{bytes.data(), bytes.size()};
    Region result;
    result.memory.assign({&piece, 1});
    result.start = 0x10000;
    result.size = bytes.size();
    result.access = access;
    return result;
  }
  static RemotePiece at(std::uint64_t offset, std::uint64_t length, std::uint64_t key = kKey) {
    return {0x10000 + offset, length, key};
  }

  int write(std::span<const std::byte> data, std::span<const RemotePiece> remote, std::uint32_t flags = kCompletion,
            std::uint64_t remote_data = 0) {
    const iovec piece{const_cast<std::byte*>(data.data()), data.size()};
    return (*cluster)[1]->one_sided({.peer = 0, .kind = OneSided::kWrite, .local = {&piece, 1}, .remote = remote,
                                     .compare = {}, .result = {}, .remote_data = remote_data, .flags = flags});
  }
  int read(std::span<std::byte> into, std::span<const RemotePiece> remote) {
    const iovec piece{into.data(), into.size()};
    return (*cluster)[1]->one_sided({.peer = 0, .kind = OneSided::kRead, .local = {&piece, 1}, .remote = remote,
                                     .compare = {}, .result = {}, .flags = kCompletion});
  }
  int add(const std::uint64_t& operand, std::uint64_t offset, std::uint64_t* before, std::uint64_t key = kKey) {
    const iovec local{const_cast<std::uint64_t*>(&operand), 8}, result{before, 8};
    const RemotePiece remote = at(offset, 8, key);
    return (*cluster)[1]->one_sided({.peer = 0,
                                     .kind = before ? OneSided::kFetchAtomic : OneSided::kAtomic,
                                     .local = {&local, 1},
                                     .remote = {&remote, 1},
                                     .compare = {},
                                     .result = {&result, before ? 1u : 0u},
                                     .op = AtomicOp::kSum,
                                     .type = AtomicType::kUint64,
                                     .flags = kCompletion});
  }

  Completion outcome() {
    EXPECT_TRUE(cluster->wait_for((*cluster)[1], 1));
    const auto all = (*cluster)[1].sink.take();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? Completion{} : all.front();
  }

  RegionTable regions;
  ClusterOptions options;
  std::vector<std::byte> memory;
  std::unique_ptr<Cluster> cluster;
};

}  // namespace weft::rdm::testing

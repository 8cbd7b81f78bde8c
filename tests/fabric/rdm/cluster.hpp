// Endpoints of one process through a real daemon that the test turns by hand, with a clock that the test turns too:
// the same test always sees the same packets in the same order.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "drivers/efa/testing/loopback_daemon.hpp"
#include "fabric/rdm/endpoint_impl.hpp"

namespace weft::rdm::testing {

/// The clock of the endpoints and of the fabric, in nanoseconds.
inline std::uint64_t clock_ns = 1'000'000'000;
inline std::uint64_t read_clock() { return clock_ns; }

/// Keeps what an endpoint reports.
struct Recorder final : CompletionSink {
  std::vector<Completion> all;
  void on_completion(const Completion& completion) override { all.push_back(completion); }
  std::vector<Completion> take() { return std::exchange(all, {}); }
};

struct Node {
  std::string instance;
  Recorder sink;
  std::unique_ptr<Endpoint> endpoint;
  device::Address address;

  Endpoint* operator->() const { return endpoint.get(); }
};

inline std::vector<std::byte> pattern(std::size_t size, std::uint64_t seed) {
  std::vector<std::byte> bytes(size);
  std::uint64_t state = seed * 0x9e3779b97f4a7c15 + 1;
  for (std::size_t i = 0; i < size; ++i) {
    if (i % 8 == 0) state = state * 6364136223846793005 + 1442695040888963407;
    bytes[i] = static_cast<std::byte>(state >> (24 + i % 8));
  }
  return bytes;
}

inline int send(Node& node, PeerIndex peer, std::span<const std::byte> data, std::uint64_t tag = 0,
                std::uint32_t flags = kTagged | kCompletion, void* context = nullptr, std::uint64_t remote_data = 0) {
  const iovec piece{const_cast<std::byte*>(data.data()), data.size()};
  return node->send({.peer = peer, .iov = {&piece, 1}, .tag = tag, .remote_data = remote_data, .context = context, .flags = flags});
}

inline int receive(Node& node, std::span<std::byte> data, std::uint64_t tag = 0, std::uint64_t ignore = 0,
                   PeerIndex source = kAnyPeer, std::uint32_t flags = kTagged | kCompletion, void* context = nullptr) {
  const iovec piece{data.data(), data.size()};
  return node->receive({.source = source, .iov = {&piece, 1}, .tag = tag, .ignore = ignore, .context = context, .flags = flags});
}

struct ClusterOptions {
  unsigned nodes = 2;
  device::QueuePairOptions queue_pair = {};
  EndpointOptions endpoint = {};
  bool introduce = true;  // set_peer of everybody at everybody
};

template <typename Daemon>
class BasicCluster {
 public:
  explicit BasicCluster(ClusterOptions options = {}) : options_(options), daemon_(directory_.path, functions(options.nodes)) {
    if constexpr (requires { daemon_.set_clock(read_clock); }) daemon_.set_clock(read_clock);
    nodes_.resize(options.nodes);
    for (unsigned i = 0; i < options.nodes; ++i) open(i);
    daemon_.pause();
    if (options.introduce) introduce();
  }
  ~BasicCluster() {
    nodes_.clear();
    daemon_.resume();
  }

  Node& operator[](std::size_t i) { return *nodes_[i]; }
  std::size_t size() const { return nodes_.size(); }
  Daemon& daemon() { return daemon_; }

  /// Makes (again) the endpoint of a node, on a queue pair number of choice.
  void open(unsigned i, std::uint32_t qpn = 0) {
    auto node = std::make_unique<Node>();
    node->instance = "node-" + std::to_string(i);
    daemon_.enter(node->instance);
    device::QueuePairOptions queue_pair = options_.queue_pair;
    queue_pair.qpn = qpn;
    int error = 0;
    auto opened = device::QueuePair::open(queue_pair, &error);
    ASSERT_TRUE(opened) << strerror(error);
    node->address = opened->address();
    node->endpoint = std::make_unique<EndpointImpl>(std::move(opened), options_.endpoint, &node->sink, read_clock);
    nodes_[i] = std::move(node);
  }
  /// The process of a node dies. Returns when the daemon has noticed.
  void close(unsigned i) {
    const std::size_t before = daemon_.server().clients().size();
    nodes_[i].reset();
    daemon_.resume();
    while (daemon_.server().clients().size() >= before) usleep(100);
    daemon_.pause();
  }
  /// A new process on the same queue pair number, which the others know already.
  void reopen(unsigned i, std::uint32_t qpn) {
    daemon_.resume();
    open(i, qpn);
    daemon_.pause();
    for (unsigned j = 0; j < nodes_.size(); ++j) {
      if (nodes_[j]) nodes_[i]->endpoint->set_peer(j, nodes_[j]->address);
    }
  }

  void introduce() {
    for (auto& node : nodes_) {
      for (unsigned j = 0; j < nodes_.size(); ++j) node->endpoint->set_peer(j, nodes_[j]->address);
    }
  }

  /// One turn of everybody and 10 us.
  unsigned turn(unsigned skip = ~0u) {
    unsigned handled = 0;
    for (unsigned i = 0; i < nodes_.size(); ++i) {
      if (i != skip && nodes_[i]) handled += nodes_[i]->endpoint->progress();
    }
    handled += daemon_.run_once();
    clock_ns += 10'000;
    return handled;
  }

  [[nodiscard]] bool run_until(const std::function<bool()>& done, unsigned skip = ~0u, unsigned turns = 200'000) {
    for (unsigned i = 0; i < turns; ++i) {
      if (done()) return true;
      turn(skip);
    }
    return done();
  }
  /// Until nothing moves.
  void settle(unsigned skip = ~0u) {
    for (unsigned idle = 0; idle < 50;) idle = turn(skip) == 0 ? idle + 1 : 0;
  }
  [[nodiscard]] bool wait_for(Node& node, std::size_t completions, unsigned skip = ~0u) {
    return run_until([&] { return node.sink.all.size() >= completions; }, skip);
  }

 private:
  struct Directory {
    std::string path;
    Directory() {
      char name[] = "/tmp/weft-rdm-test-XXXXXX";
      path = mkdtemp(name);
    }
    ~Directory() {
      rmdir((path + "/efa").c_str());
      rmdir(path.c_str());
    }
  };

  static std::vector<EfaFunction> functions(unsigned count) {
    std::vector<EfaFunction> result;
    for (unsigned i = 0; i < count; ++i) {
      result.push_back(LoopbackDaemon::function("node-" + std::to_string(i), static_cast<std::uint8_t>(i + 1)));
    }
    return result;
  }

  ClusterOptions options_;
  Directory directory_;
  Daemon daemon_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

using Cluster = BasicCluster<LoopbackDaemon>;

}  // namespace weft::rdm::testing

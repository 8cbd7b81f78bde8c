// Random traffic of all kinds between four endpoints, every byte checked: on small queues, which are
// refused (RNR) and run dry all the time, and on a wire without order.
#include <deque>
#include <map>
#include <random>
#include <set>

#include "tests/fabric/rdm/lossy.hpp"
#include "tests/fabric/rdm/shuffling_daemon.hpp"
#include "tests/sanitized.hpp"

namespace weft::rdm::testing {
namespace {

constexpr std::uint64_t kTags = 3;

/// A message under way. Its number within (source, destination, tag) is in its remote data, so that a receive can tell
/// which one it got; its content follows from all four.
struct Sent {
  std::vector<std::byte> data;
  bool completed = false;
};
struct Posted {
  std::vector<std::byte> buffer;
  bool any_source = false, any_tag = false;
};

template <typename Daemon>
class Soak {
 public:
  /// `loses`: the fabric does.
  Soak(ClusterOptions options, std::uint64_t seed, bool loses = false) : cluster(options), lossy(loses), random(seed) {}

  /// `change` is called before each turn.
  void run(unsigned messages, const std::function<void(unsigned turn)>& change = {}) {
    to_send = messages;
    for (unsigned turns = 0; !finished(); ++turns) {
      if (change) change(turns);
      ASSERT_LT(turns, 2'000'000u) << "sent " << sent_count << " received " << received << " of " << messages;
      if (random() % 4 != 0) post_one_send();
      // Receives lag behind at times, so that messages come unexpected.
      if (turns / 500 % 3 != 0 || to_send == 0) post_one_receive();
      // Now and then an endpoint rests.
      const unsigned resting = turns / 200 % 5 == 0 ? static_cast<unsigned>(turns / 1000 % cluster.size()) : ~0u;
      cluster.turn(resting);
      collect();
      if (::testing::Test::HasFatalFailure()) return;
    }
    if (lossy) {
      // What is lost again and again waits 100 ms for each time-out.
      ASSERT_TRUE(cluster.run_until([&] { return all_drained(); }, ~0u, 5'000'000));
    } else {
      cluster.settle();
    }
    for (unsigned i = 0; i < cluster.size(); ++i) {
      EXPECT_TRUE(cluster[i]->drained()) << i;
      EXPECT_EQ(cluster[i]->counters().unexpected_bytes, 0u) << i;
      // Second copies are dropped.
      if (!lossy) {
        EXPECT_EQ(cluster[i]->counters().packets_dropped, 0u) << i;
      }
      acknowledgements += cluster[i]->counters().acknowledgements;
      resent += cluster[i]->counters().packets_resent;
      express += cluster[i]->counters().express_packets;
    }
  }

  BasicCluster<Daemon> cluster;
  const bool lossy;
  unsigned again = 0;  // -EAGAIN seen
  std::uint64_t resent = 0, express = 0, acknowledgements = 0;

 private:
  using Flow = std::tuple<unsigned, unsigned, std::uint64_t>;  // source, destination, tag

  bool all_drained() {
    for (unsigned i = 0; i < cluster.size(); ++i) {
      if (!cluster[i]->drained()) return false;
    }
    return true;
  }

  bool finished() const { return to_send == 0 && received == sent_count && acknowledged == sent_count; }

  static std::uint64_t seed_of(const Flow& flow, std::uint64_t number) {
    return ((std::get<0>(flow) * 8 + std::get<1>(flow)) * 8 + std::get<2>(flow)) * 100'000 + number;
  }

  std::size_t any_size() {
    switch (random() % 8) {
      case 0: return 0;
      case 1: return random() % 100;
      case 2: return random() % 9000;
      case 3: return 8928 - 48 + random() % 16;
      case 4: return random() % 66000;
      case 5: return 65536 - 8 + random() % 16;
      case 6: return random() % 300'000;
      default: return 8;
    }
  }

  void post_one_send() {
    if (to_send == 0) return;
    const Flow flow{random() % cluster.size(), random() % cluster.size(), random() % kTags};
    const auto [from, to, tag] = flow;
    const std::uint64_t number = next_number[flow];
    std::size_t size = any_size();
    std::uint32_t flags = kTagged | kCompletion | kRemoteData;
    if (random() % 4 == 0) flags |= kDeliveryComplete;
    if (random() % 4 == 0) flags |= kInject, size = std::min(size, kInjectSize);
    auto sent = std::make_unique<Sent>(Sent{pattern(size, seed_of(flow, number))});
    const int result = send(cluster[from], to, sent->data, tag, flags, sent.get(), number);
    if (result == -EAGAIN) {
      ++again;
      return;
    }
    ASSERT_EQ(result, 0);
    if ((flags & kInject) != 0) std::fill(sent->data.begin(), sent->data.end(), std::byte{0xdd});
    sends.push_back(std::move(sent));
    ++next_number[flow];
    ++sent_count;
    --to_send;
  }

  void post_one_receive() {
    // At the end the receives that are posted may all be for others than what is left, so then they take anything.
    const bool anything = to_send == 0;
    const unsigned at = random() % cluster.size();
    if (pending[at] >= (anything ? 60 : 20)) return;
    auto posted = std::make_unique<Posted>();
    posted->buffer.resize(300'000);
    posted->any_source = anything || random() % 3 == 0;
    posted->any_tag = anything || random() % 4 == 0;
    const std::uint64_t tag = random() % kTags;
    const PeerIndex source = posted->any_source ? kAnyPeer : static_cast<PeerIndex>(random() % cluster.size());
    ++pending[at];
    ASSERT_EQ(receive(cluster[at], posted->buffer, tag, posted->any_tag ? 0xff : 0, source, kTagged | kCompletion,
                      posted.get()),
              0);
    receives[posted.get()] = std::move(posted);
  }

  void collect() {
    for (unsigned at = 0; at < cluster.size(); ++at) {
      for (const Completion& completion : cluster[at].sink.take()) {
        ASSERT_EQ(completion.status, Status::kOk);
        if (completion.is_send) {
          auto* sent = static_cast<Sent*>(completion.context);
          ASSERT_FALSE(std::exchange(sent->completed, true));
          ++acknowledged;
          continue;
        }
        auto posted = std::move(receives.at(static_cast<Posted*>(completion.context)));
        receives.erase(posted.get());
        --pending[at];
        const Flow flow{completion.source, at, completion.tag};
        ASSERT_TRUE(completion.has_remote_data);
        note(flow, completion.remote_data);
        posted->buffer.resize(completion.length);
        ASSERT_EQ(posted->buffer, pattern(completion.length, seed_of(flow, completion.remote_data)));
        ++received;
      }
    }
  }

  void note(const Flow& flow, std::uint64_t number) {
    ASSERT_TRUE(numbers[flow].insert(number).second) << "message " << number << " came twice";
  }

  std::mt19937_64 random;
  unsigned to_send = 0, sent_count = 0, received = 0, acknowledged = 0;
  std::map<unsigned, unsigned> pending;
  std::map<Flow, std::uint64_t> next_number;
  std::map<Flow, std::set<std::uint64_t>> numbers;
  std::deque<std::unique_ptr<Sent>> sends;
  std::map<Posted*, std::unique_ptr<Posted>> receives;
};

TEST(Soak, OnSmallQueues) {
  ClusterOptions options{.nodes = 4};
  options.queue_pair = {.eni_id = {}, .qpn = 0, .sq_depth = 16, .cq_depth = 16, .tx_buffers = 8, .rx_buffers = 8};
  options.endpoint.transmit_queue = 8;
  options.endpoint.receive_buffers = 8;
  Soak<LoopbackDaemon> soak(options, 1);
  soak.run(3000);
  EXPECT_GT(soak.resent, 30u);
  EXPECT_GT(soak.again, 100u);
}

TEST(Soak, OnQueuesAsTheyAre) {
  Soak<LoopbackDaemon> soak({.nodes = 4}, 2);
  soak.run(3000);
}

TEST(Soak, WithLittleMemoryForUnexpectedMessages) {
  ClusterOptions options{.nodes = 4};
  options.endpoint.unexpected_bytes = 100'000;
  Soak<LoopbackDaemon> soak(options, 3);
  soak.run(3000);
}

TEST(Soak, OnAWireWithoutOrder) {
  Soak<ShufflingDaemon> soak({.nodes = 3}, 4);
  soak.run(2000);
}

TEST(Soak, OnAWireWithoutOrderThatRefuses) {
  Soak<ShufflingDaemon> soak({.nodes = 3}, 5);
  soak.cluster.daemon().refuse_percent = 10;
  soak.run(2000);
  EXPECT_GT(soak.resent, 100u);
}

ClusterOptions past_the_daemon(bool direct) {
  ClusterOptions options{.nodes = 4};
  options.endpoint.express = true;
  options.endpoint.direct = direct;
  return options;
}

TEST(Soak, PastTheDaemon) {
  for (const bool direct : {false, true}) {
    Soak<LoopbackDaemon> soak(past_the_daemon(direct), 6);
    soak.run(test::seeds(3000, 1000));
    EXPECT_GT(soak.express, test::seeds(1000, 300));
  }
}

// Channels come and go all the time, amid messages of all sizes: nothing is lost, nothing comes twice, all in order.
TEST(Soak, WhileChannelsComeAndGo) {
  for (const bool direct : {false, true}) {
    Soak<LoopbackDaemon> soak(past_the_daemon(direct), 7);
    unsigned revocations = 0;
    soak.run(test::seeds(5000, 1000), [&](unsigned turn) {
      usleep(5);  // the daemon's thread makes and ends them
      if (turn % 40 != 0) return;
      ++revocations;
      soak.cluster.daemon().server().set_express(false);
      soak.cluster.daemon().run_once();
      soak.cluster.daemon().server().set_express(true);
    });
    EXPECT_GT(soak.express, test::seeds(2000, 300));
    EXPECT_GT(revocations, test::seeds(150, 30));
  }
}

ClusterOptions over_a_fabric(bool express = false) {
  ClusterOptions options{.nodes = 4};
  options.endpoint.transport = srd::bare_metal();
  options.endpoint.express = express;
  return options;
}

TEST(Soak, OverAFabricThatLosesAndDoubles) {
  for (std::uint64_t seed = 0; seed < test::seeds(6, 2); ++seed) {
    Soak<LoopbackDaemon> soak(over_a_fabric(), 8 + seed, true);
    set_weather(soak.cluster.daemon(), {.lost = 10, .doubled = 10}, seed);
    soak.run(300);
    EXPECT_GT(soak.resent, 0u);
    EXPECT_GT(soak.acknowledgements, 100u);
  }
}

TEST(Soak, OverAFabricThatLosesATenth) {
  for (std::uint64_t seed = 0; seed < test::seeds(10, 3); ++seed) {
    Soak<LoopbackDaemon> soak(over_a_fabric(), 20 + seed, true);
    set_weather(soak.cluster.daemon(), {.lost = 100, .doubled = 50, .dead_path = 3}, seed);
    soak.run(200);
    EXPECT_GT(soak.resent, 30u);
  }
}

// Between two packets the way of a pair becomes one that loses, and a good one, and goes past the daemon again.
TEST(Soak, WhileAFabricFailsAndRecovers) {
  Soak<LoopbackDaemon> soak(over_a_fabric(true), 30, true);
  unsigned changes = 0;
  soak.run(test::seeds(2000, 500), [&](unsigned turn) {
    if (turn % 50 != 0) return;
    if (++changes % 2 != 0) {
      set_weather(soak.cluster.daemon(), {.lost = 20, .doubled = 10}, changes);
    } else {
      soak.cluster.daemon().set_fabric({});
    }
  });
  EXPECT_GT(changes, 10u);
  EXPECT_GT(soak.acknowledgements, 20u);
}

// Two senders, one tag, everything posted beforehand in one order: what arrives must be in the senders' order, message
// by message, whatever the wire does.
TEST(Order, IsTheSendersOnAWireWithoutOrder) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    BasicCluster<ShufflingDaemon> cluster({.nodes = 3});
    cluster.daemon().random.seed(seed);
    cluster.daemon().refuse_percent = seed % 2 == 0 ? 0 : 20;
    const std::size_t sizes[] = {8, 20'000, 0, 9000, 70'000, 100, 8, 65'536};
    constexpr unsigned kCount = 100;
    std::vector<std::vector<std::byte>> buffers(2 * kCount, std::vector<std::byte>(70'000));
    std::vector<std::vector<std::byte>> data;
    for (unsigned i = 0; i < kCount; ++i) data.push_back(pattern(sizes[i % 8], i));
    for (unsigned i = 0; i < 2 * kCount; ++i) {
      if (i == kCount) cluster.settle();  // half of it is posted before the messages, the other half after them
      for (unsigned from = 0; from < 2 && i == kCount / 2; ++from) {
        for (const auto& message : data) ASSERT_EQ(send(cluster[from], 2, message, 1), 0);
      }
      ASSERT_EQ(receive(cluster[2], buffers[i], 1, 0, i % 2, kTagged | kCompletion, &buffers[i]), 0);
    }
    ASSERT_TRUE(cluster.wait_for(cluster[2], 2 * kCount));
    for (const Completion& completion : cluster[2].sink.all) {
      static_cast<std::vector<std::byte>*>(completion.context)->resize(completion.length);
    }
    for (unsigned i = 0; i < 2 * kCount; ++i) ASSERT_EQ(buffers[i], data[i / 2]) << "seed " << seed << " receive " << i;
  }
}

}  // namespace
}  // namespace weft::rdm::testing

// What the message layer costs by itself: two endpoints in one process and a switch that is turned by hand, so no other
// core, no waiting and no wake-up is in the figures.
//
//   bench_rdm [MESSAGES [SIZE [express]]]           nanoseconds per message, by size; past the daemon
//   valgrind --tool=callgrind --toggle-collect='*bench_send*' bench_rdm 2000 8 express  instructions to send 8 bytes
//   ... --toggle-collect='*bench_arrive*' ...                                         to receive them
//   ... --toggle-collect='*bench_acknowledge*' ...                                    to learn that they arrived
//   ... --toggle-collect='*bench_idle*' ...                                           for a turn in which nothing is there
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/efa/testing/loopback_daemon.hpp"
#include "fabric/rdm/endpoint.hpp"

using namespace weft;

namespace {

struct Count final : rdm::CompletionSink {
  std::uint64_t completions = 0;
  void on_completion(const rdm::Completion& completion) override {
    if (completion.status != rdm::Status::kOk) std::abort();
    ++completions;
  }
};

struct End {
  Count sink;
  std::unique_ptr<rdm::Endpoint> endpoint;
  device::Address address;
};

End ends[2];

void open(LoopbackDaemon& daemon, int i, bool express) {
  daemon.enter("node-" + std::to_string(i));
  int error = 0;
  auto queue_pair = device::QueuePair::open({}, &error);
  if (!queue_pair) {
    std::fprintf(stderr, "cannot open queue pair %d: error %d\n", i, error);
    std::exit(1);
  }
  ends[i].address = queue_pair->address();
  ends[i].endpoint = rdm::Endpoint::create(std::move(queue_pair), {.express = express}, &ends[i].sink);
}

// Each by itself and not inlined, for callgrind.
[[gnu::noinline]] void bench_send(const iovec& piece, std::uint32_t flags) {
  if (ends[0].endpoint->send({.peer = 1, .iov = {&piece, 1}, .tag = 42, .flags = flags}) != 0) std::abort();
}
[[gnu::noinline]] void bench_post(const iovec& piece) {
  if (ends[1].endpoint->receive({.source = 0, .iov = {&piece, 1}, .tag = 42, .flags = rdm::kTagged | rdm::kCompletion}))
    std::abort();
}
[[gnu::noinline]] void bench_arrive() { ends[1].endpoint->progress(); }
[[gnu::noinline]] void bench_acknowledge() { ends[0].endpoint->progress(); }
[[gnu::noinline]] void bench_idle() {
  if (ends[1].endpoint->progress() != 0) std::abort();  // and so not folded into bench_arrive by the compiler
}

void run(LoopbackDaemon& daemon, std::size_t size, unsigned messages) {
  std::vector<std::byte> from(size), to(size);
  const iovec source{from.data(), size}, sink{to.data(), size};
  const std::uint32_t flags = rdm::kTagged | (size <= 8 ? rdm::kInject : rdm::kCompletion);
  std::chrono::nanoseconds switching{0};
  const auto begin = std::chrono::steady_clock::now();
  for (unsigned i = 0; i < messages; ++i) {
    const std::uint64_t before = ends[1].sink.completions;
    bench_post(sink);
    bench_send(source, flags);
    while (ends[1].sink.completions == before) {
      const auto turn = std::chrono::steady_clock::now();
      daemon.run_once();
      switching += std::chrono::steady_clock::now() - turn;
      bench_acknowledge();
      bench_arrive();
    }
    for (End& end : ends) {
      while (end.endpoint->progress() != 0 || daemon.run_once() != 0) {
      }
    }
    bench_idle();
  }
  const auto all = std::chrono::steady_clock::now() - begin;
  const double per_message = std::chrono::duration<double, std::nano>(all).count() / messages;
  const double in_switch = std::chrono::duration<double, std::nano>(switching).count() / messages;
  std::printf("%9zu bytes: %9.0f ns a message, of them %9.0f in the switch; %6.2f GB/s\n", size, per_message, in_switch,
              static_cast<double>(size) / per_message);
}

/// Messages to and fro until both ends have their channel, which the daemon's thread makes meanwhile.
void connect(LoopbackDaemon& daemon) {
  const auto on_their_way = [] { return ends[0].endpoint->counters().express_packets != 0 &&
                                        ends[1].endpoint->counters().express_packets != 0; };
  std::uint64_t word = 0;
  const iovec piece{&word, sizeof word};
  while (!on_their_way()) {
    for (std::uint32_t i = 0; i < 2; ++i) {
      const std::uint64_t before = ends[1 - i].sink.completions;
      if (ends[1 - i].endpoint->receive({.source = i, .iov = {&piece, 1}, .tag = 42, .flags = rdm::kTagged | rdm::kCompletion}) != 0 ||
          ends[i].endpoint->send({.peer = 1 - i, .iov = {&piece, 1}, .tag = 42, .flags = rdm::kTagged}) != 0)
        std::abort();
      while (ends[1 - i].sink.completions == before) {
        daemon.run_once();
        for (End& end : ends) end.endpoint->progress();
      }
    }
    usleep(100);
  }
}

}  // namespace

int main(int argc, char** argv) {
  char name[] = "/tmp/weft-bench-rdm-XXXXXX";
  const std::string directory = mkdtemp(name);
  const unsigned messages = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 100'000;
  {
    LoopbackDaemon daemon(directory, {LoopbackDaemon::function("node-0", 1), LoopbackDaemon::function("node-1", 2)});
    const bool express = argc > 3 && std::string_view(argv[3]) == "express";
    for (int i = 0; i < 2; ++i) open(daemon, i, express);
    daemon.pause();
    for (End& end : ends) {
      for (std::uint32_t i = 0; i < 2; ++i) end.endpoint->set_peer(i, ends[i].address);
    }
    if (express) connect(daemon);
    if (argc > 2) {
      run(daemon, static_cast<std::size_t>(std::atoll(argv[2])), messages);
    } else {
      for (const std::size_t size : {8u, 48u, 49u, 512u, 4096u, 8192u, 65536u, 1u << 20, 16u << 20}) {
        run(daemon, size, std::max(4u, static_cast<unsigned>(messages / (1 + size / 4096))));
      }
    }
    for (End& end : ends) end.endpoint.reset();
    daemon.resume();
  }
  rmdir((directory + "/efa").c_str());
  rmdir(directory.c_str());
}

// What a message costs through the EFA function: two client processes and one switch process, as in life.
//
//   bench_efa [--seconds S] [--pin] [--idle-yield N]
//
// Prints the one-way latency of 8 bytes (median and 99th percentile of half round trips) and the bandwidth of a stream of
// 8 KiB packets, with the application's copy on both ends counted in. --pin puts both clients on core 0 and the switch
// on core 1, the best placement on two cores (facts machine).
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "drivers/efa/testing/loopback_daemon.hpp"
#include "fabric/device/queue_pair.hpp"

namespace {

using namespace weft;
using Clock = std::chrono::steady_clock;
using device::Arrival;
using device::QueuePair;

constexpr std::uint32_t kQpn = 1000;          // of both clients, so that they need not tell each other
constexpr std::size_t kPacket = 8192;
constexpr std::uint32_t kWindow = 128;        // packets in flight, less than the receive buffers: no RNR
constexpr std::uint32_t kAcknowledgeEvery = 32;

double seconds = 1.0;
bool pin = false;
unsigned idle_yield = 20;

void pin_to(int cpu) {
  if (!pin) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
}

std::unique_ptr<QueuePair> open_endpoint() {
  int error = 0;
  device::QueuePairOptions options;
  options.qpn = kQpn;
  for (int attempt = 0; attempt < 500; ++attempt) {
    if (auto queue_pair = QueuePair::open(options, &error)) return queue_pair;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  std::fprintf(stderr, "cannot open a queue pair: %s\n", std::strerror(error));
  std::exit(1);
}

device::Address address_of(unsigned number) {
  device::Address address;
  const auto octets = LoopbackDaemon::function("", static_cast<std::uint8_t>(number)).address.octets;
  std::copy(octets.begin(), octets.end(), address.ip);
  address.qpn = kQpn;
  return address;
}

struct Yielder {
  unsigned empty = 0;
  void after(unsigned handled) {
    if (handled != 0) {
      empty = 0;
    } else if (++empty >= idle_yield) {
      empty = 0;
      sched_yield();
    }
  }
};

bool failed = false;

void send(QueuePair& from, const device::Address& to, const void* data, std::uint32_t size) {
  Yielder yielder;
  device::SendSlot slot;
  while ((slot = from.begin_send(size)).data == nullptr) {
    from.poll_sends([](std::uint64_t, efa::SendStatus status) { failed |= status != efa::SendStatus::kOk; });
    yielder.after(0);
  }
  std::memcpy(slot.data, data, size);
  from.commit_send(slot, size, to, 0);
  from.wake_daemon();
}

template <typename Handle>
void receive_one(QueuePair& at, Handle&& handle) {
  Yielder yielder;
  for (;;) {
    const unsigned handled = at.poll_receives(1, handle);
    if (handled != 0) return;
    yielder.after(0);
  }
}

// Node 2: answers 8 bytes with 8 bytes until told 1, then takes the stream until a packet of 1 byte.
int echo() {
  pin_to(0);
  auto self = open_endpoint();
  const auto peer = address_of(1);
  std::uint64_t word = 0;
  while (word != 1) {
    receive_one(*self, [&](const Arrival& a) { std::memcpy(&word, a.payload.data(), 8); });
    send(*self, peer, &word, 8);
    if (self->sends_in_flight() > 64) self->poll_sends([](std::uint64_t, efa::SendStatus) {});
  }
  std::vector<std::byte> application(kWindow * kPacket);
  std::uint64_t received = 0;
  for (bool end = false; !end;) {
    receive_one(*self, [&](const Arrival& a) {
      end = a.payload.size() == 1;
      std::memcpy(application.data() + received % kWindow * kPacket, a.payload.data(), a.payload.size());
    });
    if (++received % kAcknowledgeEvery == 0) send(*self, peer, &received, 8);
    self->poll_sends([](std::uint64_t, efa::SendStatus) {});
  }
  return 0;
}

int measure() {
  pin_to(0);
  auto self = open_endpoint();
  const auto peer = address_of(2);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // the peer opens too

  std::vector<double> half_round_trips;
  std::uint64_t word = 0;
  const auto ping = [&] {
    send(*self, peer, &word, 8);
    receive_one(*self, [](const Arrival&) {});
    if (self->sends_in_flight() > 64) self->poll_sends([](std::uint64_t, efa::SendStatus) {});
  };
  for (int i = 0; i < 1000; ++i) ping();
  const auto latency_end = Clock::now() + std::chrono::duration<double>(seconds);
  for (auto before = Clock::now(); before < latency_end;) {
    ping();
    const auto after = Clock::now();
    half_round_trips.push_back(std::chrono::duration<double, std::micro>(after - before).count() / 2);
    before = after;
  }
  word = 1;
  ping();
  std::sort(half_round_trips.begin(), half_round_trips.end());
  std::printf("8 B one way: median %.2f us, 99 %% %.2f us, mean %.2f us, %zu round trips\n",
              half_round_trips[half_round_trips.size() / 2], half_round_trips[half_round_trips.size() * 99 / 100],
              seconds * 1e6 / 2 / static_cast<double>(half_round_trips.size()), half_round_trips.size());

  std::vector<std::byte> application(kWindow * kPacket);
  std::uint64_t sent = 0, acknowledged = 0;
  Yielder yielder;
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration<double>(seconds);
  while (Clock::now() < end) {
    const auto before = sent;
    while (sent - acknowledged < kWindow) {
      send(*self, peer, application.data() + sent % kWindow * kPacket, kPacket);
      ++sent;
    }
    self->poll_receives(16, [&](const Arrival& a) { std::memcpy(&acknowledged, a.payload.data(), 8); });
    self->poll_sends([](std::uint64_t, efa::SendStatus status) { failed |= status != efa::SendStatus::kOk; });
    yielder.after(static_cast<unsigned>(sent - before));
  }
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("8 KiB packets: %.2f GB/s, %.2f M packets/s\n", static_cast<double>(acknowledged) * kPacket / took / 1e9,
              static_cast<double>(acknowledged) / took / 1e6);
  const std::byte last{};
  send(*self, peer, &last, 1);
  if (failed) std::fprintf(stderr, "some packets were refused: the figures are wrong\n");
  return failed ? 1 : 0;
}

pid_t start(int (*body)(), const char* instance) {
  std::fflush(nullptr);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setenv("WEFT_INSTANCE", instance, 1);
  std::exit(body());
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--seconds" && i + 1 < argc) seconds = std::atof(argv[++i]);
    else if (option == "--idle-yield" && i + 1 < argc) idle_yield = static_cast<unsigned>(std::atoi(argv[++i]));
    else if (option == "--pin") pin = true;
    else return std::fprintf(stderr, "usage: bench_efa [--seconds S] [--pin] [--idle-yield N]\n"), 2;
  }
  char directory[] = "/tmp/weft-bench-XXXXXX";
  if (mkdtemp(directory) == nullptr) return std::perror("cannot make a directory in /tmp"), 1;
  setenv("WEFT_RUNTIME_DIR", directory, 1);
  const pid_t echoing = start(echo, "node-2"), measuring = start(measure, "node-1");  // before there are threads
  pin_to(1);
  int status = 1;
  {
    LoopbackDaemon daemon(directory, {LoopbackDaemon::function("node-1", 1), LoopbackDaemon::function("node-2", 2)});
    waitpid(measuring, &status, 0);
    if (status != 0) kill(echoing, SIGKILL);
    waitpid(echoing, nullptr, 0);
  }
  rmdir((std::string(directory) + "/efa").c_str());
  rmdir(directory);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

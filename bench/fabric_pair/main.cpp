// What a libfabric provider gives two processes: any provider, the same calls. Both ends spin in fi_cq_read.
//
//   bench_fabric_pair --provider shm [--cpus 0,1] [--instances A,B] [--addresses A,B] [--cases tagged-8,rate-8] [--json]
//
// --instances: WEFT_INSTANCE of either end. --addresses: source addresses, for providers that do not find one themselves.
// Latency is half a round trip; of a read, until its completion. Bandwidth and rate are windows of 64 operations on one
// buffer, a window of messages answered by a short one, as fabtests and the OSU benchmarks do it. Each figure is the
// median of nine batches. What arrived is compared with what was sent.
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "bench/fabric_pair/side.hpp"

namespace {

using namespace fabric_pair;

constexpr unsigned kBatches = 9;
constexpr unsigned kSecondsUntilGivenUp = 120;

enum class Kind { kLine, kPingPong, kBandwidth, kRate, kWriteLatency, kReadLatency, kWriteBandwidth, kReadBandwidth };
struct Case {
  const char* name;
  Kind kind;
  std::size_t bytes;
  unsigned repeats;  // in a batch: round trips, or windows
};
constexpr Case kCases[] = {
    {"line", Kind::kLine, 8, 20000},
    {"tagged-8", Kind::kPingPong, 8, 5000},
    {"tagged-4096", Kind::kPingPong, 4096, 3000},
    {"tagged-65536", Kind::kPingPong, 65536, 1000},
    {"bandwidth-1048576", Kind::kBandwidth, kLargest, 4},
    {"rate-8", Kind::kRate, 8, 200},
    {"write-8", Kind::kWriteLatency, 8, 5000},
    {"read-8", Kind::kReadLatency, 8, 5000},
    {"write-1048576", Kind::kWriteBandwidth, kLargest, 4},
    {"read-1048576", Kind::kReadBandwidth, kLargest, 4},
};

std::vector<std::string> instances, wanted;
int cpus[2] = {0, 1};
bool json = false;

using Clock = std::chrono::steady_clock;
double microseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

/// Microseconds of a batch; the first is not counted.
template <typename Batch>
double median_batch(Batch&& batch) {
  batch();
  std::vector<double> times;
  for (unsigned i = 0; i < kBatches; ++i) {
    const auto start = Clock::now();
    batch();
    times.push_back(microseconds_since(start));
  }
  return median(times);
}

/// What no provider can be below: a cache line from core to core, a word of it written and read.
double line(Side& side, const Case& c) {
  const unsigned first = shared->lines[side.me].word.load();
  unsigned number = first;
  side.meet();
  const double batch = median_batch([&] {
    for (unsigned i = 0; i < c.repeats; ++i) {
      ++number;
      if (side.me == 0) shared->lines[0].word.store(number, std::memory_order_release);
      while (shared->lines[1 - side.me].word.load(std::memory_order_acquire) != number) {
      }
      if (side.me == 1) shared->lines[1].word.store(number, std::memory_order_release);
    }
  });
  return batch / c.repeats / 2;
}

/// Half of a round trip. A receive is always posted before the message that it is for can come.
double ping_pong(Side& side, const Case& c) {
  std::uint64_t number = 0;
  side.post_receive(c.bytes);
  side.meet();
  std::uint64_t expected = 0;
  const auto receive = [&] {
    side.await_receives(++number);
    std::uint64_t word = 0;
    std::memcpy(&word, side.into.data() + c.bytes - sizeof word, sizeof word);
    if (word != ++expected) fail("%s: message %lu has the content of %lu", c.name, expected, word);
    side.post_receive(c.bytes);
  };
  std::uint64_t sent = 0;
  const auto send = [&] {
    ++sent;
    std::memcpy(side.from.data() + c.bytes - sizeof sent, &sent, sizeof sent);
    side.send(c.bytes);
    side.await_sends();
  };
  const double batch = median_batch([&] {
    for (unsigned i = 0; i < c.repeats; ++i) {
      if (side.me == 0) send();
      receive();
      if (side.me == 1) send();
    }
  });
  return batch / c.repeats / 2;
}

/// One direction, windows of messages; microseconds per message.
double stream(Side& side, const Case& c) {
  std::uint64_t received = 0;
  side.meet();
  const double batch = median_batch([&] {
    for (unsigned window = 0; window < c.repeats; ++window) {
      if (side.me == 0) {
        side.post_receive(8);
        for (unsigned i = 0; i < kWindow; ++i) side.send(c.bytes);
        side.await_sends();
        side.await_receives(received += 1);
      } else {
        for (unsigned i = 0; i < kWindow; ++i) side.post_receive(c.bytes);
        side.await_receives(received += kWindow);
        side.send(8);
        side.await_sends();
      }
    }
  });
  return batch / c.repeats / kWindow;
}

/// Each writes into the other's buffer and waits for the answer in its own.
double write_latency(Side& side, const Case& c) {
  std::uint64_t number = 0;
  const auto write = [&] {
    std::memcpy(side.from.data(), &number, sizeof number);
    side.write(c.bytes);
    side.await_sends();
  };
  const auto arrival = [&] {
    const std::atomic_ref<std::uint64_t> inbox(*reinterpret_cast<std::uint64_t*>(side.into.data()));
    while (inbox.load(std::memory_order_acquire) != number) side.drive();
  };
  side.meet();
  const double batch = median_batch([&] {
    for (unsigned i = 0; i < c.repeats; ++i) {
      ++number;
      if (side.me == 0) write();
      arrival();
      if (side.me == 1) write();
    }
  });
  return batch / c.repeats / 2;
}

/// Side 0 writes or reads, `together` at a time, and side 1 lets it; microseconds per operation.
double one_sided(Side& side, const Case& c, bool writes, unsigned together) {
  side.meet();
  const unsigned done = shared->cases_done.load() + 1;
  side.meet();
  if (side.me == 1) {
    while (shared->cases_done.load(std::memory_order_relaxed) != done) side.drive();
    return 0;
  }
  const double batch = median_batch([&] {
    for (unsigned repeat = 0; repeat < c.repeats; ++repeat) {
      for (unsigned i = 0; i < together; ++i) writes ? side.write(c.bytes) : side.read(c.bytes);
      side.await_sends();
    }
  });
  shared->cases_done.store(done);
  return batch / c.repeats / together;
}

/// The buffer that the case filled has the peer's pattern: side 1's, where side 0 sent or wrote; side 0's after a read.
void check_content(Side& side, const Case& c, unsigned receiver) {
  side.meet();
  if (side.me != receiver) return side.meet();
  const auto end = Clock::now() + std::chrono::seconds(1);  // the last write may be under way
  for (;;) {
    std::size_t wrong = 0;
    while (wrong < c.bytes && side.into[wrong] == static_cast<char>(wrong * 7 + wrong / 256 + 1 - side.me)) ++wrong;
    if (wrong == c.bytes) break;
    if (Clock::now() > end) fail("%s: byte %zu is not what was sent", c.name, wrong);
    side.drive();
  }
  side.meet();
}

/// Microseconds, GB/s or million messages a second; of side 0 only.
double run(const Case& c, unsigned me) {
  Side side(me);
  double per_operation = 0;
  switch (c.kind) {
    case Kind::kLine: return line(side, c);
    case Kind::kPingPong: return ping_pong(side, c);
    case Kind::kRate:
    case Kind::kBandwidth: per_operation = stream(side, c); check_content(side, c, 1); break;
    case Kind::kWriteLatency: return write_latency(side, c);
    case Kind::kReadLatency: return one_sided(side, c, false, 1);
    case Kind::kWriteBandwidth: per_operation = one_sided(side, c, true, kWindow); check_content(side, c, 1); break;
    case Kind::kReadBandwidth:
      if (side.me == 1) side.into = side.from;
      per_operation = one_sided(side, c, false, kWindow);
      check_content(side, c, 0);
      break;
  }
  const double million_per_second = 1 / per_operation;
  return c.kind == Kind::kRate ? million_per_second : million_per_second * static_cast<double>(c.bytes) / 1e3;
}

const char* unit(Kind kind) {
  switch (kind) {
    case Kind::kRate: return "M/s";
    case Kind::kBandwidth:
    case Kind::kWriteBandwidth:
    case Kind::kReadBandwidth: return "GB/s";
    default: return "us";
  }
}

/// The life of one of the two processes.
int live(unsigned me) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  alarm(kSecondsUntilGivenUp);
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpus[me], &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) fail("there is no CPU %d to be pinned to", cpus[me]);
  if (!instances.empty()) setenv("WEFT_INSTANCE", instances[me].c_str(), 1);
  const char* separator = "[";
  for (const Case& c : kCases) {
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), c.name) == wanted.end()) continue;
    const double value = run(c, me);
    if (me != 0) continue;
    if (json) {
      std::printf("%s{\"case\": \"%s\", \"unit\": \"%s\", \"value\": %.4f}", separator, c.name, unit(c.kind), value);
    } else {
      std::printf("%-18s %10.3f %s\n", c.name, value, unit(c.kind));
    }
    std::fflush(stdout);
    separator = ",\n ";
  }
  if (me == 0 && json) std::puts("]");
  return 0;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0, comma; begin <= text.size(); begin = comma + 1) {
    comma = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, comma - begin));
  }
  return parts;
}

int usage(const char* what) {
  std::fprintf(stderr, "bench_fabric_pair: %s\nusage: bench_fabric_pair --provider NAME [--cpus A,B] [--instances A,B] "
               "[--addresses A,B] [--cases NAME,...] [--json]\n", what);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--json") {
      json = true;
      continue;
    }
    if (i + 1 == argc) return usage(("no such option, or it lacks its value: " + option).c_str());
    const std::vector<std::string> values = split(argv[++i]);
    if (option == "--provider") {
      provider = values[0];
    } else if (option == "--cases") {
      wanted = values;
    } else if (values.size() != 2) {
      return usage((option + " takes two values with a comma between them").c_str());
    } else if (option == "--cpus") {
      for (int end : {0, 1}) cpus[end] = std::atoi(values[static_cast<std::size_t>(end)].c_str());
    } else if (option == "--instances") {
      instances = values;
    } else if (option == "--addresses") {
      addresses = values;
    } else {
      return usage(("no such option: " + option).c_str());
    }
  }
  if (provider.empty()) return usage("--provider is missing");
  for (const std::string& name : wanted) {
    if (std::none_of(std::begin(kCases), std::end(kCases), [&](const Case& c) { return name == c.name; }))
      return usage(("no such case: " + name).c_str());
  }
  void* page = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return std::perror("bench_fabric_pair: no shared page"), 1;
  shared = new (page) Shared{};

  pid_t processes[2];
  for (unsigned me : {0u, 1u}) {
    processes[me] = fork();
    if (processes[me] < 0) return std::perror("bench_fabric_pair: cannot fork"), 1;
    if (processes[me] == 0) return live(me);
  }
  int result = 0;
  for ([[maybe_unused]] pid_t process : processes) {
    int status = 0;
    const pid_t ended = wait(&status);
    if (status == 0) continue;
    if (result == 0 && WIFSIGNALED(status))
      std::fprintf(stderr, "bench_fabric_pair: side %d ended with signal %d\n", ended == processes[1], WTERMSIG(status));
    result = 1;
    kill(processes[ended == processes[0] ? 1 : 0], SIGKILL);
  }
  return result;
}

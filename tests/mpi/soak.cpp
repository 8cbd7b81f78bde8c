// weft-mpi-soak [--seconds S] [--seed N]: rounds of random operations of every kind, on any number of ranks from 2, with
// every byte checked. The same seed makes the same rounds. A round that takes more than a minute is a hang: it is named.
#include "tests/mpi/soak.hpp"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace weft::mpi_soak {

int rank, ranks;

namespace {

constexpr unsigned kSecondsOfARound = 60;

struct Kind {
  const char* name;
  void (*run)(Plan&, MPI_Comm);
  unsigned weight;
  unsigned long rounds = 0;
};
Kind kinds[] = {{"messages", messages, 8}, {"wildcards", wildcards, 3}, {"probes", probes, 3},
                {"cancels", cancels, 2},   {"types", types, 3},         {"persistent", persistent, 1},
                {"collectives", collectives, 4}, {"windows", windows, 2}};

std::uint64_t seed = 0;
unsigned long round_number = 0;
const char* kind_name = "start";
char where[200];

void remember_where() {
  std::snprintf(where, sizeof where, "rank %d: round %lu (%s), --seed %llu", rank, round_number, kind_name,
                static_cast<unsigned long long>(seed));
}

void hangs(int) {
  constexpr char kEnd[] = ": takes more than a minute\n";
  [[maybe_unused]] ssize_t written = write(2, where, std::strlen(where));
  written = write(2, kEnd, sizeof kEnd - 1);
  _exit(3);
}

Kind& choose(Plan& plan) {
  unsigned total = 0;
  for (const Kind& kind : kinds) total += kind.weight;
  auto drawn = below(plan, total);
  for (Kind& kind : kinds) {
    if (drawn < kind.weight) return kind;
    drawn -= kind.weight;
  }
  return kinds[0];
}

/// Rank 0's clock decides for all.
bool is_time_up(double end) {
  int up = MPI_Wtime() > end;
  MPI_Bcast(&up, 1, MPI_INT, 0, MPI_COMM_WORLD);
  return up != 0;
}

}  // namespace

void check_at(bool good, const char* what, const char* file, int line) {
  if (good) return;
  std::fprintf(stderr, "%s: %s:%d: expected %s\n", where, file, line, what);
  std::fflush(stderr);
  MPI_Abort(MPI_COMM_WORLD, 1);
}

std::size_t any_size(Plan& plan) {
  static constexpr std::size_t kEdges[] = {0, 1, 8, 48, 49, 88, 89, 4096, 4097, 8888, 8928, 8929, 65536, 65537};
  switch (below(plan, 8)) {
    case 0: case 1: return kEdges[below(plan, std::size(kEdges))];
    case 2: case 3: case 4: return below(plan, 200);
    case 5: case 6: return below(plan, 20'000);
    default: return below(plan, below(plan, 8) == 0 ? 3'000'000 : 300'000);
  }
}

void fill(void* to, std::size_t size, std::uint64_t key) {
  auto* bytes = static_cast<unsigned char*>(to);
  std::uint64_t state = key * 0x9e3779b97f4a7c15 + 1;
  for (std::size_t i = 0; i < size; ++i) {
    if (i % 8 == 0) state = state * 6364136223846793005 + 1442695040888963407;
    bytes[i] = static_cast<unsigned char>(state >> (i % 8 * 7));
  }
}

bool is_filled(const void* from, std::size_t size, std::uint64_t key) {
  thread_local std::vector<unsigned char> expected;
  expected.resize(size);
  fill(expected.data(), size, key);
  return size == 0 || std::memcmp(from, expected.data(), size) == 0;
}

namespace {

int run(double seconds) {
  MPI_Comm comms[2];
  for (MPI_Comm& comm : comms) MPI_Comm_dup(MPI_COMM_WORLD, &comm);
  Plan plan(seed);
  const double end = MPI_Wtime() + seconds;
  signal(SIGALRM, hangs);
  for (; !is_time_up(end); ++round_number) {
    Kind& kind = choose(plan);
    kind_name = kind.name;
    remember_where();
    alarm(kSecondsOfARound);
    // Now and then somebody comes late, so that others' messages find nobody waiting.
    const bool late = below(plan, 10) == 0;
    const auto sleeper = static_cast<int>(below(plan, static_cast<std::uint64_t>(ranks)));
    const auto pause_us = below(plan, 20'000);
    if (late && sleeper == rank) usleep(static_cast<useconds_t>(pause_us));
    // Two communicators by turns: a round's stragglers do not meet the next one's wildcards.
    kind.run(plan, comms[round_number % 2]);
    ++kind.rounds;
  }
  alarm(0);
  for (MPI_Comm& comm : comms) MPI_Comm_free(&comm);
  if (rank == 0) {
    for (const Kind& kind : kinds) std::printf("%s %lu, ", kind.name, kind.rounds);
    std::printf("%lu rounds on %d ranks in %.0f s held, seed %llu\n", round_number, ranks, seconds,
                static_cast<unsigned long long>(seed));
  }
  return 0;
}

}  // namespace
}  // namespace weft::mpi_soak

int main(int argc, char** argv) {
  using namespace weft::mpi_soak;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  double seconds = 10;
  seed = std::random_device{}();
  for (int i = 1; i < argc; i += 2) {
    const std::string option = argv[i];
    if (i + 1 < argc && option == "--seconds") {
      seconds = std::atof(argv[i + 1]);
    } else if (i + 1 < argc && option == "--seed") {
      seed = std::strtoull(argv[i + 1], nullptr, 10);
    } else {
      if (rank == 0) std::fprintf(stderr, "usage: weft-mpi-soak [--seconds S] [--seed N]\n");
      MPI_Abort(MPI_COMM_WORLD, 2);
    }
  }
  if (ranks < 2) {
    std::fprintf(stderr, "weft-mpi-soak needs at least 2 ranks: mpirun -n 4 weft-mpi-soak\n");
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  MPI_Bcast(&seed, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
  if (rank == 0) {
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
  }
  const int result = run(seconds);
  MPI_Finalize();
  return result;
}

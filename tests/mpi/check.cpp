// weft-mpi-check [WORD]: an ordinary MPI program, any number of ranks from 2, that checks what it receives. Each part
// prints one line; WORD runs only the parts whose name contains it. Exit code 0 when everything held.
#include "tests/mpi/check.hpp"

#include <cstdio>
#include <cstring>

namespace weft::mpi_check {
namespace {

int failures = 0;

// Runs the part on every rank; true when it held on all of them.
bool run(const Part& part) {
  failures = 0;
  MPI_Barrier(MPI_COMM_WORLD);
  const double start = MPI_Wtime();
  part.run();
  int all = 0;
  MPI_Allreduce(&failures, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  if (rank() == 0) {
    std::printf("%s %-28s %8.1f ms\n", all == 0 ? "ok    " : "FAILED", part.name, (MPI_Wtime() - start) * 1e3);
    std::fflush(stdout);
  }
  return all == 0;
}

}  // namespace

void expect_at(bool holds, const char* what, const char* file, int line) {
  if (holds) return;
  if (++failures > 5) return;
  std::fprintf(stderr, "rank %d: %s:%d: expected %s\n", rank(), file, line, what);
}

void fill(std::vector<std::uint8_t>& bytes, int sender, int message) {
  const auto seed = static_cast<std::size_t>(sender * 131 + message * 17);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + (i >> 8) * 3 + seed);
}

bool is_filled(const std::vector<std::uint8_t>& bytes, std::size_t size, int sender, int message) {
  std::vector<std::uint8_t> expected(size);
  fill(expected, sender, message);
  return bytes.size() >= size && std::memcmp(bytes.data(), expected.data(), size) == 0;
}

}  // namespace weft::mpi_check

int main(int argc, char** argv) {
  using namespace weft::mpi_check;
  MPI_Init(&argc, &argv);
  if (ranks() < 2) {
    std::fprintf(stderr, "weft-mpi-check needs at least 2 ranks: mpirun -n 2 weft-mpi-check\n");
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  const char* word = argc > 1 ? argv[1] : "";
  int held = 0, run_count = 0;
  for (const auto* parts : {&point_to_point_parts(), &matching_parts(), &collective_parts()}) {
    for (const Part& part : *parts) {
      if (std::strstr(part.name, word) == nullptr) continue;
      ++run_count;
      held += run(part) ? 1 : 0;
    }
  }
  if (rank() == 0) std::printf("%d of %d parts held on %d ranks\n", held, run_count, ranks());
  MPI_Finalize();
  return run_count != 0 && held == run_count ? 0 : 1;
}

// weft-mpi-together [--json]: what operations take in which every rank takes part, however few cores they share: a step
// around a ring, an all-reduce, an all-to-all. Microseconds per operation, the mean of a run of them.
#include <mpi.h>

#include <cstdio>
#include <cstring>
#include <vector>

namespace {

constexpr int kWarmUp = 1000, kOperations = 5000;

template <typename Operation>
double mean_us(Operation&& operation) {
  for (int i = 0; i < kWarmUp; ++i) operation();
  MPI_Barrier(MPI_COMM_WORLD);
  const double start = MPI_Wtime();
  for (int i = 0; i < kOperations; ++i) operation();
  MPI_Barrier(MPI_COMM_WORLD);
  return (MPI_Wtime() - start) * 1e6 / kOperations;
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0, ranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  const int right = (rank + 1) % ranks, left = (rank + ranks - 1) % ranks;
  std::vector<char> from(static_cast<std::size_t>(ranks) * 65536, 1), into(from.size());
  const auto ring = [&](int bytes) {
    MPI_Sendrecv(from.data(), bytes, MPI_BYTE, right, 1, into.data(), bytes, MPI_BYTE, left, 1, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
  };
  struct {
    const char* name;
    double us;
  } rows[] = {
      {"ring-8", mean_us([&] { ring(8); })},
      {"ring-65536", mean_us([&] { ring(65536); })},
      {"allreduce-8", mean_us([&] {
         double mine = 1, sum = 0;
         MPI_Allreduce(&mine, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
         if (sum != ranks) MPI_Abort(MPI_COMM_WORLD, 1);
       })},
      {"alltoall-4096", mean_us([&] {
         MPI_Alltoall(from.data(), 4096, MPI_BYTE, into.data(), 4096, MPI_BYTE, MPI_COMM_WORLD);
       })},
  };
  if (rank == 0) {
    const bool json = argc > 1 && std::strcmp(argv[1], "--json") == 0;
    const char* separator = "[";
    for (const auto& row : rows) {
      if (json) {
        std::printf("%s{\"case\": \"%s\", \"us\": %.3f}", separator, row.name, row.us);
      } else {
        std::printf("%-14s %10.1f us\n", row.name, row.us);
      }
      separator = ", ";
    }
    if (json) std::puts("]");
  }
  MPI_Finalize();
  return 0;
}

// weft-mpi-latency [--json]: latency and bandwidth between ranks 0 and 1 per message size, as the OSU benchmarks
// measure them: latency is half the median round trip of a ping-pong (and half that of which one in a hundred is longer),
// bandwidth that of windows of 64 messages in one direction, each window answered by one small message. Other ranks wait asleep.
#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

namespace {

constexpr int kWindow = 64;
constexpr std::size_t kLargest = 4u << 20;

struct Row {
  std::size_t bytes;
  double latency_us, latency_p99_us;
  double megabytes_per_second;
};

// Fewer rounds for large messages: every size takes about the same time.
int rounds_for(std::size_t bytes) { return bytes <= 8192 ? 2000 : bytes <= 65536 ? 500 : bytes <= 1u << 20 ? 60 : 20; }

double percentile(std::vector<double>& values, std::size_t percent) {
  const std::size_t at = values.size() * percent / 100;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

/// Seconds, one for each round.
std::vector<double> latencies(int rank, std::vector<char>& buffer, std::size_t bytes) {
  const int size = static_cast<int>(bytes), rounds = rounds_for(bytes);
  std::vector<double> times;
  for (int i = -rounds / 10; i < rounds; ++i) {  // the first tenth warms up
    const double start = MPI_Wtime();
    if (rank == 0) {
      MPI_Send(buffer.data(), size, MPI_BYTE, 1, 1, MPI_COMM_WORLD);
      MPI_Recv(buffer.data(), size, MPI_BYTE, 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    } else {
      MPI_Recv(buffer.data(), size, MPI_BYTE, 0, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      MPI_Send(buffer.data(), size, MPI_BYTE, 0, 1, MPI_COMM_WORLD);
    }
    if (i >= 0) times.push_back((MPI_Wtime() - start) / 2);
  }
  return times;
}

double bandwidth(int rank, std::vector<char>& buffer, std::size_t bytes) {
  const int size = static_cast<int>(bytes);
  const int windows = std::max(5, rounds_for(bytes) / kWindow);
  std::vector<MPI_Request> requests(kWindow);
  std::vector<double> times;
  char answer = 0;
  for (int i = -1; i < windows; ++i) {
    const double start = MPI_Wtime();
    for (MPI_Request& request : requests) {
      if (rank == 0) {
        MPI_Isend(buffer.data(), size, MPI_BYTE, 1, 2, MPI_COMM_WORLD, &request);
      } else {
        MPI_Irecv(buffer.data(), size, MPI_BYTE, 0, 2, MPI_COMM_WORLD, &request);
      }
    }
    MPI_Waitall(kWindow, requests.data(), MPI_STATUSES_IGNORE);
    if (rank == 0) {
      MPI_Recv(&answer, 1, MPI_BYTE, 1, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    } else {
      MPI_Send(&answer, 1, MPI_BYTE, 0, 3, MPI_COMM_WORLD);
    }
    if (i >= 0) times.push_back(MPI_Wtime() - start);
  }
  return static_cast<double>(bytes) * kWindow / percentile(times, 50) / 1e6;
}

void print(const std::vector<Row>& rows, bool json) {
  if (!json) {
    std::printf("%9s %12s %12s %12s\n", "bytes", "latency us", "p99 us", "MB/s");
    for (const Row& row : rows)
      std::printf("%9zu %12.2f %12.2f %12.1f\n", row.bytes, row.latency_us, row.latency_p99_us, row.megabytes_per_second);
    return;
  }
  const char* separator = "[";
  for (const Row& row : rows) {
    std::printf("%s\n  {\"bytes\": %zu, \"latency_us\": %.3f, \"latency_p99_us\": %.3f, \"bandwidth_mbps\": %.2f}", separator,
                row.bytes, row.latency_us, row.latency_p99_us, row.megabytes_per_second);
    separator = ",";
  }
  std::printf("\n]\n");
}

// The ranks that do not measure must not spin: on few cores they would be measured too.
void wait_asleep(MPI_Request* barrier) {
  for (int done = 0; done == 0; MPI_Test(barrier, &done, MPI_STATUS_IGNORE)) usleep(10'000);
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0, ranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (ranks < 2) {
    std::fprintf(stderr, "weft-mpi-latency needs 2 ranks: mpirun -n 2 weft-mpi-latency\n");
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank < 2) {
    std::vector<char> buffer(kLargest, 1);
    std::vector<Row> rows;
    for (std::size_t bytes = 8; bytes <= kLargest; bytes *= bytes < 1024 ? 8 : 4) {
      std::vector<double> times = latencies(rank, buffer, bytes);
      rows.push_back({bytes, percentile(times, 50) * 1e6, percentile(times, 99) * 1e6, bandwidth(rank, buffer, bytes)});
    }
    if (rank == 0) print(rows, argc > 1 && std::strcmp(argv[1], "--json") == 0);
  }
  MPI_Request barrier;
  MPI_Ibarrier(MPI_COMM_WORLD, &barrier);
  wait_asleep(&barrier);
  MPI_Finalize();
  return 0;
}

// MPI windows: put, get, accumulate, fetch-and-op and compare-and-swap under fences, locks and flushes, with the content
// checked. Three ranks: two of them compete.
#include <mpi.h>

#include <complex>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

int rank, ranks;

void check(bool good, const char* what) {
  if (good) return;
  std::printf("rank %d: %s\n", rank, what);
  std::fflush(stdout);
  MPI_Abort(MPI_COMM_WORLD, 1);
}

int value(int from, int i) { return from * 1'000'003 + i * 7; }

void put_and_get(std::size_t size) {
  std::vector<int> memory(size * static_cast<std::size_t>(ranks), -1), mine(size), there(size);
  for (std::size_t i = 0; i < size; ++i) mine[i] = value(rank, static_cast<int>(i));
  MPI_Win window;
  MPI_Win_create(memory.data(), static_cast<MPI_Aint>(memory.size() * sizeof(int)), sizeof(int), MPI_INFO_NULL,
                 MPI_COMM_WORLD, &window);
  MPI_Win_fence(0, window);
  const int count = static_cast<int>(size);
  for (int to = 0; to < ranks; ++to) MPI_Put(mine.data(), count, MPI_INT, to, rank * count, count, MPI_INT, window);
  MPI_Win_fence(0, window);
  for (int from = 0; from < ranks; ++from)
    for (std::size_t i = 0; i < size; ++i)
      check(memory[static_cast<std::size_t>(from) * size + i] == value(from, static_cast<int>(i)), "put");
  const int next = (rank + 1) % ranks;
  MPI_Get(there.data(), count, MPI_INT, next, next * count, count, MPI_INT, window);
  MPI_Win_fence(0, window);
  for (std::size_t i = 0; i < size; ++i) check(there[i] == value(next, static_cast<int>(i)), "get");
  MPI_Win_free(&window);
}

void accumulate() {
  constexpr int kRounds = 200;
  struct {
    long sum = 0;
    double product = 1;
    long ticket = 0;
    long locked = 0;
    std::complex<double> complex_sum{};
  } memory;
  MPI_Win window;
  MPI_Win_create(&memory, sizeof memory, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &window);
  MPI_Win_lock_all(0, window);
  const auto at = [&](const void* field) { return static_cast<const char*>(field) - reinterpret_cast<char*>(&memory); };
  const long one = 1;
  const double two = rank == 0 ? 2 : 1;
  const std::complex<double> i{0, 1};
  std::vector<long> tickets;
  for (int round = 0; round < kRounds; ++round) {
    MPI_Accumulate(&one, 1, MPI_LONG, 0, at(&memory.sum), 1, MPI_LONG, MPI_SUM, window);
    if (round < 10) MPI_Accumulate(&two, 1, MPI_DOUBLE, 0, at(&memory.product), 1, MPI_DOUBLE, MPI_PROD, window);
    MPI_Accumulate(&i, 1, MPI_CXX_DOUBLE_COMPLEX, 0, at(&memory.complex_sum), 1, MPI_CXX_DOUBLE_COMPLEX, MPI_SUM, window);
    long ticket = -1;
    MPI_Fetch_and_op(&one, &ticket, MPI_LONG, 0, at(&memory.ticket), MPI_SUM, window);
    MPI_Win_flush(0, window);
    check(tickets.empty() || ticket > tickets.back(), "tickets grow");
    tickets.push_back(ticket);
  }
  // A lock by compare-and-swap. Not on oneself: Open MPI 4.1.4's osc/rdma then gives its btl no remote handle and crashes.
  const long me = rank + 1, free_ = 0;
  for (int round = 0; rank != 0 && round < 20; ++round) {
    long before = -1;
    do {
      MPI_Compare_and_swap(&me, &free_, &before, MPI_LONG, 0, at(&memory.locked), window);
      MPI_Win_flush(0, window);
    } while (before != 0);
    long owner = -1;
    MPI_Fetch_and_op(&free_, &owner, MPI_LONG, 0, at(&memory.locked), MPI_REPLACE, window);
    MPI_Win_flush(0, window);
    check(owner == me, "nobody else has the lock");
  }
  MPI_Win_unlock_all(window);
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 0) {
    MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, window);
    check(memory.sum == long{kRounds} * ranks, "sum");
    check(memory.ticket == long{kRounds} * ranks, "tickets");
    check(memory.product == 1024, "product");
    check(memory.complex_sum == std::complex<double>(0, kRounds * ranks), "complex sum");
    MPI_Win_unlock(0, window);
  }
  long last = 0;
  const long mine = tickets.back();
  MPI_Reduce(&mine, &last, 1, MPI_LONG, MPI_MAX, 0, MPI_COMM_WORLD);
  if (rank == 0) check(last == long{kRounds} * ranks - 1, "each ticket once");
  MPI_Win_free(&window);
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  for (const std::size_t size : {1u, 1000u, 100'000u}) put_and_get(size);
  accumulate();
  if (rank == 0) std::printf("one-sided: all good with %d ranks\n", ranks);
  MPI_Finalize();
  return 0;
}

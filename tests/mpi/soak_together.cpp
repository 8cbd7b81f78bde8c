// Rounds in which all ranks take part: collectives, and windows.
#include <algorithm>
#include <numeric>

#include "tests/mpi/soak.hpp"

namespace weft::mpi_soak {
namespace {

/// Everybody's `size` bytes from everybody, with the key of the pair.
void all_to_all(Plan& plan, MPI_Comm comm) {
  const std::uint64_t key = plan();
  std::vector<int> sizes(static_cast<std::size_t>(ranks * ranks));  // [from * ranks + to]
  for (int& size : sizes) size = static_cast<int>(any_size(plan) % 70'000);
  std::vector<int> out(static_cast<std::size_t>(ranks)), in(out), out_at(out), in_at(out);
  for (int i = 0; i < ranks; ++i) {
    const auto u = static_cast<std::size_t>(i);
    out[u] = sizes[static_cast<std::size_t>(rank * ranks + i)];
    in[u] = sizes[static_cast<std::size_t>(i * ranks + rank)];
    if (i > 0) out_at[u] = out_at[u - 1] + out[u - 1], in_at[u] = in_at[u - 1] + in[u - 1];
  }
  std::vector<char> from(static_cast<std::size_t>(out_at.back() + out.back()) + 1);
  std::vector<char> into(static_cast<std::size_t>(in_at.back() + in.back()) + 1);
  for (int to = 0; to < ranks; ++to)
    fill(from.data() + out_at[static_cast<std::size_t>(to)], static_cast<std::size_t>(out[static_cast<std::size_t>(to)]),
         key + static_cast<std::uint64_t>(rank * ranks + to));
  MPI_Alltoallv(from.data(), out.data(), out_at.data(), MPI_BYTE, into.data(), in.data(), in_at.data(), MPI_BYTE, comm);
  for (int i = 0; i < ranks; ++i)
    CHECK(is_filled(into.data() + in_at[static_cast<std::size_t>(i)], static_cast<std::size_t>(in[static_cast<std::size_t>(i)]),
                    key + static_cast<std::uint64_t>(i * ranks + rank)));
}

void broadcast(Plan& plan, MPI_Comm comm, bool at_once) {
  const int root = static_cast<int>(below(plan, static_cast<std::uint64_t>(ranks)));
  const std::size_t size = any_size(plan);
  const std::uint64_t key = plan();
  std::vector<char> bytes(size + 1);
  if (rank == root) fill(bytes.data(), size, key);
  if (at_once) {
    MPI_Bcast(bytes.data(), static_cast<int>(size), MPI_BYTE, root, comm);
  } else {
    MPI_Request request;
    MPI_Ibcast(bytes.data(), static_cast<int>(size), MPI_BYTE, root, comm, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
  }
  CHECK(is_filled(bytes.data(), size, key));
}

void reduce(Plan& plan, MPI_Comm comm) {
  const std::size_t count = 1 + any_size(plan) / 8;
  std::vector<std::int64_t> mine(count), sums(count);
  for (std::size_t i = 0; i < count; ++i) mine[i] = static_cast<std::int64_t>(i) * (rank + 1);
  MPI_Allreduce(mine.data(), sums.data(), static_cast<int>(count), MPI_INT64_T, MPI_SUM, comm);
  const std::int64_t factor = std::int64_t{ranks} * (ranks + 1) / 2;
  for (std::size_t i = 0; i < count; ++i) CHECK(sums[i] == static_cast<std::int64_t>(i) * factor);
  MPI_Scan(mine.data(), sums.data(), static_cast<int>(count), MPI_INT64_T, MPI_SUM, comm);
  for (std::size_t i = 0; i < count; ++i)
    CHECK(sums[i] == static_cast<std::int64_t>(i) * (std::int64_t{rank + 1} * (rank + 2) / 2));
}

/// Halves that talk among themselves, at the same time.
void split(Plan& plan, MPI_Comm comm) {
  std::vector<int> color(static_cast<std::size_t>(ranks));
  for (int& one : color) one = static_cast<int>(below(plan, 2));
  const int mine = color[static_cast<std::size_t>(rank)];
  MPI_Comm part;
  MPI_Comm_split(comm, mine, rank, &part);
  int size = 0, sum = 0, expected = 0;
  MPI_Comm_size(part, &size);
  MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, part);
  for (int i = 0; i < ranks; ++i) expected += color[static_cast<std::size_t>(i)] == mine ? i : 0;
  CHECK(size == static_cast<int>(std::count(color.begin(), color.end(), mine)));
  CHECK(sum == expected);
  MPI_Comm_free(&part);
}

/// Two that are under way at once.
void overlapping(Plan& plan, MPI_Comm comm) {
  const std::size_t size = any_size(plan) % 50'000;
  const std::uint64_t key = plan();
  std::vector<char> mine(size + 1), all(size * static_cast<std::size_t>(ranks) + 1);
  fill(mine.data(), size, key + static_cast<std::uint64_t>(rank));
  MPI_Request requests[2];
  MPI_Iallgather(mine.data(), static_cast<int>(size), MPI_BYTE, all.data(), static_cast<int>(size), MPI_BYTE, comm, &requests[0]);
  MPI_Ibarrier(comm, &requests[1]);
  MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
  for (int i = 0; i < ranks; ++i)
    CHECK(is_filled(all.data() + static_cast<std::size_t>(i) * size, size, key + static_cast<std::uint64_t>(i)));
}

}  // namespace

void collectives(Plan& plan, MPI_Comm comm) {
  switch (below(plan, 6)) {
    case 0: return all_to_all(plan, comm);
    case 1: return broadcast(plan, comm, true);
    case 2: return broadcast(plan, comm, false);
    case 3: return reduce(plan, comm);
    case 4: return split(plan, comm);
    default: return overlapping(plan, comm);
  }
}

void windows(Plan& plan, MPI_Comm comm) {
  // Each rank's memory: a counter, a sum, and a part for each rank.
  const std::size_t part = 1 + any_size(plan) % 40'000;
  const std::uint64_t key = plan();
  const int turns = static_cast<int>(1 + below(plan, 10));
  const std::size_t bytes = 64 + part * static_cast<std::size_t>(ranks);
  char* memory = nullptr;
  MPI_Win window;
  MPI_Win_allocate(static_cast<MPI_Aint>(bytes), 1, MPI_INFO_NULL, comm, &memory, &window);
  std::fill_n(memory, bytes, '\0');
  MPI_Win_fence(0, window);
  std::vector<std::vector<char>> mine;
  for (int to = 0; to < ranks; ++to) {
    auto& data = mine.emplace_back(part);
    fill(data.data(), part, key + static_cast<std::uint64_t>(rank * ranks + to));
    MPI_Put(data.data(), static_cast<int>(part), MPI_BYTE, to, static_cast<MPI_Aint>(64 + part * static_cast<std::size_t>(rank)),
            static_cast<int>(part), MPI_BYTE, window);
  }
  MPI_Win_fence(0, window);
  for (int from = 0; from < ranks; ++from)
    CHECK(is_filled(memory + 64 + part * static_cast<std::size_t>(from), part,
                    key + static_cast<std::uint64_t>(from * ranks + rank)));
  const int other = (rank + 1) % ranks;
  std::vector<char> got(part);
  MPI_Win_lock(MPI_LOCK_SHARED, other, 0, window);
  MPI_Get(got.data(), static_cast<int>(part), MPI_BYTE, other, static_cast<MPI_Aint>(64 + part * static_cast<std::size_t>(rank)),
          static_cast<int>(part), MPI_BYTE, window);
  MPI_Win_unlock(other, window);
  CHECK(got == mine[static_cast<std::size_t>(other)]);
  MPI_Win_fence(0, window);

  const std::int64_t one = 1, two = 2;
  std::vector<std::int64_t> drawn(static_cast<std::size_t>(turns));
  MPI_Win_lock_all(0, window);
  for (std::int64_t& ticket : drawn) {
    MPI_Fetch_and_op(&one, &ticket, MPI_INT64_T, 0, 0, MPI_SUM, window);
    MPI_Accumulate(&two, 1, MPI_INT64_T, other, 8, 1, MPI_INT64_T, MPI_SUM, window);
    MPI_Win_flush_all(window);
  }
  MPI_Win_unlock_all(window);
  MPI_Barrier(comm);
  std::vector<std::int64_t> all(static_cast<std::size_t>(turns * ranks)), expected(all);
  MPI_Allgather(drawn.data(), turns, MPI_INT64_T, all.data(), turns, MPI_INT64_T, comm);
  std::sort(all.begin(), all.end());
  std::iota(expected.begin(), expected.end(), 0);
  CHECK(all == expected);
  MPI_Win_fence(0, window);
  CHECK(*reinterpret_cast<const std::int64_t*>(memory + 8) == 2 * turns);
  MPI_Win_fence(0, window);
  MPI_Win_free(&window);
}

}  // namespace weft::mpi_soak

// Collectives, each against what every rank can work out for itself.
#include <time.h>
#include <unistd.h>

#include <cmath>

#include "tests/mpi/check.hpp"

namespace weft::mpi_check {
namespace {

std::size_t as_size(int value) { return static_cast<std::size_t>(value); }

/// The same clock in all ranks: they are on one machine.
std::int64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void barriers() {
  // Nobody leaves before the last has come, who takes his time.
  for (int round = 0; round < 20; ++round) {
    if (rank() == round % ranks()) usleep(2'000);
    const std::int64_t came_ns = monotonic_ns();
    MPI_Barrier(MPI_COMM_WORLD);
    const std::int64_t left_ns = monotonic_ns();
    std::int64_t last_ns = 0;
    MPI_Allreduce(&came_ns, &last_ns, 1, MPI_INT64_T, MPI_MAX, MPI_COMM_WORLD);
    EXPECT(left_ns >= last_ns);
  }
}

void broadcasts() {
  for (const std::size_t size : {1ul, 3'000ul, 300'000ul, 4'000'000ul}) {
    for (int root = 0; root < ranks(); ++root) {
      std::vector<std::uint8_t> bytes(size);
      if (rank() == root) fill(bytes, root, 1);
      MPI_Bcast(bytes.data(), static_cast<int>(size), MPI_BYTE, root, MPI_COMM_WORLD);
      EXPECT(is_filled(bytes, size, root, 1));
    }
  }
}

void reductions() {
  for (const int count : {1, 100, 50'000}) {
    std::vector<double> mine(as_size(count)), sum(as_size(count)), largest(as_size(count));
    for (int i = 0; i < count; ++i) mine[as_size(i)] = rank() + i;
    MPI_Reduce(mine.data(), sum.data(), count, MPI_DOUBLE, MPI_SUM, ranks() - 1, MPI_COMM_WORLD);
    MPI_Allreduce(mine.data(), largest.data(), count, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    const double base = ranks() * (ranks() - 1) / 2;
    int wrong = 0;
    for (int i = 0; i < count; ++i) {
      if (rank() == ranks() - 1) wrong += std::abs(sum[as_size(i)] - (base + double(ranks()) * i)) > 1e-9 ? 1 : 0;
      wrong += std::abs(largest[as_size(i)] - (ranks() - 1 + i)) > 1e-9 ? 1 : 0;
    }
    EXPECT(wrong == 0);
  }
}

void scans() {
  std::vector<long> mine(1'000), result(1'000);
  for (std::size_t i = 0; i < mine.size(); ++i) mine[i] = rank() + static_cast<long>(i);
  MPI_Scan(mine.data(), result.data(), 1'000, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
  int wrong = 0;
  for (std::size_t i = 0; i < mine.size(); ++i) {
    const long expected = rank() * (rank() + 1) / 2 + (rank() + 1) * static_cast<long>(i);
    wrong += result[i] == expected ? 0 : 1;
  }
  EXPECT(wrong == 0);
}

void gathers_and_scatters() {
  for (const int count : {1, 2'000, 100'000}) {
    const std::size_t each = as_size(count);
    std::vector<std::uint8_t> mine(each), all(each * as_size(ranks())), back(each);
    fill(mine, rank(), 4);
    MPI_Gather(mine.data(), count, MPI_BYTE, all.data(), count, MPI_BYTE, 0, MPI_COMM_WORLD);
    if (rank() == 0) {
      for (int i = 0; i < ranks(); ++i) {
        const auto begin = all.begin() + static_cast<std::ptrdiff_t>(each * as_size(i));
        EXPECT(is_filled({begin, begin + count}, each, i, 4));
      }
    }
    MPI_Scatter(all.data(), count, MPI_BYTE, back.data(), count, MPI_BYTE, 0, MPI_COMM_WORLD);
    EXPECT(back == mine);
    MPI_Allgather(mine.data(), count, MPI_BYTE, all.data(), count, MPI_BYTE, MPI_COMM_WORLD);
    for (int i = 0; i < ranks(); ++i) {
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(each * as_size(i));
      EXPECT(is_filled({begin, begin + count}, each, i, 4));
    }
  }
}

void alltoalls() {
  for (const int count : {1, 1'000, 60'000}) {
    const std::size_t each = as_size(count), peers = as_size(ranks());
    std::vector<std::uint8_t> out(each * peers), in(each * peers), piece(each);
    for (int to = 0; to < ranks(); ++to) {
      fill(piece, rank(), to);
      std::copy(piece.begin(), piece.end(), out.begin() + static_cast<std::ptrdiff_t>(each * as_size(to)));
    }
    MPI_Alltoall(out.data(), count, MPI_BYTE, in.data(), count, MPI_BYTE, MPI_COMM_WORLD);
    for (int from = 0; from < ranks(); ++from) {
      const auto begin = in.begin() + static_cast<std::ptrdiff_t>(each * as_size(from));
      EXPECT(is_filled({begin, begin + count}, each, from, rank()));
    }
  }
}

// Rank r sends (r + to) * 1000 bytes to rank `to`: sizes differ, and some pairs are empty.
void uneven_alltoalls() {
  const auto bytes_between = [](int from, int to) { return (from + to) % 3 == 0 ? 0 : (from + to) * 1'000; };
  std::vector<int> send_counts, send_places, receive_counts, receive_places;
  int send_total = 0, receive_total = 0;
  for (int peer = 0; peer < ranks(); ++peer) {
    send_counts.push_back(bytes_between(rank(), peer));
    send_places.push_back(send_total);
    send_total += send_counts.back();
    receive_counts.push_back(bytes_between(peer, rank()));
    receive_places.push_back(receive_total);
    receive_total += receive_counts.back();
  }
  std::vector<std::uint8_t> out(as_size(send_total)), in(as_size(receive_total));
  for (int to = 0; to < ranks(); ++to) {
    std::vector<std::uint8_t> piece(as_size(send_counts[as_size(to)]));
    fill(piece, rank(), to);
    std::copy(piece.begin(), piece.end(), out.begin() + send_places[as_size(to)]);
  }
  MPI_Alltoallv(out.data(), send_counts.data(), send_places.data(), MPI_BYTE, in.data(), receive_counts.data(),
                receive_places.data(), MPI_BYTE, MPI_COMM_WORLD);
  for (int from = 0; from < ranks(); ++from) {
    const auto begin = in.begin() + receive_places[as_size(from)];
    const int count = receive_counts[as_size(from)];
    EXPECT(is_filled({begin, begin + count}, as_size(count), from, rank()));
  }
}

void overlapping_collectives() {
  // Non-blocking ones in flight together, finished in the reverse order.
  constexpr int kCount = 8;
  std::vector<int> mine(kCount), sums(kCount);
  std::vector<MPI_Request> requests(kCount);
  for (int i = 0; i < kCount; ++i) {
    mine[as_size(i)] = rank() * (i + 1);
    MPI_Iallreduce(&mine[as_size(i)], &sums[as_size(i)], 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD, &requests[as_size(i)]);
  }
  for (int i = kCount - 1; i >= 0; --i) MPI_Wait(&requests[as_size(i)], MPI_STATUS_IGNORE);
  for (int i = 0; i < kCount; ++i) EXPECT(sums[as_size(i)] == ranks() * (ranks() - 1) / 2 * (i + 1));
}

}  // namespace

const std::vector<Part>& collective_parts() {
  static const std::vector<Part> parts{{"barrier", barriers},
                                       {"bcast", broadcasts},
                                       {"reduce, allreduce", reductions},
                                       {"scan", scans},
                                       {"gather, scatter, allgather", gathers_and_scatters},
                                       {"alltoall", alltoalls},
                                       {"alltoallv", uneven_alltoalls},
                                       {"iallreduce, overlapping", overlapping_collectives}};
  return parts;
}

}  // namespace weft::mpi_check

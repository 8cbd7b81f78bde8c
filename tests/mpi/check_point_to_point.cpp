// Messages between two ranks: every size, every way to send, floods, both directions at once.
#include <algorithm>
#include <cstdio>

#include "tests/mpi/check.hpp"

namespace weft::mpi_check {
namespace {

using Bytes = std::vector<std::uint8_t>;

int partner() { return rank() ^ 1; }
bool paired() { return partner() < ranks(); }

void send(const Bytes& bytes, std::size_t size, int to, int tag) {
  MPI_Send(bytes.data(), static_cast<int>(size), MPI_BYTE, to, tag, MPI_COMM_WORLD);
}

MPI_Status receive(Bytes& bytes, int from, int tag) {
  MPI_Status status;
  MPI_Recv(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, from, tag, MPI_COMM_WORLD, &status);
  return status;
}

std::size_t received_bytes(const MPI_Status& status) {
  int count = 0;
  MPI_Get_count(&status, MPI_BYTE, &count);
  return static_cast<std::size_t>(count);
}

// Sizes around every boundary of the layers below: inline, inject, one packet, several, rendezvous.
std::vector<std::size_t> sizes() {
  std::vector<std::size_t> result{0, 1, 7, 8, 40, 56, 64, 87, 88, 89, 1000, 4095, 4096, 4097};
  for (const std::size_t around : {8864ul, 8896ul, 8928ul, 17856ul, 65536ul, 131072ul}) {
    for (std::size_t size = around - 2; size <= around + 2; ++size) result.push_back(size);
  }
  for (const std::size_t size : {262144ul, 1000003ul, 1048576ul, 4194304ul}) result.push_back(size);
  return result;
}

void all_sizes() {
  if (!paired()) return;
  int message = 0;
  for (const std::size_t size : sizes()) {
    Bytes mine(size), theirs(size + 16, 0xee);
    fill(mine, rank(), ++message);
    for (const bool my_turn : {rank() < partner(), rank() > partner()}) {
      if (my_turn) {
        send(mine, size, partner(), message);
      } else {
        const MPI_Status status = receive(theirs, partner(), message);
        EXPECT(status.MPI_SOURCE == partner());
        EXPECT(status.MPI_TAG == message);
        EXPECT(received_bytes(status) == size);
        EXPECT(is_filled(theirs, size, partner(), message));
        EXPECT(theirs[size] == 0xee);
      }
    }
  }
}

void large_messages() {
  if (!paired()) return;
  constexpr std::size_t kSize = 16u << 20;
  Bytes mine(kSize), theirs(kSize);
  fill(mine, rank(), 1);
  MPI_Request requests[2];
  MPI_Irecv(theirs.data(), kSize, MPI_BYTE, partner(), 1, MPI_COMM_WORLD, &requests[0]);
  MPI_Isend(mine.data(), kSize, MPI_BYTE, partner(), 1, MPI_COMM_WORLD, &requests[1]);
  MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
  EXPECT(is_filled(theirs, kSize, partner(), 1));
}

// Thousands of small messages, posted before or after they come; order per pair must hold.
void flood(bool receives_first, std::size_t size, int count) {
  if (!paired()) return;
  std::vector<Bytes> outgoing(static_cast<std::size_t>(count), Bytes(size)), incoming = outgoing;
  std::vector<MPI_Request> requests;
  requests.reserve(2 * outgoing.size());
  const auto post_receives = [&] {
    for (Bytes& bytes : incoming)
      MPI_Irecv(bytes.data(), static_cast<int>(size), MPI_BYTE, partner(), 5, MPI_COMM_WORLD, &requests.emplace_back());
  };
  if (receives_first) post_receives();
  MPI_Barrier(MPI_COMM_WORLD);
  for (int i = 0; i < count; ++i) {
    Bytes& bytes = outgoing[static_cast<std::size_t>(i)];
    fill(bytes, rank(), i);
    MPI_Isend(bytes.data(), static_cast<int>(size), MPI_BYTE, partner(), 5, MPI_COMM_WORLD, &requests.emplace_back());
  }
  if (!receives_first) post_receives();
  MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE);
  int wrong = 0;
  for (int i = 0; i < count; ++i) wrong += is_filled(incoming[static_cast<std::size_t>(i)], size, partner(), i) ? 0 : 1;
  EXPECT(wrong == 0);
}

// All ranks take part in the barrier inside, also the last of an odd number.
void flood_expected() { paired() ? flood(true, 32, 3000) : static_cast<void>(MPI_Barrier(MPI_COMM_WORLD)); }
void flood_unexpected() { paired() ? flood(false, 32, 3000) : static_cast<void>(MPI_Barrier(MPI_COMM_WORLD)); }
void flood_large() { paired() ? flood(false, 100'000, 40) : static_cast<void>(MPI_Barrier(MPI_COMM_WORLD)); }

// Small and large messages on one tag arrive in the order they were sent.
void mixed_sizes_keep_order() {
  if (!paired()) return;
  constexpr int kCount = 200;
  const auto size_of = [](int i) { return i % 7 == 0 ? 300'000ul : i % 3 == 0 ? 20'000ul : static_cast<std::size_t>(i); };
  std::vector<Bytes> outgoing;
  std::vector<MPI_Request> requests(kCount);
  for (int i = 0; i < kCount; ++i) {
    Bytes& bytes = outgoing.emplace_back(size_of(i));
    fill(bytes, rank(), i);
    MPI_Isend(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, partner(), 9, MPI_COMM_WORLD,
              &requests[static_cast<std::size_t>(i)]);
  }
  Bytes incoming(300'000);
  for (int i = 0; i < kCount; ++i) {
    const MPI_Status status = receive(incoming, partner(), 9);
    EXPECT(received_bytes(status) == size_of(i));
    EXPECT(is_filled(incoming, size_of(i), partner(), i));
  }
  MPI_Waitall(kCount, requests.data(), MPI_STATUSES_IGNORE);
}

void synchronous_sends() {
  if (!paired()) return;
  for (const std::size_t size : {0ul, 100ul, 10'000ul, 500'000ul}) {
    Bytes mine(size), theirs(size);
    fill(mine, rank(), 3);
    MPI_Request request;
    MPI_Issend(mine.data(), static_cast<int>(size), MPI_BYTE, partner(), 3, MPI_COMM_WORLD, &request);
    int early = 0;
    if (rank() < partner()) {
      // The partner posts its receive only after our "go": the send cannot be complete before.
      for (int i = 0; i < 100; ++i) {
        int done = 0;
        MPI_Test(&request, &done, MPI_STATUS_IGNORE);
        early |= done;
      }
      EXPECT(early == 0);
      MPI_Send(nullptr, 0, MPI_BYTE, partner(), 4, MPI_COMM_WORLD);
    } else {
      MPI_Recv(nullptr, 0, MPI_BYTE, partner(), 4, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
    receive(theirs, partner(), 3);
    if (early == 0) MPI_Wait(&request, MPI_STATUS_IGNORE);
    EXPECT(is_filled(theirs, size, partner(), 3));
  }
}

void send_and_receive_in_a_ring() {
  const int right = (rank() + 1) % ranks(), left = (rank() + ranks() - 1) % ranks();
  for (const std::size_t size : {8ul, 5'000ul, 200'000ul}) {
    Bytes mine(size), theirs(size);
    fill(mine, rank(), 6);
    MPI_Sendrecv(mine.data(), static_cast<int>(size), MPI_BYTE, right, 6, theirs.data(), static_cast<int>(size),
                 MPI_BYTE, left, 6, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    EXPECT(is_filled(theirs, size, left, 6));
    MPI_Sendrecv_replace(theirs.data(), static_cast<int>(size), MPI_BYTE, left, 7, right, 7, MPI_COMM_WORLD,
                         MPI_STATUS_IGNORE);
    EXPECT(is_filled(theirs, size, rank(), 6));
  }
}

void to_itself() {
  Bytes mine(50'000), theirs(50'000);
  fill(mine, rank(), 8);
  MPI_Request request;
  MPI_Irecv(theirs.data(), 50'000, MPI_BYTE, rank(), 8, MPI_COMM_WORLD, &request);
  MPI_Send(mine.data(), 50'000, MPI_BYTE, rank(), 8, MPI_COMM_WORLD);
  MPI_Wait(&request, MPI_STATUS_IGNORE);
  EXPECT(is_filled(theirs, 50'000, rank(), 8));
}

void persistent_requests() {
  if (!paired()) return;
  Bytes mine(3'000), theirs(3'000);
  MPI_Request requests[2];
  MPI_Recv_init(theirs.data(), 3'000, MPI_BYTE, partner(), 10, MPI_COMM_WORLD, &requests[0]);
  MPI_Send_init(mine.data(), 3'000, MPI_BYTE, partner(), 10, MPI_COMM_WORLD, &requests[1]);
  for (int round = 0; round < 50; ++round) {
    fill(mine, rank(), round);
    MPI_Startall(2, requests);
    MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
    EXPECT(is_filled(theirs, 3'000, partner(), round));
  }
  MPI_Request_free(&requests[0]);
  MPI_Request_free(&requests[1]);
}

// A column of a matrix: memory that is not contiguous on either side.
void strided_types() {
  if (!paired()) return;
  constexpr int kRows = 500, kColumns = 40;
  std::vector<int> matrix(kRows * kColumns);
  for (std::size_t i = 0; i < matrix.size(); ++i) matrix[i] = rank() * 1'000'000 + static_cast<int>(i);
  MPI_Datatype column;
  MPI_Type_vector(kRows, 1, kColumns, MPI_INT, &column);
  MPI_Type_commit(&column);
  MPI_Sendrecv(&matrix[3], 1, column, partner(), 11, &matrix[5], 1, column, partner(), 11, MPI_COMM_WORLD,
               MPI_STATUS_IGNORE);
  MPI_Type_free(&column);
  int wrong = 0;
  for (int row = 0; row < kRows; ++row) {
    const auto at = static_cast<std::size_t>(row * kColumns);
    wrong += matrix[at + 5] == partner() * 1'000'000 + row * kColumns + 3 ? 0 : 1;
    wrong += matrix[at + 4] == rank() * 1'000'000 + row * kColumns + 4 ? 0 : 1;
  }
  EXPECT(wrong == 0);
}

}  // namespace

const std::vector<Part>& point_to_point_parts() {
  static const std::vector<Part> parts{{"all sizes", all_sizes},
                                       {"16 MiB both ways", large_messages},
                                       {"flood, receives first", flood_expected},
                                       {"flood, sends first", flood_unexpected},
                                       {"flood of large messages", flood_large},
                                       {"mixed sizes keep order", mixed_sizes_keep_order},
                                       {"synchronous sends", synchronous_sends},
                                       {"sendrecv in a ring", send_and_receive_in_a_ring},
                                       {"to itself", to_itself},
                                       {"persistent requests", persistent_requests},
                                       {"strided types", strided_types}};
  return parts;
}

}  // namespace weft::mpi_check

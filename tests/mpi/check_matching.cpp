// Which message meets which receive: wildcards, tags, communicators, probes, cancelling, truncation.
#include <algorithm>

#include "tests/mpi/check.hpp"

namespace weft::mpi_check {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Rank 0 receives from everybody without saying whom; every message must come once, in order per sender.
void any_source() {
  constexpr int kEach = 200;
  if (rank() != 0) {
    for (int i = 0; i < kEach; ++i) {
      Bytes bytes(static_cast<std::size_t>(i * 13 % 9'000));
      fill(bytes, rank(), i);
      MPI_Send(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, 0, i, MPI_COMM_WORLD);
    }
    return;
  }
  std::vector<int> next(static_cast<std::size_t>(ranks()));
  Bytes bytes(9'000);
  for (int i = 0; i < kEach * (ranks() - 1); ++i) {
    MPI_Status status;
    MPI_Recv(bytes.data(), 9'000, MPI_BYTE, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
    int& expected = next[static_cast<std::size_t>(status.MPI_SOURCE)];
    EXPECT(status.MPI_TAG == expected);
    EXPECT(is_filled(bytes, static_cast<std::size_t>(expected * 13 % 9'000), status.MPI_SOURCE, expected));
    ++expected;
  }
  EXPECT(std::count(next.begin() + 1, next.end(), kEach) == ranks() - 1);
}

// The receives come in the reverse order of the tags.
void tags_select() {
  constexpr int kCount = 64;
  const int right = (rank() + 1) % ranks(), left = (rank() + ranks() - 1) % ranks();
  std::vector<MPI_Request> requests(kCount);
  std::vector<int> values(kCount);
  for (int i = 0; i < kCount; ++i) {
    values[static_cast<std::size_t>(i)] = rank() * 1000 + i;
    MPI_Isend(&values[static_cast<std::size_t>(i)], 1, MPI_INT, right, i, MPI_COMM_WORLD,
              &requests[static_cast<std::size_t>(i)]);
  }
  for (int i = kCount - 1; i >= 0; --i) {
    int value = -1;
    MPI_Recv(&value, 1, MPI_INT, left, i, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    EXPECT(value == left * 1000 + i);
  }
  MPI_Waitall(kCount, requests.data(), MPI_STATUSES_IGNORE);
}

// The same tag in two communicators are two worlds.
void communicators_are_apart() {
  MPI_Comm other;
  MPI_Comm_dup(MPI_COMM_WORLD, &other);
  const int right = (rank() + 1) % ranks(), left = (rank() + ranks() - 1) % ranks();
  const int first = rank() * 2, second = rank() * 2 + 1;
  MPI_Request requests[2];
  MPI_Isend(&first, 1, MPI_INT, right, 1, MPI_COMM_WORLD, &requests[0]);
  MPI_Isend(&second, 1, MPI_INT, right, 1, other, &requests[1]);
  int from_other = -1, from_world = -1;
  MPI_Recv(&from_other, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, other, MPI_STATUS_IGNORE);
  MPI_Recv(&from_world, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  EXPECT(from_other == left * 2 + 1);
  EXPECT(from_world == left * 2);
  MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
  MPI_Comm_free(&other);
}

void split_communicators() {
  MPI_Comm half;
  MPI_Comm_split(MPI_COMM_WORLD, rank() % 2, -rank(), &half);
  int size = 0, place = 0, sum = 0;
  MPI_Comm_size(half, &size);
  MPI_Comm_rank(half, &place);
  const int mine = rank();
  MPI_Allreduce(&mine, &sum, 1, MPI_INT, MPI_SUM, half);
  int expected = 0;
  for (int i = rank() % 2; i < ranks(); i += 2) expected += i;
  EXPECT(sum == expected);
  EXPECT(size == (ranks() + 1 - rank() % 2) / 2);
  MPI_Comm_free(&half);
}

// Rank 1 sends what it likes; rank 0 asks first.
void probes() {
  constexpr int kRounds = 30;
  if (rank() == 1) {
    for (int i = 0; i < kRounds; ++i) {
      Bytes bytes(static_cast<std::size_t>(i * i * 100));
      fill(bytes, 1, i);
      MPI_Send(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, 0, i, MPI_COMM_WORLD);
    }
  }
  if (rank() != 0) return;
  for (int i = 0; i < kRounds; ++i) {
    MPI_Status status;
    if (i % 2 == 0) {
      MPI_Probe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
    } else {
      for (int found = 0; found == 0;) MPI_Iprobe(1, MPI_ANY_TAG, MPI_COMM_WORLD, &found, &status);
    }
    int count = -1;
    MPI_Get_count(&status, MPI_BYTE, &count);
    EXPECT(status.MPI_SOURCE == 1);
    EXPECT(status.MPI_TAG == i);
    EXPECT(count == i * i * 100);
    Bytes bytes(static_cast<std::size_t>(count));
    MPI_Recv(bytes.data(), count, MPI_BYTE, status.MPI_SOURCE, status.MPI_TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    EXPECT(is_filled(bytes, bytes.size(), 1, i));
  }
  int found = 1;
  MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &found, MPI_STATUS_IGNORE);
  EXPECT(found == 0);
}

// A message taken by mprobe belongs to its handle: a later receive gets the next one.
void matched_probes() {
  constexpr int kRounds = 20;
  if (rank() == 1) {
    // Not blocking: the second of each pair is received before the first.
    std::vector<Bytes> all;
    std::vector<MPI_Request> requests(2 * kRounds);
    for (int i = 0; i < 2 * kRounds; ++i) {
      Bytes& bytes = all.emplace_back(static_cast<std::size_t>(i * 2'000 + 1));
      fill(bytes, 1, i);
      MPI_Isend(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, 0, 2, MPI_COMM_WORLD,
                &requests[static_cast<std::size_t>(i)]);
    }
    MPI_Waitall(2 * kRounds, requests.data(), MPI_STATUSES_IGNORE);
  }
  if (rank() != 0) return;
  for (int i = 0; i < 2 * kRounds; i += 2) {
    MPI_Message message;
    MPI_Status status;
    if (i % 4 == 0) {
      MPI_Mprobe(MPI_ANY_SOURCE, 2, MPI_COMM_WORLD, &message, &status);
    } else {
      for (int found = 0; found == 0;) MPI_Improbe(1, MPI_ANY_TAG, MPI_COMM_WORLD, &found, &message, &status);
    }
    int count = 0;
    MPI_Get_count(&status, MPI_BYTE, &count);
    EXPECT(count == i * 2'000 + 1);
    Bytes second(static_cast<std::size_t>((i + 1) * 2'000 + 1));
    MPI_Recv(second.data(), static_cast<int>(second.size()), MPI_BYTE, 1, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    EXPECT(is_filled(second, second.size(), 1, i + 1));
    Bytes first(static_cast<std::size_t>(count));
    MPI_Mrecv(first.data(), count, MPI_BYTE, &message, &status);
    EXPECT(is_filled(first, first.size(), 1, i));
  }
}

void cancelled_receives() {
  Bytes bytes(100);
  for (int i = 0; i < 10; ++i) {
    MPI_Request request;
    MPI_Irecv(bytes.data(), 100, MPI_BYTE, MPI_ANY_SOURCE, 77, MPI_COMM_WORLD, &request);
    MPI_Cancel(&request);
    MPI_Status status;
    MPI_Wait(&request, &status);
    int cancelled = 0;
    MPI_Test_cancelled(&status, &cancelled);
    EXPECT(cancelled != 0);
  }
  MPI_Barrier(MPI_COMM_WORLD);  // or a fast rank's message would meet a slow rank's receive
  // The tag is free again: a message sent now is not swallowed by a cancelled receive.
  const int right = (rank() + 1) % ranks(), left = (rank() + ranks() - 1) % ranks();
  int value = rank(), got = -1;
  MPI_Sendrecv(&value, 1, MPI_INT, right, 77, &got, 1, MPI_INT, left, 77, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  EXPECT(got == left);
}

// A message longer than the buffer is an error of the receive, writes nothing behind it, and harms nothing after it.
void truncation() {
  if (rank() > 1) return;
  for (const std::size_t size : {20ul, 20'000ul, 500'000ul}) {
    Bytes bytes(size);
    if (rank() == 1) {
      fill(bytes, 1, 1);
      MPI_Send(bytes.data(), static_cast<int>(size), MPI_BYTE, 0, 5, MPI_COMM_WORLD);
      MPI_Send(bytes.data(), static_cast<int>(size), MPI_BYTE, 0, 6, MPI_COMM_WORLD);
      continue;
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    Bytes small(size, 0xee);
    const int error =
        MPI_Recv(small.data(), static_cast<int>(size / 2), MPI_BYTE, 1, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
    int error_class = MPI_SUCCESS;
    MPI_Error_class(error, &error_class);
    EXPECT(error_class == MPI_ERR_TRUNCATE);
    EXPECT(std::all_of(small.begin() + static_cast<std::ptrdiff_t>(size / 2), small.end(),
                       [](std::uint8_t byte) { return byte == 0xee; }));
    MPI_Recv(bytes.data(), static_cast<int>(size), MPI_BYTE, 1, 6, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    EXPECT(is_filled(bytes, size, 1, 1));
  }
}

}  // namespace

const std::vector<Part>& matching_parts() {
  static const std::vector<Part> parts{{"any source, any tag", any_source},
                                       {"tags select", tags_select},
                                       {"communicators are apart", communicators_are_apart},
                                       {"split communicators", split_communicators},
                                       {"probe and iprobe", probes},
                                       {"mprobe, improbe, mrecv", matched_probes},
                                       {"cancelled receives", cancelled_receives},
                                       {"truncation", truncation}};
  return parts;
}

}  // namespace weft::mpi_check

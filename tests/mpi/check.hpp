// The frame of weft-mpi-check: parts that every rank runs, expectations that are counted, one line per part.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weft::mpi_check {

struct Part {
  const char* name;
  void (*run)();
};

// Each file's parts, in the order they run.
const std::vector<Part>& point_to_point_parts();
const std::vector<Part>& matching_parts();
const std::vector<Part>& collective_parts();

inline int rank() {
  int value = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &value);
  return value;
}
inline int ranks() {
  int value = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &value);
  return value;
}

/// Counts a failed expectation of this part and prints the first few.
void expect_at(bool holds, const char* what, const char* file, int line);

/// Bytes that depend on their position, the sender and the message, so that any mix-up shows.
void fill(std::vector<std::uint8_t>& bytes, int sender, int message);
bool is_filled(const std::vector<std::uint8_t>& bytes, std::size_t size, int sender, int message);

}  // namespace weft::mpi_check

#define EXPECT(condition) ::weft::mpi_check::expect_at((condition), #condition, __FILE__, __LINE__)

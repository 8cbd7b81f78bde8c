// What the parts of weft-mpi-soak share: a plan that is the same on every rank, contents that follow from it, and an end at
// the first thing that is wrong.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace weft::mpi_soak {

/// Seeded alike on every rank and drawn from alike by all: what one draws, all draw, in the same order.
using Plan = std::mt19937_64;

inline std::uint64_t below(Plan& plan, std::uint64_t limit) { return plan() % limit; }
/// Of every protocol: nothing, inline, one packet, several, a long message. Few are large.
std::size_t any_size(Plan& plan);

extern int rank, ranks;

/// Says where and in which round, and ends the job.
void check_at(bool good, const char* what, const char* file, int line);

/// The content of a message is its key's, from the first byte to the last.
void fill(void* to, std::size_t size, std::uint64_t key);
bool is_filled(const void* from, std::size_t size, std::uint64_t key);

/// Each is one round of one kind, with a communicator of its own, on which nothing is under way before and after.
void messages(Plan& plan, MPI_Comm comm);   // any number between any pairs, received in any order
void wildcards(Plan& plan, MPI_Comm comm);  // from anybody, with any tag
void probes(Plan& plan, MPI_Comm comm);     // probe, iprobe, mprobe, improbe
void cancels(Plan& plan, MPI_Comm comm);    // receives that are taken back among others that match
void types(Plan& plan, MPI_Comm comm);      // vectors and structs with holes, on either side
void persistent(Plan& plan, MPI_Comm comm); // requests that are started again
void collectives(Plan& plan, MPI_Comm comm);
void windows(Plan& plan, MPI_Comm comm);

}  // namespace weft::mpi_soak

#define CHECK(condition) ::weft::mpi_soak::check_at((condition), #condition, __FILE__, __LINE__)

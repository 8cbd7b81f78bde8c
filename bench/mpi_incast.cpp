// weft-mpi-incast [--bytes N] [--rounds N]: every rank but 0 has a message for rank 0 at once, round after round. Rank 0 says
// when a round begins, and how long each message took from then on. A line of JSON, in microseconds, in the order of their
// ends.
#include <mpi.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

struct Options {
  int bytes = 1 << 20, rounds = 50;
};

Options read(int count, char** arguments) {
  Options options;
  for (int i = 1; i + 1 < count; i += 2) {
    const int value = std::atoi(arguments[i + 1]);
    if (std::strcmp(arguments[i], "--bytes") == 0 && value > 0) options.bytes = value;
    else if (std::strcmp(arguments[i], "--rounds") == 0 && value > 0) options.rounds = value;
    else {
      std::fprintf(stderr, "weft-mpi-incast: %s %s: --bytes N or --rounds N, above 0\n", arguments[i], arguments[i + 1]);
      MPI_Abort(MPI_COMM_WORLD, 2);
    }
  }
  return options;
}

void send_rounds(const Options& options, int rank) {
  std::vector<char> message(static_cast<std::size_t>(options.bytes), static_cast<char>(rank));
  for (int round = 0; round < options.rounds; ++round) {
    char begin = 0;
    MPI_Recv(&begin, 1, MPI_BYTE, 0, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Send(message.data(), options.bytes, MPI_BYTE, 0, 2, MPI_COMM_WORLD);
  }
}

/// Microseconds, of each sender's message.
std::vector<double> receive_round(const Options& options, int senders, std::vector<char>& into) {
  std::vector<MPI_Request> requests(static_cast<std::size_t>(senders));
  for (int i = 0; i < senders; ++i)
    MPI_Irecv(into.data() + static_cast<std::size_t>(i) * static_cast<std::size_t>(options.bytes), options.bytes, MPI_BYTE,
              i + 1, 2, MPI_COMM_WORLD, &requests[static_cast<std::size_t>(i)]);
  const double start = MPI_Wtime();
  const char begin = 0;
  for (int i = 1; i <= senders; ++i) MPI_Send(&begin, 1, MPI_BYTE, i, 1, MPI_COMM_WORLD);
  std::vector<double> times;
  for (int i = 0; i < senders; ++i) {
    int which = 0;
    MPI_Waitany(senders, requests.data(), &which, MPI_STATUS_IGNORE);
    times.push_back((MPI_Wtime() - start) * 1e6);
    const char* const message = into.data() + static_cast<std::size_t>(which) * static_cast<std::size_t>(options.bytes);
    for (const int at : {0, options.bytes / 2, options.bytes - 1})
      if (message[at] != static_cast<char>(which + 1)) {
        std::fprintf(stderr, "weft-mpi-incast: byte %d of the message of rank %d is %d\n", at, which + 1, message[at]);
        MPI_Abort(MPI_COMM_WORLD, 1);
      }
    std::memset(into.data() + static_cast<std::size_t>(which) * static_cast<std::size_t>(options.bytes), -1,
                static_cast<std::size_t>(options.bytes));
  }
  return times;
}

}  // namespace

int main(int count, char** arguments) {
  MPI_Init(&count, &arguments);
  int rank = 0, ranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  const Options options = read(count, arguments);
  if (rank != 0) {
    send_rounds(options, rank);
  } else {
    std::vector<char> into(static_cast<std::size_t>(ranks - 1) * static_cast<std::size_t>(options.bytes));
    std::printf("[");
    for (int round = 0; round < options.rounds; ++round) {
      std::printf("%s[", round == 0 ? "" : ", ");
      const std::vector<double> times = receive_round(options, ranks - 1, into);
      for (std::size_t i = 0; i < times.size(); ++i) std::printf("%s%.1f", i == 0 ? "" : ", ", times[i]);
      std::printf("]");
    }
    std::printf("]\n");
  }
  MPI_Finalize();
  return 0;
}

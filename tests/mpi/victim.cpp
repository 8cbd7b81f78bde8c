// weft-mpi-victim MODE: an MPI program in which something goes wrong on purpose; kill.py watches how it ends.
//
//   killed     the last rank dies by SIGKILL while rank 0 sends it a large message
//   exits      the last rank exits without MPI_Finalize while rank 0 waits for its message
//   stopped    the last rank is stopped (SIGSTOP) with messages under way to it; the others go on, finish their work
//              ("others finished"), wake it, and everything that was sent arrives
//   pingpong   ranks 0 and 1 exchange messages until something ends them; "running" once it goes
#include <mpi.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace {

int rank = 0, ranks = 0;

void say(const char* what) {
  std::printf("%s\n", what);
  std::fflush(stdout);
}

void killed() {
  std::vector<char> large(64u << 20);
  const int last = ranks - 1;
  if (rank == 0) MPI_Send(large.data(), static_cast<int>(large.size()), MPI_BYTE, last, 1, MPI_COMM_WORLD);
  if (rank == last) {
    MPI_Request request;
    MPI_Irecv(large.data(), static_cast<int>(large.size()), MPI_BYTE, 0, 1, MPI_COMM_WORLD, &request);
    for (int i = 0; i < 50; ++i) {  // some of it arrives
      int done = 0;
      MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    }
    raise(SIGKILL);
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

void exits() {
  int value = 0;
  if (rank == ranks - 1) _exit(0);
  if (rank == 0) MPI_Recv(&value, 1, MPI_INT, ranks - 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  MPI_Barrier(MPI_COMM_WORLD);
}

void stopped() {
  constexpr int kSmall = 500, kLargeSize = 2'000'000;  // fewer than tx_attr.size, or MPI_Isend itself would wait
  const int last = ranks - 1;
  int pid = getpid();
  MPI_Bcast(&pid, 1, MPI_INT, last, MPI_COMM_WORLD);
  MPI_Comm others;
  MPI_Comm_split(MPI_COMM_WORLD, rank == last ? 1 : 0, rank, &others);
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == last) {
    raise(SIGSTOP);
  } else {
    usleep(100'000);  // it is stopped now
    std::vector<int> numbers(kSmall);
    std::vector<char> large(kLargeSize, static_cast<char>(rank + 1));
    std::vector<MPI_Request> requests(kSmall + 1);
    for (int i = 0; i < kSmall; ++i) {
      numbers[static_cast<std::size_t>(i)] = i;
      MPI_Isend(&numbers[static_cast<std::size_t>(i)], 1, MPI_INT, last, 1, MPI_COMM_WORLD,
                &requests[static_cast<std::size_t>(i)]);
    }
    MPI_Isend(large.data(), kLargeSize, MPI_BYTE, last, 2, MPI_COMM_WORLD, &requests.back());
    // That they go on is the point, not how much they do: on a machine with other work every hand-over from rank to rank
    // costs a slice of the scheduler's, milliseconds.
    std::vector<double> mine(1'000, rank), sum(1'000);
    for (int round = 0; round < 50; ++round)
      MPI_Allreduce(mine.data(), sum.data(), 1'000, MPI_DOUBLE, MPI_SUM, others);
    if (rank == 0) {
      say(sum[0] == last * (last - 1) / 2 ? "others finished" : "others finished with a wrong sum");
      kill(pid, SIGCONT);
    }
    MPI_Waitall(kSmall + 1, requests.data(), MPI_STATUSES_IGNORE);
  }
  if (rank == last) {
    bool right = true;
    std::vector<char> large(kLargeSize);
    for (int from = 0; from < last; ++from) {
      for (int i = 0; i < kSmall; ++i) {
        int number = -1;
        MPI_Recv(&number, 1, MPI_INT, from, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        right = right && number == i;
      }
      MPI_Recv(large.data(), kLargeSize, MPI_BYTE, from, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      right = right && large == std::vector<char>(kLargeSize, static_cast<char>(from + 1));
    }
    say(right ? "the stopped rank got everything" : "the stopped rank got something wrong");
  }
  MPI_Comm_free(&others);
}

void pingpong() {
  std::vector<char> bytes(1000);
  for (long round = 0; rank < 2; ++round) {
    if (rank == 0) MPI_Send(bytes.data(), 1000, MPI_BYTE, 1, 1, MPI_COMM_WORLD);
    MPI_Recv(bytes.data(), 1000, MPI_BYTE, 1 - rank, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (rank == 1) MPI_Send(bytes.data(), 1000, MPI_BYTE, 0, 1, MPI_COMM_WORLD);
    if (rank == 0 && round == 100) say("running");
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  MPI_Barrier(MPI_COMM_WORLD);
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "killed") {
    killed();
  } else if (mode == "exits") {
    exits();
  } else if (mode == "stopped") {
    stopped();
  } else if (mode == "pingpong") {
    pingpong();
  } else {
    std::fprintf(stderr, "weft-mpi-victim: mode \"%s\"; killed, exits, stopped or pingpong would be right\n",
                 mode.c_str());
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  MPI_Finalize();
  return 0;
}

// What many ranks on one host cost in memory: processes that each open an endpoint and send a message to every other one.
//
//   bench_many_ranks [--ranks 256] [--bytes 1024] [--rounds 20] [--json]
//
// Needs a daemon as any client does: bench/many_ranks.py starts one. Prints MiB before the endpoints were opened and after all
// messages: proportional set sizes of all ranks (each shared page counted once in the sum) and their page tables.
#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_tagged.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr unsigned kMostRanks = 256;

/// What all processes see.
struct Board {
  std::atomic<unsigned> arrived, failed, released;
  char names[kMostRanks][16];
};
Board* board = nullptr;
unsigned ranks = 256, rounds = 20;
std::size_t bytes = 1024;

void check(const char* call, long result) {
  if (result >= 0) return;
  std::fprintf(stderr, "bench_many_ranks: %s: %s\n", call, fi_strerror(static_cast<int>(-result)));
  board->failed.fetch_add(1);
  std::_Exit(1);
}

/// Everybody has come to the step of that number.
template <typename Meanwhile>
void meet(unsigned step, Meanwhile&& meanwhile) {
  board->arrived.fetch_add(1);
  while (board->released.load() < step) {
    meanwhile();
    sched_yield();
  }
}

void rank(unsigned me) {
  fi_info* hints = fi_allocinfo();
  hints->fabric_attr->prov_name = strdup("weft");
  hints->ep_attr->type = FI_EP_RDM;
  hints->caps = FI_TAGGED;
  hints->domain_attr->threading = FI_THREAD_DOMAIN;
  fi_info* info = nullptr;
  check("fi_getinfo", fi_getinfo(FI_VERSION(1, 17), nullptr, nullptr, 0, hints, &info));
  fid_fabric* fabric = nullptr;
  fid_domain* domain = nullptr;
  fid_av* av = nullptr;
  fid_cq* cq = nullptr;
  fid_ep* ep = nullptr;
  check("fi_fabric", fi_fabric(info->fabric_attr, &fabric, nullptr));
  check("fi_domain", fi_domain(fabric, info, &domain, nullptr));
  std::vector<char> from(bytes, 'x'), into(bytes);
  meet(1, [] {});

  fi_av_attr av_attributes{};
  check("fi_av_open", fi_av_open(domain, &av_attributes, &av, nullptr));
  fi_cq_attr cq_attributes{};
  cq_attributes.format = FI_CQ_FORMAT_CONTEXT;
  check("fi_cq_open", fi_cq_open(domain, &cq_attributes, &cq, nullptr));
  check("fi_endpoint", fi_endpoint(domain, info, &ep, nullptr));
  check("fi_ep_bind", fi_ep_bind(ep, &av->fid, 0));
  check("fi_ep_bind", fi_ep_bind(ep, &cq->fid, FI_TRANSMIT | FI_RECV));
  check("fi_enable", fi_enable(ep));
  std::size_t length = sizeof board->names[me];
  check("fi_getname", fi_getname(&ep->fid, board->names[me], &length));
  unsigned done = 0;
  const auto drive = [&] {
    fi_cq_entry entries[16];
    const ssize_t count = fi_cq_read(cq, entries, 16);
    if (count > 0) done += static_cast<unsigned>(count);
    if (count == -FI_EAVAIL) check("an operation", -FI_EIO);
  };
  meet(2, drive);

  std::vector<fi_addr_t> peers(ranks);
  check("fi_av_insert", fi_av_insert(av, board->names, ranks, peers.data(), 0, nullptr));
  for (unsigned round = 0; round < rounds; ++round) {
    done = 0;
    for (unsigned i = 1; i < ranks; ++i) {
      const fi_addr_t to = peers[(me + i) % ranks];
      while (fi_trecv(ep, into.data(), bytes, nullptr, FI_ADDR_UNSPEC, round, 0, nullptr) == -FI_EAGAIN) drive();
      for (;;) {
        const ssize_t sent = fi_tsend(ep, from.data(), bytes, nullptr, to, round, nullptr);
        if (sent != -FI_EAGAIN) check("fi_tsend", sent);
        if (sent == 0) break;
        drive();
      }
    }
    while (done < 2 * (ranks - 1)) {
      drive();
      sched_yield();
    }
    meet(3 + round, drive);
  }
  meet(3 + rounds, drive);
  std::_Exit(0);  // the daemon cleans up: closing is not what is measured
}

/// The sum over the ranks, in KiB.
unsigned long sum(const std::vector<pid_t>& processes, const char* file, std::string_view name) {
  unsigned long total = 0;
  for (const pid_t process : processes) {
    std::ifstream in("/proc/" + std::to_string(process) + "/" + file);
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with(name)) total += std::strtoul(line.c_str() + name.size(), nullptr, 10);
    }
  }
  return total;
}

void release(unsigned step) {
  while (board->arrived.load() < ranks * step) {
    if (board->failed.load() != 0) std::exit(1);
    usleep(1000);
  }
}

}  // namespace

int main(int argc, char** argv) {
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--json") json = true;
    else if (option == "--ranks" && i + 1 < argc) ranks = static_cast<unsigned>(std::atoi(argv[++i]));
    else if (option == "--bytes" && i + 1 < argc) bytes = static_cast<std::size_t>(std::atoll(argv[++i]));
    else if (option == "--rounds" && i + 1 < argc) rounds = static_cast<unsigned>(std::atoi(argv[++i]));
    else {
      std::fprintf(stderr, "usage: bench_many_ranks [--ranks 2..%u] [--bytes N] [--rounds N] [--json]\n", kMostRanks);
      return 2;
    }
  }
  if (ranks < 2 || ranks > kMostRanks) {
    std::fprintf(stderr, "bench_many_ranks: --ranks %u: 2 to %u would be right\n", ranks, kMostRanks);
    return 2;
  }
  void* memory = mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  board = new (memory) Board{};
  std::vector<pid_t> processes;
  for (unsigned i = 0; i < ranks; ++i) {
    const pid_t child = fork();
    if (child < 0) return 1;
    if (child == 0) rank(i);
    processes.push_back(child);
  }
  release(1);
  const unsigned long before = sum(processes, "smaps_rollup", "Pss:"), tables_before = sum(processes, "status", "VmPTE:");
  for (unsigned step = 1; step < 3 + rounds; ++step) {
    board->released.store(step);
    release(step + 1);
  }
  const unsigned long after = sum(processes, "smaps_rollup", "Pss:"), tables = sum(processes, "status", "VmPTE:");
  board->released.store(3 + rounds);
  for (const pid_t process : processes) waitpid(process, nullptr, 0);
  if (json) {
    std::printf("{\"ranks\": %u, \"pss_before_kib\": %lu, \"pss_kib\": %lu, \"page_tables_before_kib\": %lu, "
                "\"page_tables_kib\": %lu}\n", ranks, before, after, tables_before, tables);
  } else {
    std::printf("%u ranks: %.1f MiB before their endpoints, %.1f MiB after; page tables %.1f and %.1f MiB\n", ranks,
                static_cast<double>(before) / 1024, static_cast<double>(after) / 1024,
                static_cast<double>(tables_before) / 1024, static_cast<double>(tables) / 1024);
  }
}

// weft-fabric-peer: an endpoint in a process of its own, told by lines on standard input what to do, so that a script can
// kill it, stop it, let it fork, or take its daemon away. It reads its completion queue all the time.
//
//   insert IP PORT            a peer: prints "peer INDEX"
//   send|dcsend|receive|read|write NAME PEER BYTES     PEER of receive: an index, or `any`. Prints "NAME posted" or
//                             "NAME refused ERROR"; later "NAME ok BYTES" or "NAME error ERROR PROV_ERRNO MILLISECONDS"
//   flood PEER BYTES          sends until there is no room: prints "flooded COUNT"; all of them are called `flood`
//   close | open PORT         the endpoint: prints "closed MILLISECONDS"; "address IP PORT" or "refused ERROR"
//   fork | forkexit           a child that waits for ever: "child PID"; one that tries every call and ends: "child status N"
//   exit                      returns from main() as it is
//
// At the start it prints "address IP PORT". Memory that peers may read and write has key 1 and 16 MiB.
#include <arpa/inet.h>
#include <poll.h>
#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>
#include <rdma/fi_tagged.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <list>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMemory = 16u << 20;
constexpr std::uint64_t kKey = 1;

long since_ms(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
}

void check(int result, const char* what) {
  if (result == 0) return;
  std::printf("failed %s: %s\n", what, fi_strerror(-result));
  std::exit(1);
}

struct Operation {
  std::string name;
  Clock::time_point start;
  std::vector<char> memory;
};

class Peer {
 public:
  Peer() : memory_(kMemory) {
    fi_info* hints = fi_allocinfo();
    hints->caps = FI_MSG | FI_TAGGED | FI_RMA | FI_DIRECTED_RECV | FI_SOURCE;
    hints->fabric_attr->prov_name = strdup("weft");
    check(fi_getinfo(FI_VERSION(1, 17), nullptr, nullptr, 0, hints, &info_), "fi_getinfo");
    fi_freeinfo(hints);
    check(fi_fabric(info_->fabric_attr, &fabric_, nullptr), "fi_fabric");
    fi_eq_attr eq_attributes{};
    check(fi_eq_open(fabric_, &eq_attributes, &eq_, nullptr), "fi_eq_open");
    check(fi_domain(fabric_, info_, &domain_, nullptr), "fi_domain");
    fi_av_attr av_attributes{};
    av_attributes.type = FI_AV_TABLE;
    check(fi_av_open(domain_, &av_attributes, &av_, nullptr), "fi_av_open");
    fi_cq_attr cq_attributes{};
    cq_attributes.format = FI_CQ_FORMAT_TAGGED;
    cq_attributes.wait_obj = FI_WAIT_UNSPEC;
    check(fi_cq_open(domain_, &cq_attributes, &cq_, nullptr), "fi_cq_open");
    fi_cntr_attr counter_attributes{};
    counter_attributes.wait_obj = FI_WAIT_UNSPEC;
    check(fi_cntr_open(domain_, &counter_attributes, &counter_, nullptr), "fi_cntr_open");
    check(fi_mr_reg(domain_, memory_.data(), memory_.size(), FI_REMOTE_READ | FI_REMOTE_WRITE, 0, kKey, 0, &region_,
                    nullptr),
          "fi_mr_reg");
    open(0);
  }

  void open(std::uint16_t port) {
    fi_info* info = fi_dupinfo(info_);
    static_cast<sockaddr_in*>(info->src_addr)->sin_port = htons(port);
    check(fi_endpoint(domain_, info, &ep_, nullptr), "fi_endpoint");
    fi_freeinfo(info);
    check(fi_ep_bind(ep_, &eq_->fid, 0), "fi_ep_bind eq");
    check(fi_ep_bind(ep_, &av_->fid, 0), "fi_ep_bind av");
    check(fi_ep_bind(ep_, &cq_->fid, FI_TRANSMIT | FI_RECV), "fi_ep_bind cq");
    check(fi_ep_bind(ep_, &counter_->fid, FI_REMOTE_WRITE), "fi_ep_bind counter");
    if (const int error = fi_enable(ep_); error != 0) {
      fi_close(&ep_->fid);
      ep_ = nullptr;
      std::printf("refused %s\n", fi_strerror(-error));
      return;
    }
    sockaddr_in name{};
    std::size_t size = sizeof name;
    check(fi_getname(&ep_->fid, &name, &size), "fi_getname");
    char ip[INET_ADDRSTRLEN];
    std::printf("address %s %u\n", inet_ntop(AF_INET, &name.sin_addr, ip, sizeof ip), unsigned{ntohs(name.sin_port)});
  }

  /// False: end.
  bool obey(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    if (verb == "exit") return false;
    if (verb == "insert") {
      insert(words);
    } else if (verb == "flood") {
      flood(words);
    } else if (verb == "close") {
      const auto start = Clock::now();
      check(fi_close(&ep_->fid), "fi_close");
      ep_ = nullptr;
      std::printf("closed %ld\n", since_ms(start));
    } else if (verb == "open") {
      std::uint16_t port = 0;
      words >> port;
      open(port);
    } else if (verb == "fork") {
      const pid_t child = fork();
      if (child == 0)
        for (;;) pause();
      std::printf("child %d\n", child);
    } else if (verb == "forkexit") {
      std::fflush(stdout);  // or the child writes it again
      const pid_t child = fork();
      if (child == 0) std::exit(try_everything());
      int status = -1;
      waitpid(child, &status, 0);
      std::printf("child status %d\n", status);
    } else {
      post(verb, words);
    }
    std::fflush(stdout);
    return true;
  }

  void progress() {
    fi_cq_tagged_entry entry;
    for (;;) {
      const ssize_t result = ep_ != nullptr ? fi_cq_read(cq_, &entry, 1) : -FI_EAGAIN;
      if (result == 1) {
        auto* operation = static_cast<Operation*>(entry.op_context);
        std::printf("%s ok %zu\n", operation->name.c_str(), entry.len);
      } else if (result == -FI_EAVAIL) {
        fi_cq_err_entry error{};
        check(fi_cq_readerr(cq_, &error, 0) == 1 ? 0 : -FI_EOTHER, "fi_cq_readerr");
        auto* operation = static_cast<Operation*>(error.op_context);
        std::printf("%s error %d %d %ld\n", operation->name.c_str(), error.err, error.prov_errno,
                    since_ms(operation->start));
      } else {
        break;
      }
      std::fflush(stdout);
    }
    fi_eq_err_entry event{};
    if (fi_eq_readerr(eq_, &event, 0) > 0) {
      std::printf("event error %d %d of %s\n", event.err, event.prov_errno,
                  ep_ != nullptr && event.fid == &ep_->fid ? "the endpoint" : "something else");
      std::printf("counter errors %lu\n", static_cast<unsigned long>(fi_cntr_readerr(counter_)));
      std::fflush(stdout);
    }
  }

 private:
  void insert(std::istringstream& words) {
    std::string ip;
    unsigned port = 0;
    words >> ip >> port;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    inet_pton(AF_INET, ip.c_str(), &address.sin_addr);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    fi_addr_t index = 0;
    check(fi_av_insert(av_, &address, 1, &index, 0, nullptr) == 1 ? 0 : -FI_EINVAL, "fi_av_insert");
    std::printf("peer %lu\n", static_cast<unsigned long>(index));
  }

  void flood(std::istringstream& words) {
    fi_addr_t peer = 0;
    std::size_t bytes = 0;
    words >> peer >> bytes;
    Operation& operation = operations_.emplace_back();
    operation = {"flood", Clock::now(), std::vector<char>(bytes)};
    unsigned count = 0;
    while (fi_tsend(ep_, operation.memory.data(), bytes, nullptr, peer, 1, &operation) == 0) ++count;
    std::printf("flooded %u\n", count);
  }

  void post(const std::string& verb, std::istringstream& words) {
    std::string name, peer_word;
    std::size_t bytes = 0;
    words >> name >> peer_word >> bytes;
    const fi_addr_t peer = peer_word == "any" ? FI_ADDR_UNSPEC : std::stoul(peer_word);
    Operation& operation = operations_.emplace_back();
    operation = {name, Clock::now(), std::vector<char>(bytes)};
    char* const memory = operation.memory.data();
    ssize_t result = -FI_ENOSYS;
    if (verb == "send") result = fi_tsend(ep_, memory, bytes, nullptr, peer, 1, &operation);
    if (verb == "receive") result = fi_trecv(ep_, memory, bytes, nullptr, peer, 1, 0, &operation);
    if (verb == "read") result = fi_read(ep_, memory, bytes, nullptr, peer, 0, kKey, &operation);
    if (verb == "write") result = fi_write(ep_, memory, bytes, nullptr, peer, 0, kKey, &operation);
    if (verb == "dcsend") {
      const iovec piece{memory, bytes};
      fi_msg_tagged message{};
      message.msg_iov = &piece;
      message.iov_count = 1;
      message.addr = peer;
      message.tag = 1;
      message.context = &operation;
      result = fi_tsendmsg(ep_, &message, FI_DELIVERY_COMPLETE | FI_COMPLETION);
    }
    if (result == 0) {
      std::printf("%s posted\n", name.c_str());
    } else {
      std::printf("%s refused %s\n", name.c_str(), fi_strerror(static_cast<int>(-result)));
    }
  }

  /// In a child: 0, or the number of the first call that does not say FI_EOPNOTSUPP.
  int try_everything() {
    char word[8] = {};
    int descriptor = 0, number = 0;
    std::size_t size = sizeof word;
    fi_cq_tagged_entry entry;
    fi_cq_err_entry cq_error{};
    fi_eq_err_entry eq_error{};
    std::uint32_t event = 0;
    fi_addr_t index = 0;
    fid* objects[] = {&cq_->fid};
    fid_ep* ep = nullptr;
    fid_domain* domain = nullptr;
    fid_fabric* fabric = nullptr;
    fid_mr* region = nullptr;
    fid_cq* cq = nullptr;
    const ssize_t answers[] = {
        fi_tsend(ep_, word, 8, nullptr, 0, 1, nullptr),
        fi_trecv(ep_, word, 8, nullptr, 0, 1, 0, nullptr),
        fi_tinject(ep_, word, 8, 0, 1),
        fi_read(ep_, word, 8, nullptr, 0, 0, kKey, nullptr),
        fi_write(ep_, word, 8, nullptr, 0, 0, kKey, nullptr),
        fi_cq_read(cq_, &entry, 1),
        fi_cq_readerr(cq_, &cq_error, 0),
        fi_cq_sread(cq_, &entry, 1, nullptr, 1000),
        fi_cq_signal(cq_),
        fi_control(&cq_->fid, FI_GETWAIT, &descriptor),
        fi_control(&counter_->fid, FI_GETWAIT, &descriptor),
        fi_cntr_wait(counter_, 100, 1000),
        fi_cntr_add(counter_, 1),
        fi_trywait(fabric_, objects, 1),
        fi_eq_read(eq_, &event, word, 8, 0),
        fi_eq_readerr(eq_, &eq_error, 0),
        fi_eq_sread(eq_, &event, word, 8, 1000, 0),
        fi_eq_write(eq_, FI_NOTIFY, word, 8, 0),
        fi_av_remove(av_, &index, 1, 0),
        fi_av_lookup(av_, 0, word, &size),
        fi_cancel(&ep_->fid, nullptr),
        fi_getname(&ep_->fid, word, &size),
        fi_setname(&ep_->fid, word, size),
        fi_getopt(&ep_->fid, FI_OPT_ENDPOINT, FI_OPT_MIN_MULTI_RECV, word, &size),
        fi_setopt(&ep_->fid, FI_OPT_ENDPOINT, FI_OPT_MIN_MULTI_RECV, word, size),
        fi_enable(ep_),
        fi_mr_reg(domain_, word, 8, FI_REMOTE_READ, 0, 2, 0, &region, nullptr),
        fi_cq_open(domain_, nullptr, &cq, nullptr),
        fi_endpoint(domain_, info_, &ep, nullptr),
        fi_domain(fabric_, info_, &domain, nullptr),
        fi_fabric(info_->fabric_attr, &fabric, nullptr),
        fi_close(&ep_->fid),
        fi_close(&region_->fid),
        fi_close(&counter_->fid),
        fi_close(&cq_->fid),
        fi_close(&av_->fid),
        fi_close(&eq_->fid),
        fi_close(&domain_->fid),
        fi_close(&fabric_->fid),
    };
    for (const ssize_t answer : answers) {
      ++number;
      if (answer != -FI_EOPNOTSUPP) return number;
    }
    return 0;
  }

  std::vector<char> memory_;
  std::list<Operation> operations_;  // contexts stay
  fi_info* info_ = nullptr;
  fid_fabric* fabric_ = nullptr;
  fid_eq* eq_ = nullptr;
  fid_domain* domain_ = nullptr;
  fid_av* av_ = nullptr;
  fid_cq* cq_ = nullptr;
  fid_cntr* counter_ = nullptr;
  fid_mr* region_ = nullptr;
  fid_ep* ep_ = nullptr;
};

}  // namespace

int main() {
  Peer& peer = *new Peer;  // never destroyed: what is open stays open to the end of the process
  std::fflush(stdout);
  std::string pending;
  for (;;) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, 0) > 0) {
      char bytes[4096];
      const ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
      if (count <= 0) return 0;
      pending.append(bytes, static_cast<std::size_t>(count));
      for (std::size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1))
        if (!peer.obey(pending.substr(0, end))) return 0;
    }
    peer.progress();
    usleep(200);
  }
}

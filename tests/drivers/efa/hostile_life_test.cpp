// Clients that are hostile for their whole life against a daemon that runs: records that are mutated, cut short or come
// with descriptors, a socket that is closed at every step, doorbells that are full, a wake pipe without a reader, and a
// thread that writes over the rings while the daemon works on them, before, during and after the end of the connection.
// Two others send each other checked packets all the time. Under AddressSanitizer nothing outside of their own memory is
// touched; everywhere the two lose nothing, and in the end nothing of the hostile ones is left.
#include <fcntl.h>

#include <csignal>
#include <memory>
#include <random>

#include "tests/drivers/efa/mapped_client.hpp"

namespace weft::efa::test {
namespace {

using Random = std::mt19937;

std::uint32_t interesting(Random& random) {
  static const std::uint32_t values[] = {0,    1,     2,          87,         88,         89,        255, 256, 8928,
                                         8929, 65535, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
  return random() % 3 == 0 ? static_cast<std::uint32_t>(random()) : values[random() % std::size(values)];
}

AddressBytes address_of(std::uint8_t number) { return LoopbackDaemon::function("", number).address.octets; }

/// Two clients that turn by turn send the other one a packet whose size and content follow from its number.
class Bystanders {
 public:
  explicit Bystanders(const std::string& a, const std::string& b) : talkers_{Talker(a), Talker(b)} {
    for (int i : {0, 1}) {
      talkers_[i].say(Talker::hello());
      EXPECT_EQ(talkers_[i].hear<HelloReply>().header.error, 0U);
      clients_[i] = std::make_unique<MappedClient>(talkers_[i], Talker::create_qp());
      if (!clients_[i]->ok()) throw std::runtime_error("a bystander has no queue pair");
      for (std::uint32_t buffer = 0; buffer < clients_[i]->rx_buffers; ++buffer) clients_[i]->post_receive(buffer);
    }
    thread_ = std::thread([this] { live(); });
  }
  /// How many packets were exchanged; says what went wrong.
  std::uint64_t finish() {
    stop_ = true;
    thread_.join();
    EXPECT_EQ(wrong_, "");
    return exchanged_;
  }
  std::uint32_t qpn(int i) const { return clients_[i]->qpn; }

 private:
  void live() {
    while (!stop_ && wrong_.empty()) {
      exchange(static_cast<int>(exchanged_ % 2));
      ++exchanged_;
    }
  }

  void exchange(int from) {
    const auto payload = content();
    MappedClient &sender = *clients_[from], &receiver = *clients_[1 - from];
    std::optional<SendStatus> status;
    // What the hostile ones send it legally may fill its queue for a moment.
    for (int attempt = 0; attempt < 10'000; ++attempt) {
      status = sender.send(address_of(static_cast<std::uint8_t>(2 - from)), receiver.qpn, receiver.qkey, payload);
      if (status != SendStatus::kRemoteRnr || take_own(from, payload)) break;
    }
    if (status != SendStatus::kOk) {
      wrong_ = status ? "a packet ended with status " + std::to_string(static_cast<int>(*status)) : "the daemon stands still";
    } else if (!MappedClient::wait([&] { return take_own(from, payload); })) {
      wrong_ = "packet " + std::to_string(exchanged_) + " did not come";
    }
  }

  /// Empties the receiver's queue; true: the packet of the other bystander was among them, whole.
  bool take_own(int from, const std::vector<std::byte>& payload) {
    bool found = false;
    while (auto packet = clients_[1 - from]->take()) {
      if (packet->qkey != clients_[from]->qkey || packet->qpn != clients_[from]->qpn) continue;
      if (found) wrong_ = "packet " + std::to_string(exchanged_) + " came twice";
      if (packet->payload != payload) wrong_ = "packet " + std::to_string(exchanged_) + " is not what was sent";
      found = true;
    }
    return found;
  }

  std::vector<std::byte> content() const {
    std::vector<std::byte> bytes(8 + exchanged_ * 797 % 8900);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(exchanged_ + i * 7);
    return bytes;
  }

  Talker talkers_[2];
  std::unique_ptr<MappedClient> clients_[2];
  std::uint64_t exchanged_ = 0;
  std::string wrong_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

/// Some bits of it turned over, cut short, longer, or as it is.
template <typename Message>
std::vector<char> mutated(const Message& message, Random& random) {
  std::vector<char> record(sizeof message);
  std::memcpy(record.data(), &message, sizeof message);
  const unsigned kind = random() % 8;
  if (kind == 0) record.resize(random() % (sizeof message + 1));
  if (kind == 1) record.resize(sizeof message + random() % 5000, '\x5a');
  if (kind == 2)
    for (unsigned flips = 1 + random() % 4; flips != 0; --flips)
      record[random() % record.size()] ^= static_cast<char>(1U << random() % 8);
  return record;
}

class Hostile {
 public:
  Hostile(std::string path, unsigned seed, std::vector<std::uint32_t> qpns)
      : path_(std::move(path)), random_(seed), qpns_(std::move(qpns)) {}

  /// One life, from connecting to the end of the connection.
  void live() {
    auto talker = std::make_unique<Talker>(path_);
    if (over()) return;
    say(*talker, mutated(Talker::hello(), random_));
    if (over()) return;
    char reply[sizeof(HelloReply)];
    if (talker->hear(reply, sizeof reply) == 0 || over()) return;
    CreateQp request = Talker::create_qp();
    request.sq_depth = 1U << random_() % 6, request.cq_depth = 1U << random_() % 6;
    request.rx_buffers = 1U << random_() % 4, request.tx_buffers = 1U << random_() % 4;
    if (random_() % 4 == 0) {
      say(*talker, mutated(request, random_));
      if (random_() % 2 == 0) return;  // the reply with its three descriptors stays in the socket
      talker->hear(reply, sizeof reply);
      return;
    }
    MappedClient client(*talker, request);
    if (!client.ok()) return;
    ++queue_pairs;
    work(client, talker);
  }

  unsigned queue_pairs = 0;

 private:
  bool over() { return random_() % 8 == 0; }

  /// Sometimes with descriptors: of a pipe, of the very memory.
  void say(Talker& talker, std::vector<char> record) {
    int ends[2];
    if (random_() % 4 != 0 || pipe2(ends, O_CLOEXEC) != 0) {
      talker.say(record.data(), record.size());
      return;
    }
    iovec part{record.data(), record.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof ends)] = {};
    msghdr message{};
    message.msg_iov = &part, message.msg_iovlen = 1;
    message.msg_control = control, message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS, header->cmsg_len = CMSG_LEN(sizeof ends);
    std::memcpy(CMSG_DATA(header), ends, sizeof ends);
    sendmsg(talker.fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(ends[0]), close(ends[1]);
  }

  void work(MappedClient& client, std::unique_ptr<Talker>& talker) {
    std::atomic<bool> stop{false};
    std::thread scribbler([&, seed = random_()] {
      Random random(static_cast<unsigned>(seed));
      while (!stop.load(std::memory_order_relaxed)) scribble(client, random);
    });
    for (unsigned steps = random_() % 12; steps != 0; --steps) step(client, talker);
    talker.reset();  // the scribbler goes on, over memory that the daemon lets go of now
    std::this_thread::sleep_for(std::chrono::microseconds(random_() % 500));
    stop = true;
    scribbler.join();
  }

  void step(MappedClient& client, std::unique_ptr<Talker>& talker) {
    switch (random_() % 10) {
      case 0: eventfd_write(client.doorbell.get(), 0xfffffffffffffffeULL); break;  // full: or EAGAIN, never a wait
      case 1: client.arrivals = FileDescriptor(); break;                           // whoever wakes it now gets EPIPE
      case 2: if (talker) shutdown(talker->fd(), random_() % 2 == 0 ? SHUT_WR : SHUT_RD); break;
      case 3: talker.reset(); break;
      case 4: EXPECT_NE(ftruncate(client.memory.get(), 4096), 0) << "shrunk under the daemon"; break;
      case 5:  // pages go, and come back as zeroes
        fallocate(client.memory.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                  static_cast<off_t>(4096 * (1 + random_() % 8)));
        break;
      case 6: if (talker) say(*talker, mutated(Talker::create_qp(), random_)); break;
      case 7: if (talker) say(*talker, mutated(channel_record(), random_)); break;
      default: std::this_thread::sleep_for(std::chrono::microseconds(random_() % 300)); break;
    }
  }

  RequestChannel channel_record() {
    RequestChannel record{};
    record.header.type = static_cast<MessageType>(5 + random_() % 4);
    record.header.size = sizeof record;
    const AddressBytes to = address_of(static_cast<std::uint8_t>(1 + random_() % 4));
    std::memcpy(record.destination, to.data(), 16);
    record.qpn = qpns_[random_() % qpns_.size()];
    return record;
  }

  void scribble(MappedClient& client, Random& random) const {
    const auto put = [](auto& at, std::uint32_t value) {
      std::atomic_ref<std::uint32_t>(reinterpret_cast<std::uint32_t&>(at)).store(value, std::memory_order_relaxed);
    };
    const auto words = client.words();
    SendEntry& entry = client.sends[random() % client.sq_depth];
    switch (random() % 10) {
      case 0: put(entry.length, random() % 2 == 0 ? 88 : interesting(random)); break;
      case 1: put(entry.buffer, interesting(random)); break;
      case 2: put(entry.destination_qpn, random() % 2 == 0 ? qpns_[random() % qpns_.size()] : interesting(random)); break;
      case 3: {
        const AddressBytes to = address_of(static_cast<std::uint8_t>(1 + random() % 5));
        for (std::size_t i = 0; i < 4; ++i) {
          std::uint32_t word;
          std::memcpy(&word, to.data() + 4 * i, 4);
          put(entry.destination[4 * i], word);
        }
        break;
      }
      case 4: put(client.header()->rq_tail, interesting(random)); break;
      case 5: put(client.header()->cq_head, interesting(random)); break;
      case 6: put(client.rq[random() % client.rq_depth], interesting(random)); break;
      case 7: put(client.header()->client_asleep, interesting(random)); break;
      case 8: put(words[random() % words.size()], interesting(random)); break;
      case 9: {  // what the daemon waits for, so that it takes up what stands there
        const std::uint32_t head = client.header()->sq_head.load(std::memory_order_relaxed);
        for (std::uint32_t i = 0; i < client.sq_depth; ++i)
          client.sends[(head + i) & (client.sq_depth - 1)].sequence.store(head + i + 1, std::memory_order_release);
        client.ring();
        break;
      }
    }
  }

  const std::string path_;
  Random random_;
  const std::vector<std::uint32_t> qpns_;
};

class HostileLifeTest : public testing::Test {
 protected:
  Directory directory;
  LoopbackDaemon daemon{directory.path, {LoopbackDaemon::function("c", 1), LoopbackDaemon::function("d", 2),
                                         LoopbackDaemon::function("a", 3), LoopbackDaemon::function("a", 4)}};
  std::string path(const std::string& instance) const { return efa_socket_path(directory.path, instance); }
};

TEST_F(HostileLifeTest, others_do_not_notice_and_nothing_is_left) {
  std::signal(SIGPIPE, SIG_IGN);  // as a daemon does; a wake-up without a reader must be EPIPE, not its end
  const auto open_descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  };
  constexpr unsigned kHostile = 2, kLives = 600;
  Bystanders bystanders(path("c"), path("d"));
  const auto before = open_descriptors();
  std::atomic<unsigned> queue_pairs{0};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kHostile; ++i) {
    threads.emplace_back([&, i] {
      Hostile hostile(path("a"), 41 + i, {bystanders.qpn(0), bystanders.qpn(1)});
      for (unsigned life = 0; life < kLives; ++life) hostile.live();
      queue_pairs += hostile.queue_pairs;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(queue_pairs, kLives / 2) << "they hardly ever came so far";
  const EfaCounters three = daemon.server().counters(3), four = daemon.server().counters(4);
  EXPECT_GT(three.bad_descriptor + four.bad_descriptor, 0U) << "the rubbish was not taken up at all";
  EXPECT_TRUE(MappedClient::wait([&] { return daemon.server().clients().size() == 2; }))
      << daemon.server().clients().size() << " clients where two are";
  // At most: the daemon may not have closed its ends of what the bystanders got when they were counted.
  EXPECT_TRUE(MappedClient::wait([&] { return open_descriptors() <= before; }));
  EXPECT_GT(bystanders.finish(), 100U) << "the others were held up";
}

}  // namespace
}  // namespace weft::efa::test

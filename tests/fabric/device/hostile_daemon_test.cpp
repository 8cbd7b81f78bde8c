// What answers on the socket is not always a daemon of ours: the client checks every answer, the memory and its header.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <functional>
#include <random>

#include "fabric/device/mapping.hpp"
#include "tests/fabric/device/device_test.hpp"

namespace weft::device::test {
namespace {

using efa::CreateQpReply;
using efa::HelloReply;
using efa::MessageType;
using efa::QueueHeader;

constexpr std::uint64_t kSize = 65536, kCqOffset = 8256;

void make_good(QueueHeader& h) {
  h.magic = efa::kMagic, h.major = efa::kAbiMajor, h.minor = efa::kAbiMinor;
  h.header_size = sizeof(QueueHeader);
  h.sq_depth = h.cq_depth = h.rq_depth = 4;
  h.tx_buffers = h.rx_buffers = 2;
  h.buffer_stride = efa::kBufferStride, h.mtu = efa::kMtu;
  h.sq_offset = 4096, h.status_offset = 8192, h.cq_offset = kCqOffset, h.rq_offset = 12288;
  h.tx_offset = 16384, h.rx_offset = 40960;
  h.total_size = kSize;
}

TEST(HeaderTest, only_a_header_that_stays_inside_its_mapping_is_believed) {
  struct Case {
    const char* description;
    std::function<void(QueueHeader&)> spoil;
    int error;
  };
  const Case cases[] = {
      {"good", [](QueueHeader&) {}, 0},
      {"magic", [](QueueHeader& h) { h.magic += 1; }, EPROTO},
      {"major", [](QueueHeader& h) { h.major += 1; }, EPROTONOSUPPORT},
      {"later minor", [](QueueHeader& h) { h.minor += 1; }, 0},
      {"size of header", [](QueueHeader& h) { h.header_size -= 1; }, EPROTO},
      {"total size", [](QueueHeader& h) { h.total_size += 1; }, EPROTO},
      {"depth 0", [](QueueHeader& h) { h.sq_depth = 0; }, EPROTO},
      {"depth 3", [](QueueHeader& h) { h.cq_depth = 3; }, EPROTO},
      {"depth too large", [](QueueHeader& h) { h.sq_depth = 1U << 31; }, EPROTO},
      {"no buffers", [](QueueHeader& h) { h.tx_buffers = 0; }, EPROTO},
      {"more buffers than places to post them", [](QueueHeader& h) { h.rx_buffers = 5; }, EPROTO},
      {"too many buffers", [](QueueHeader& h) { h.tx_buffers = 0xffffffff; }, EPROTO},
      {"mtu over stride", [](QueueHeader& h) { h.mtu = h.buffer_stride + 1; }, EPROTO},
      {"no mtu", [](QueueHeader& h) { h.mtu = 0; }, EPROTO},
      {"odd stride", [](QueueHeader& h) { h.buffer_stride += 1; }, EPROTO},
      {"stride too large", [](QueueHeader& h) { h.buffer_stride = 0xffffffc0; }, EPROTO},
      {"offset in the header", [](QueueHeader& h) { h.sq_offset = 0; }, EPROTO},
      {"offset not aligned", [](QueueHeader& h) { h.rq_offset += 4; }, EPROTO},
      {"offset past the end", [](QueueHeader& h) { h.cq_offset = 65536; }, EPROTO},
      {"offset that would wrap", [](QueueHeader& h) { h.rx_offset = ~std::uint64_t{63}; }, EPROTO},
      {"last buffer past the end", [](QueueHeader& h) { h.rx_offset = 65536 - 9216; }, EPROTO},
  };
  for (const Case& c : cases) {
    QueueHeader header{};
    make_good(header);
    c.spoil(header);
    EXPECT_EQ(check_header(header, kSize), c.error) << c.description;
  }
}

TEST(HeaderTest, random_headers_are_never_believed_beyond_the_mapping) {
  std::mt19937 random(1);
  unsigned believed = 0;
  for (int i = 0; i < 200'000; ++i) {
    QueueHeader h{};
    make_good(h);
    std::uint32_t* fields[] = {&h.sq_depth, &h.cq_depth, &h.rq_depth, &h.tx_buffers, &h.rx_buffers, &h.buffer_stride};
    std::uint64_t* offsets[] = {&h.sq_offset, &h.status_offset, &h.cq_offset, &h.rq_offset, &h.tx_offset, &h.rx_offset};
    *fields[random() % 6] = 1U << random() % 32;
    *offsets[random() % 6] = (random() % 2048) * 64ULL + (random() % 16 == 0 ? std::uint64_t{1} << random() % 64 : 0);
    if (check_header(h, kSize) != 0) continue;
    ++believed;
    __extension__ using Wide = unsigned __int128;
    ASSERT_LE(Wide{h.sq_offset} + Wide{h.sq_depth} * 128, kSize);
    ASSERT_LE(Wide{h.status_offset} + h.sq_depth, kSize);
    ASSERT_LE(Wide{h.cq_offset} + Wide{h.cq_depth} * 128, kSize);
    ASSERT_LE(Wide{h.rq_offset} + Wide{h.rq_depth} * 4, kSize);
    ASSERT_LE(Wide{h.tx_offset} + Wide{h.tx_buffers} * h.buffer_stride, kSize);
    ASSERT_LE(Wide{h.rx_offset} + Wide{h.rx_buffers} * h.buffer_stride, kSize);
  }
  EXPECT_GT(believed, 1000U);
}

// Answers one connection with what the test wants.
class HostileDaemonTest : public testing::Test {
 protected:
  Directory directory;
  int listener = -1;
  std::thread thread;

  void SetUp() override {
    std::filesystem::create_directory(directory.path + "/efa");
    setenv("WEFT_RUNTIME_DIR", directory.path.c_str(), 1);
    setenv("WEFT_INSTANCE", "x", 1);
    listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (directory.path + "/efa/x.sock").copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(listen(listener, 8), 0);
  }
  void TearDown() override {
    if (thread.joinable()) thread.join();
    close(listener);
  }

  template <typename Body>
  void answer(Body&& body) {
    if (thread.joinable()) thread.join();
    thread = std::thread([this, body] {
      const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      char record[4096];
      recv(fd, record, sizeof record, 0);
      body(fd);
      close(fd);
    });
  }

  static HelloReply hello_reply() {
    HelloReply reply;
    std::memset(static_cast<void*>(reply.functions), 0, sizeof reply.functions);
    reply.header.type = MessageType::kHelloReply;
    reply.header.size = sizeof reply;
    reply.function_count = 1;
    std::strcpy(reply.functions[0].eni_id, "eni-1");
    return reply;
  }

  static void say(int fd, const void* data, std::size_t size, std::vector<int> descriptors = {}) {
    iovec part{const_cast<void*>(data), size};
    alignas(cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part, message.msg_iovlen = 1;
    if (!descriptors.empty()) {
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
      std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size() * sizeof(int));
    }
    sendmsg(fd, &message, MSG_NOSIGNAL);
  }

  static constexpr unsigned kSealed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  static int sealed_memory(const QueueHeader& header, unsigned seals) {
    const int memory = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    EXPECT_EQ(ftruncate(memory, static_cast<off_t>(kSize)), 0);
    EXPECT_EQ(pwrite(memory, &header, sizeof header, 0), static_cast<ssize_t>(sizeof header));
    fcntl(memory, F_ADD_SEALS, seals);
    return memory;
  }

  // Hello is answered, CreateQp waited for and granted with this memory in place of every descriptor.
  static void grant(int fd, int memory, std::size_t descriptors) {
    const HelloReply hello = hello_reply();
    say(fd, &hello, sizeof hello);
    char record[4096];
    recv(fd, record, sizeof record, 0);
    CreateQpReply reply;
    reply.header.type = MessageType::kCreateQpReply;
    reply.header.size = sizeof reply;
    say(fd, &reply, sizeof reply, std::vector<int>(descriptors, memory));
  }

  static std::ptrdiff_t open_descriptors() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  }
};

TEST_F(HostileDaemonTest, answers_that_make_no_sense_are_an_error) {
  struct Case {
    const char* description;
    std::function<void(int)> say;
    int error;
  };
  const auto spoiled = [](auto spoil) {
    return [spoil](int fd) {
      HelloReply reply = hello_reply();
      spoil(reply);
      say(fd, &reply, sizeof reply);
    };
  };
  const Case cases[] = {
      {"hangs up", [](int) {}, ENODEV},
      {"one byte", [](int fd) { say(fd, "x", 1); }, EPROTO},
      {"short", [](int fd) { HelloReply r = hello_reply(); r.header.size = 40; say(fd, &r, 40); }, EPROTO},
      {"magic", spoiled([](HelloReply& r) { r.header.magic ^= 1; }), EPROTO},
      {"major", spoiled([](HelloReply& r) { r.header.major += 1; }), EPROTONOSUPPORT},
      {"type", spoiled([](HelloReply& r) { r.header.type = MessageType::kCreateQpReply; }), EPROTO},
      {"size", spoiled([](HelloReply& r) { r.header.size += 1; }), EPROTO},
      {"refusal", spoiled([](HelloReply& r) { r.header.error = EPERM; }), EPERM},
      {"too many functions", spoiled([](HelloReply& r) { r.function_count = 9; }), EPROTO},
      {"no functions", spoiled([](HelloReply& r) { r.function_count = 0; }), ENODEV},
      {"descriptors nobody asked for", [](int fd) { const HelloReply r = hello_reply(); say(fd, &r, sizeof r, {0, 1}); },
       EPROTO},
  };
  const auto before = open_descriptors();
  for (const Case& c : cases) {
    answer(c.say);
    EXPECT_EQ(list_functions().error, c.error) << c.description;
  }
  thread.join();
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(HostileDaemonTest, names_that_do_not_end_are_cut) {
  answer([](int fd) {
    HelloReply reply = hello_reply();
    std::memset(reply.functions[0].eni_id, 'x', sizeof reply.functions[0].eni_id);
    say(fd, &reply, sizeof reply);
  });
  const FunctionList list = list_functions();
  ASSERT_EQ(list.error, 0);
  EXPECT_EQ(std::string(list.functions[0].eni_id), std::string(31, 'x'));
}

TEST_F(HostileDaemonTest, memory_is_taken_only_sealed_and_with_a_good_header) {
  struct Case {
    const char* description;
    unsigned seals;
    std::size_t descriptors;
    std::function<void(QueueHeader&)> spoil;
    int error;
  };
  const auto nothing = [](QueueHeader&) {};
  const Case cases[] = {
      {"good", kSealed, 3, nothing, 0},
      {"can shrink", F_SEAL_GROW | F_SEAL_SEAL, 3, nothing, EPROTO},
      {"not sealed for good", F_SEAL_SHRINK | F_SEAL_GROW, 3, nothing, EPROTO},
      {"no descriptors", kSealed, 0, nothing, EPROTO},
      {"two descriptors", kSealed, 2, nothing, EPROTO},
      {"bad header", kSealed, 3, [](QueueHeader& h) { h.rx_offset = 1 << 30; }, EPROTO},
      {"other major version", kSealed, 3, [](QueueHeader& h) { h.major = 9; }, EPROTONOSUPPORT},
  };
  const auto before = open_descriptors();
  for (const Case& c : cases) {
    answer([c](int fd) {
      QueueHeader header{};
      make_good(header);
      c.spoil(header);
      const int memory = sealed_memory(header, c.seals);
      grant(fd, memory, c.descriptors);
      close(memory);
    });
    int error = 0;
    const auto queue_pair = QueuePair::open({}, &error);
    EXPECT_EQ(error, c.error) << c.description;
    EXPECT_EQ(queue_pair != nullptr, c.error == 0) << c.description;
  }
  thread.join();
  EXPECT_EQ(open_descriptors(), before);
}

// Rubbish from the daemon while it works is taken for its end, not followed.
TEST_F(HostileDaemonTest, impossible_entries_are_a_dead_device) {
  using efa::ReceiveEntry;
  const std::function<void(QueueHeader&, ReceiveEntry&)> changes[] = {
      [](QueueHeader&, ReceiveEntry& e) { e.length = efa::kMtu + 1, e.buffer = 0, e.sequence = 1; },
      [](QueueHeader&, ReceiveEntry& e) { e.length = 89, e.buffer = efa::kNoBuffer, e.sequence = 1; },
      [](QueueHeader&, ReceiveEntry& e) { e.length = 89, e.buffer = 2, e.sequence = 1; },
      [](QueueHeader& h, ReceiveEntry&) { h.sq_head = 1; },
  };
  for (const auto& change : changes) {
    QueueHeader header{};
    make_good(header);
    const int memory = sealed_memory(header, kSealed);
    answer([memory](int fd) {
      grant(fd, memory, 3);
      char byte;
      recv(fd, &byte, 1, 0);  // until the client hangs up
    });
    int error = 0;
    auto queue_pair = QueuePair::open({}, &error);
    ASSERT_TRUE(queue_pair) << strerror(error);
    EXPECT_FALSE(queue_pair->dead());
    auto* base = static_cast<std::byte*>(mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0));
    ASSERT_NE(base, MAP_FAILED);
    change(*reinterpret_cast<QueueHeader*>(base), *reinterpret_cast<ReceiveEntry*>(base + kCqOffset));
    EXPECT_EQ(queue_pair->poll_receives(10, [](const Arrival&) { FAIL(); }), 0U);
    queue_pair->poll_sends([](std::uint64_t, SendStatus) { FAIL(); });
    EXPECT_TRUE(queue_pair->dead());
    EXPECT_FALSE(queue_pair->arm());
    queue_pair.reset();
    munmap(base, kSize);
    close(memory);
  }
}

}  // namespace
}  // namespace weft::device::test

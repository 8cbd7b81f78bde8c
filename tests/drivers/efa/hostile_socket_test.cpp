// Clients that do not keep to the protocol: the server neither falls, nor waits, nor keeps anything of theirs.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <random>

#include "tests/drivers/efa/talker.hpp"

namespace weft::efa::test {
namespace {

TEST_F(ServerTest, another_major_version_is_told_so_and_a_later_minor_is_welcome) {
  Talker talker(path("a"));
  Hello hello = Talker::hello();
  hello.header.major = kAbiMajor + 1;
  talker.say(hello);
  EXPECT_EQ(talker.hear<HelloReply>().header.error, EPROTONOSUPPORT);
  EXPECT_TRUE(talker.hung_up());

  struct LongerHello {
    Hello hello;
    char more[100];
  } longer{};
  longer.hello = Talker::hello();
  longer.hello.header.minor = kAbiMinor + 5;
  longer.hello.header.size = sizeof longer;
  Talker later(path("a"));
  later.say(longer);
  EXPECT_EQ(later.hear<HelloReply>().header.error, 0U);
}

TEST_F(ServerTest, records_that_are_not_understood_end_the_connection) {
  struct Record {
    const char* description;
    std::function<void(Talker&)> say;
  };
  const Record records[] = {
      {"empty", [](Talker& t) { t.say("", 0); }},
      {"one byte", [](Talker& t) { t.say("x", 1); }},
      {"header cut short", [](Talker& t) { const Hello h = Talker::hello(); t.say(&h, sizeof(MessageHeader) - 1); }},
      {"hello cut short", [](Talker& t) {
         Hello h = Talker::hello();
         h.header.size = sizeof(MessageHeader);
         t.say(&h, sizeof(MessageHeader));
       }},
      {"size that is not", [](Talker& t) { Hello h = Talker::hello(); h.header.size += 1; t.say(h); }},
      {"magic that is not", [](Talker& t) { Hello h = Talker::hello(); h.header.magic ^= 1; t.say(h); }},
      {"type that is not", [](Talker& t) { Hello h = Talker::hello(); h.header.type = MessageType{77}; t.say(h); }},
      {"a reply", [](Talker& t) { t.say(Talker::prepared<HelloReply>(MessageType::kHelloReply)); }},
      {"queue pair before hello", [](Talker& t) { t.say(Talker::create_qp()); }},
      {"queue pair cut short", [](Talker& t) {
         t.say(Talker::hello());
         t.hear<HelloReply>();
         CreateQp c = Talker::create_qp();
         c.header.size -= 4;
         t.say(&c, sizeof c - 4);
       }},
      {"100 kB", [](Talker& t) { const std::vector<char> big(100'000); t.say(big.data(), big.size()); }},
  };
  Talker bystander = greeted();
  for (const Record& record : records) {
    Talker talker(path("a"));
    record.say(talker);
    HelloReply reply;
    while (talker.hear(&reply, sizeof reply) != 0) EXPECT_NE(reply.header.error, 0U) << record.description;
    EXPECT_EQ(talker.received.size(), 0U);
  }
  bystander.say(Talker::create_qp());
  EXPECT_EQ(bystander.hear<CreateQpReply>().header.error, 0U);
}

TEST_F(ServerTest, random_records_closing_at_every_step_leave_nothing_behind) {
  std::mt19937 random(7);
  const auto open_descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  };
  const auto before = open_descriptors();
  for (int round = 0; round < 400; ++round) {
    Talker talker(path(round % 3 == 0 ? "b" : "a"));
    const unsigned steps = random() % 4;
    for (unsigned step = 0; step < steps; ++step) {
      unsigned char record[256] = {};
      const Hello hello = Talker::hello();
      const CreateQp create = Talker::create_qp();
      std::size_t size = step == 0 ? sizeof hello : sizeof create;
      std::memcpy(record, step == 0 ? static_cast<const void*>(&hello) : &create, size);
      if (random() % 3 == 0) record[random() % size] ^= static_cast<unsigned char>(1U << random() % 8);
      if (random() % 8 == 0) size = random() % sizeof record;
      talker.say(record, size);
      if (random() % 2 == 0) talker.hear<HelloReply>();
    }
  }
  EXPECT_TRUE(eventually([&] { return daemon.server().clients().empty(); }));
  EXPECT_TRUE(eventually([&] { return open_descriptors() == before; }));
}

TEST_F(ServerTest, descriptors_that_a_client_sends_are_not_kept) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  Talker talker(path("a"));
  Hello hello = Talker::hello();
  iovec part{&hello, sizeof hello};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part, message.msg_iovlen = 1;
  message.msg_control = control, message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS, header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &ends[1], sizeof(int));
  ASSERT_GT(sendmsg(talker.fd(), &message, 0), 0);
  EXPECT_EQ(talker.hear<HelloReply>().header.error, 0U);
  close(ends[1]);
  char byte;
  EXPECT_EQ(read(ends[0], &byte, 1), 0) << "the daemon holds the other end";
  close(ends[0]);
}

TEST_F(ServerTest, a_client_that_does_not_read_its_replies_is_not_waited_for) {
  Talker lazy(path("a"));
  int sent = 0;
  while (send(lazy.fd(), std::vector<Hello>{Talker::hello()}.data(), sizeof(Hello), MSG_NOSIGNAL | MSG_DONTWAIT) > 0 ||
         (errno == EAGAIN && sent < 100000))
    ++sent;
  EXPECT_LT(sent, 100000) << "the server must hang up";
  Talker other = greeted();
}

TEST_F(ServerTest, a_client_that_never_stops_talking_does_not_keep_the_others_waiting) {
  Talker chatty(path("a"));
  std::atomic<bool> stop{false};
  std::thread mouth([&] {
    while (!stop) chatty.say(Talker::hello());
  });
  std::thread ear([&] {
    HelloReply reply;
    while (!stop) recv(chatty.fd(), &reply, sizeof reply, MSG_DONTWAIT);
  });
  for (int i = 0; i < 20; ++i) Talker other = greeted();
  stop = true;
  mouth.join();
  ear.join();
}

TEST_F(ServerTest, goes_on_when_descriptors_run_out) {
  Talker before = greeted();
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const FileDescriptor highest(dup(0));
  const rlimit tight{static_cast<rlim_t>(highest.get() + 8), limit.rlim_max};
  Talker one_more(path("a"));
  setrlimit(RLIMIT_NOFILE, &tight);
  std::vector<std::unique_ptr<Talker>> crowd;
  for (int i = 0; i < 12; ++i) crowd.push_back(std::make_unique<Talker>(path("a")));
  before.say(Talker::create_qp());
  const auto refused = before.hear<CreateQpReply>().header.error;
  crowd.clear();
  setrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_EQ(refused, EMFILE);
  EXPECT_TRUE(eventually([&] {
    Talker after(path("a"));
    after.say(Talker::hello());
    return after.hear<HelloReply>().header.error == 0;
  }));
  before.say(Talker::create_qp());
  EXPECT_EQ(before.hear<CreateQpReply>().header.error, 0U);
}

}  // namespace
}  // namespace weft::efa::test

// The EFA server on real sockets: what it gives, what it refuses, its listeners.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/drivers/efa/talker.hpp"

namespace weft::efa::test {
namespace {

TEST_F(ServerTest, lists_the_functions_of_the_instance_that_the_socket_belongs_to) {
  Talker talker(path("a"));
  ASSERT_TRUE(talker.say(Talker::hello()));
  const auto reply = talker.hear<HelloReply>();
  EXPECT_EQ(reply.header.magic, kMagic);
  EXPECT_EQ(reply.header.major, kAbiMajor);
  EXPECT_EQ(reply.header.size, sizeof reply);
  EXPECT_EQ(reply.header.type, MessageType::kHelloReply);
  ASSERT_EQ(reply.function_count, 2U);
  EXPECT_STREQ(reply.functions[0].eni_id, "eni-1");
  EXPECT_STREQ(reply.functions[1].eni_id, "eni-2");
  EXPECT_EQ(reply.functions[1].mac[5], 2);
  EXPECT_EQ(reply.functions[1].prefix_length, 24);
}

TEST_F(ServerTest, gives_a_queue_pair_in_sealed_memory) {
  Talker talker = greeted();
  CreateQp request = Talker::create_qp();
  request.function = 1;
  request.qpn = 77;
  ASSERT_TRUE(talker.say(request));
  const auto reply = talker.hear<CreateQpReply>();
  ASSERT_EQ(reply.header.error, 0U);
  EXPECT_EQ(reply.qpn, 77U);
  ASSERT_EQ(talker.received.size(), 3U);
  const int memory = talker.received[0].get();
  EXPECT_EQ(fcntl(memory, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW);
  EXPECT_NE(ftruncate(memory, 4096), 0) << "a client that shrinks it would kill the daemon";
  struct stat status {};
  fstat(memory, &status);
  void* mapped = mmap(nullptr, sizeof(QueueHeader), PROT_READ, MAP_SHARED, memory, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  const auto& header = *static_cast<const QueueHeader*>(mapped);
  EXPECT_EQ(header.magic, kMagic);
  EXPECT_EQ(header.total_size, static_cast<std::uint64_t>(status.st_size));
  EXPECT_EQ(header.qpn, 77U);
  EXPECT_EQ(header.qkey, reply.qkey);
  munmap(mapped, sizeof(QueueHeader));

  const auto clients = daemon.server().clients();
  ASSERT_EQ(clients.size(), 1U);
  EXPECT_EQ(clients[0].instance, "a");
  EXPECT_EQ(clients[0].eni_id, "eni-2");
  EXPECT_EQ(clients[0].qpn, 77U);
  EXPECT_EQ(clients[0].pid, getpid());
  EXPECT_EQ(clients[0].uid, getuid());
}

TEST_F(ServerTest, a_closed_connection_ends_its_queue_pair) {
  {
    Talker talker = greeted();
    talker.say(Talker::create_qp());
    ASSERT_EQ(talker.hear<CreateQpReply>().header.error, 0U);
    EXPECT_EQ(daemon.server().clients().size(), 1U);
  }
  EXPECT_TRUE(eventually([&] { return daemon.server().clients().empty(); }));
}

TEST_F(ServerTest, refuses_what_it_cannot_give_with_an_errno) {
  const auto error_of = [&](Talker& talker, const CreateQp& request) {
    talker.say(request);
    return talker.hear<CreateQpReply>().header.error;
  };
  Talker first = greeted(), second = greeted();
  CreateQp request = Talker::create_qp();
  request.function = 2;
  EXPECT_EQ(error_of(first, request), ENODEV);
  request.function = 0;
  request.sq_depth = 0;
  EXPECT_EQ(error_of(first, request), EINVAL);
  request = Talker::create_qp();
  request.qpn = 500;
  EXPECT_EQ(error_of(first, request), 0U);
  EXPECT_EQ(error_of(second, request), EADDRINUSE);
  EXPECT_EQ(error_of(first, Talker::create_qp()), EBUSY) << "one queue pair for a connection";
  EXPECT_EQ(error_of(second, Talker::create_qp()), 0U) << "a refusal costs nothing";
}

TEST_F(ServerTest, a_removed_function_hangs_up_on_its_clients_only) {
  Talker a1 = greeted(), b = greeted("b");
  a1.say(Talker::create_qp());
  b.say(Talker::create_qp());
  ASSERT_EQ(a1.hear<CreateQpReply>().header.error, 0U);
  ASSERT_EQ(b.hear<CreateQpReply>().header.error, 0U);
  EXPECT_FALSE(daemon.server().remove_function("eni-1"));
  EXPECT_TRUE(a1.hung_up());
  EXPECT_EQ(daemon.server().clients().size(), 1U);
  Talker again = greeted();
  again.say(Talker::create_qp());
  EXPECT_EQ(again.hear<CreateQpReply>().header.error, 0U) << "eni-2 is the first function now";
  pollfd quiet{b.fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&quiet, 1, 0), 0);
}

TEST_F(ServerTest, a_function_that_went_between_hello_and_create_is_no_device) {
  Talker talker = greeted();
  EXPECT_FALSE(daemon.server().remove_function("eni-1"));
  talker.say(Talker::create_qp());  // index 0 of the list it was given
  EXPECT_EQ(talker.hear<CreateQpReply>().header.error, ENODEV);
}

TEST_F(ServerTest, listeners_are_checked_and_leave_no_socket_behind) {
  EfaServer& server = daemon.server();
  EXPECT_EQ(server.listen_path(path("a"), "a").code, EADDRINUSE);
  EXPECT_EQ(server.listen_path(path("c"), "a").code, EEXIST);
  EXPECT_EQ(server.listen_path(directory.path + "/efa/" + std::string(200, 'x'), "c").code, ENAMETOOLONG);
  EXPECT_EQ(server.add_listener("c", open("/dev/null", O_RDONLY)).code, EINVAL);
  EXPECT_EQ(server.add_listener("c", socket(AF_UNIX, SOCK_STREAM, 0)).code, EINVAL);
  EXPECT_EQ(server.add_listener("c", -1).code, EBADF);
  struct stat status {};
  ASSERT_EQ(stat(path("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  ASSERT_EQ(stat((directory.path + "/efa").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
  server.remove_listener("a");
  EXPECT_NE(stat(path("a").c_str(), &status), 0);
  EXPECT_FALSE(Talker(path("a")).connected);
  EXPECT_FALSE(server.listen_path(path("a"), "a"));
  daemon.kill();
  EXPECT_NE(stat(path("a").c_str(), &status), 0);
}

TEST_F(ServerTest, a_socket_that_a_dead_daemon_left_is_replaced) {
  const std::string left = directory.path + "/efa/d.sock";
  {
    FileDescriptor dead(socket(AF_UNIX, SOCK_SEQPACKET, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    left.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  EXPECT_FALSE(daemon.server().listen_path(left, "d"));
  EXPECT_TRUE(Talker(left).connected);
}

TEST_F(ServerTest, a_directory_that_others_may_enter_is_refused) {
  const std::string open_directory = directory.path + "/open";
  ASSERT_EQ(mkdir(open_directory.c_str(), 0755), 0);
  const EfaError error = daemon.server().listen_path(open_directory + "/d.sock", "d");
  EXPECT_EQ(error.code, EACCES);
  EXPECT_EQ(error.message, open_directory + " must be a directory of ours with mode 0700 to hold EFA sockets");
}

TEST_F(ServerTest, another_user_is_told_that_the_daemon_is_not_his) {
  if (getuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  ASSERT_EQ(chmod(directory.path.c_str(), 0755), 0);
  ASSERT_EQ(chmod((directory.path + "/efa").c_str(), 0755), 0);
  ASSERT_EQ(chmod(path("a").c_str(), 0666), 0);
  const pid_t child = fork();
  if (child == 0) {
    if (setresuid(65533, 65533, 65533) != 0) _exit(2);
    Talker talker(path("a"));
    talker.say(Talker::hello());
    _exit(talker.hear<HelloReply>().header.error == EPERM && talker.hung_up() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace weft::efa::test

// The holder's socket in the hands of somebody who means harm, or of another user.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "instances/protocol.hpp"
#include "tests/instances/fixture.hpp"

namespace weft::test {
namespace {

constexpr uid_t kOther = 64'322;

UniqueFd connect(const std::string& directory) {
  auto socket = holder::connect_to_holder(directory);
  EXPECT_TRUE(socket) << socket.error().message;
  return socket ? std::move(*socket) : UniqueFd();
}

std::string hello(const std::string& grace_ms) {
  return R"({"op": "hello", "version": )" + std::to_string(holder::kProtocolVersion) + R"(, "grace_ms": )" + grace_ms +
         "}";
}

/// What the holder answers to these bytes with these descriptors: the error's sentence, or "closed" or "ok".
std::string answer(const UniqueFd& socket, const std::string& bytes, const std::vector<int>& descriptors = {}) {
  iovec io{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(250 * sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &io;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::copy(descriptors.begin(), descriptors.end(), reinterpret_cast<int*>(CMSG_DATA(c)));
  }
  if (::sendmsg(socket.get(), &header, MSG_NOSIGNAL) < 0) return std::strerror(errno);
  auto reply = holder::receive_message(socket.get());
  if (!reply) return reply.error().message;
  if (!*reply) return "closed";
  const auto error = holder::error_in((*reply)->body);
  return error ? error->message : "ok";
}

/// Of the holder, once it has noticed which connections are closed.
int open_descriptors(pid_t pid) {
  ::usleep(50'000);
  int count = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    struct stat status {};
    if (::lstat(("/proc/" + std::to_string(pid) + "/fd/" + std::to_string(fd)).c_str(), &status) == 0) ++count;
  }
  return count;
}

TEST_F(HolderTest, bytes_that_are_no_request_are_refused_and_hurt_nobody) {
  create(guest("a", 4));
  const pid_t holder = holder_pid(directory_.path());
  const int before = open_descriptors(holder);
  std::string binary("\0\x01\xff\xfe", 4);
  for (const std::string& bytes :
       {std::string("nonsense"), binary, std::string("[]"), std::string("{\"op\":"), std::string(100'000, '['),
        std::string(150'000, 'x'), std::string("@"), std::string("{\"op\": 7}"), std::string("{\"op\": \"enter\"}"),
        std::string("{\"op\": \"enter\", \"name\": [1]}"), std::string("{\"op\": \"hello\", \"version\": \"x\"}"),
        std::string("{\"op\": \"hello\", \"version\": 99, \"grace_ms\": 1}"),
        hello("99999999999999999999")}) {
    const std::string said = answer(connect(directory_.path()), bytes);
    EXPECT_NE(said, "ok") << bytes.substr(0, 60);
    EXPECT_FALSE(said.empty());
  }
  EXPECT_EQ(holder_pid(directory_.path()), holder);
  EXPECT_EQ(holder_->instances(), std::vector<std::string>{"a"});
  EXPECT_TRUE(eventually([&] { return open_descriptors(holder) == before; })) << "no descriptor leaks";
}

TEST_F(HolderTest, descriptors_that_nobody_asked_for_are_closed) {
  const pid_t holder = holder_pid(directory_.path());
  const int before = open_descriptors(holder);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const UniqueFd unsealed(::memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const UniqueFd huge(::memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(huge.get(), 1L << 40), 0);
  ASSERT_EQ(::fcntl(huge.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);

  EXPECT_EQ(answer(connect(directory_.path()), "@", {ends[0]}), "a message came in a file that is not sealed");
  EXPECT_EQ(answer(connect(directory_.path()), "@", {unsealed.get()}), "a message came in a file that is not sealed");
  EXPECT_EQ(answer(connect(directory_.path()), "@", {huge.get()}), "a message is larger than 64 MiB");
  EXPECT_NE(answer(connect(directory_.path()), "{\"op\":\"x\"}", std::vector<int>(10, ends[1])), "ok");
  EXPECT_NE(answer(connect(directory_.path()), "{\"op\":\"x\"}", std::vector<int>(250, ends[1])), "ok");
  EXPECT_TRUE(eventually([&] { return open_descriptors(holder) == before; }));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(HolderTest, only_the_daemon_manages) {
  create(guest("a", 4));
  const UniqueFd socket = connect(directory_.path());
  for (const char* operation : {"create", "change", "remove", "shutdown", "save_state", "set_hosts", "set_resolver", "list", "handles",
                                "xyz"})
    EXPECT_EQ(answer(socket, std::string("{\"op\": \"") + operation + "\", \"name\": \"a\"}"),
              std::string("only weftd may ask the holder for '") + operation + "'");
  EXPECT_EQ(answer(socket, "{\"op\": \"enter\", \"name\": \"a\"}"), "ok") << "the connection is good for more";
  EXPECT_EQ(answer(socket, hello("1")),
            "a weftd is running already in this runtime directory");
}

TEST_F(HolderTest, nobody_inside_an_instance_becomes_its_daemon) {
  create(guest("a", 4));
  holder_.reset();  // no daemon is there: the place is free
  EXPECT_EQ(inside(directory_.path(), "a",
                   [&]() -> std::string {
                     auto joined = Holder::start_or_join(directory_.path(), 0);
                     return joined ? "joined" : joined.error().message;
                   }),
            "the holder cannot be managed from inside an instance");
}

TEST_F(HolderTest, a_daemon_with_a_wrong_request_is_told_what_is_wrong) {
  holder_.reset();
  const UniqueFd daemon = connect(directory_.path());
  ASSERT_EQ(answer(daemon, hello("300")), "ok");
  for (const char* request :
       {R"({"op": "create"})", R"({"op": "create", "instance": 7})", R"({"op": "create", "instance": {"name": "a"}})",
        R"({"op": "create", "instance": {"name": "a/b", "efa": false, "outside": false, "interfaces": []}})",
        R"({"op": "create", "instance": {"name": "a", "efa": false, "outside": false, "interfaces": [{"name": "eth0"}]}})",
        R"({"op": "create", "instance": {"name": "a", "efa": false, "outside": false, "interfaces": {"a": 1}}})",
        R"({"op": "change"})", R"({"op": "change", "instance": []})",
        R"({"op": "change", "instance": {"name": "nobody", "efa": false, "outside": false, "interfaces": []}})",
        R"({"op": "set_hosts"})", R"({"op": "set_hosts", "hosts": [["a"]], "outside": []})",
        R"({"op": "set_hosts", "hosts": []})", R"({"op": "set_resolver"})",
        R"({"op": "set_resolver", "servers": "10.0.0.2", "search": ""})", R"({"op": "save_state", "state": {}})",
        R"({"op": "what"})"}) {
    const std::string said = answer(daemon, request);
    EXPECT_NE(said, "ok") << request;
    EXPECT_NE(said, "closed") << request;
  }
}

TEST_F(HolderTest, many_idle_connections_keep_nobody_out) {
  create(guest("a", 4));
  std::vector<UniqueFd> idle;
  for (int i = 0; i < 600; ++i) idle.push_back(connect(directory_.path()));
  EXPECT_EQ(inside(directory_.path(), "a", [] { return std::string("in"); }), "in");
  EXPECT_EQ(holder_->instances(), std::vector<std::string>{"a"}) << "the daemon is not the one who makes room";
}

TEST_F(HolderTest, another_user_is_refused) {
  if (in_child([] { return std::string(::setresuid(kOther, kOther, kOther) == 0 ? "can" : "cannot"); }) != "can")
    GTEST_SKIP() << "becoming another user needs root; the run as root covers it";
  // Even if somebody opened the directory and the socket to everybody.
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  const std::string path = directory_.path() + "/holder.sock";
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  const std::string said = in_child([&]() -> std::string {
    if (::setresuid(kOther, kOther, kOther) != 0) return "cannot become another user";
    UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::strcpy(name.sun_path, path.c_str());
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)) != 0) return std::strerror(errno);
    auto reply = holder::receive_message(socket.get());
    return reply && *reply ? (*reply)->body.dump() : "closed";
  });
  EXPECT_NE(said.find("the holder serves only the user who started it"), std::string::npos) << said;
  // And a client does not talk to another user's holder either.
  EXPECT_NE(in_child([&]() -> std::string {
              if (::setresuid(kOther, kOther, kOther) != 0) return "";
              auto entered = enter_instance(directory_.path(), "a");
              return entered ? "entered" : entered.error().message;
            }).find("belongs to another user"),
            std::string::npos);
}

}  // namespace
}  // namespace weft::test

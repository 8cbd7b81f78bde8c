#include "tests/instances/fixture.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "instances/protocol.hpp"

namespace weft::test {

TemporaryDirectory::TemporaryDirectory() {
  char name[] = "/tmp/weft-test-XXXXXX";
  path_ = ::mkdtemp(name);
}

TemporaryDirectory::~TemporaryDirectory() {
  ::unlink((path_ + "/" + holder::kSocketFile).c_str());
  ::unlink((path_ + "/hosts").c_str());
  ::unlink((path_ + "/hosts.outside").c_str());
  ::unlink((path_ + "/resolv.conf").c_str());
  ::unlink((path_ + "/resolv.conf.outside").c_str());
  ::rmdir(path_.c_str());
}

GuestInstance guest(const std::string& name, int host, bool efa) {
  GuestInterface eth0;
  eth0.name = "eth0";
  eth0.eni_id = "eni-" + name;
  eth0.mac = {{0x02, 0, 10, 0, 1, static_cast<std::uint8_t>(host)}};
  eth0.addresses = {{*IpAddress::parse("10.0.1." + std::to_string(host)), 24}};
  eth0.router = *IpAddress::parse("10.0.1.1");
  return {name, {eth0}, efa, /*outside=*/false};
}

bool become_root_of_a_user_namespace() {
  const std::string uid = std::to_string(::geteuid()), gid = std::to_string(::getegid());
  const auto write_text = [](const char* path, const std::string& text) {
    const UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
    return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  };
  ::prctl(PR_SET_DUMPABLE, 1);  // or /proc/self belongs to the real root
  return ::unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) == 0 && write_text("/proc/self/setgroups", "deny") &&
         write_text("/proc/self/uid_map", "0 " + uid + " 1") && write_text("/proc/self/gid_map", "0 " + gid + " 1");
}

std::string in_child(const std::function<std::string()>& work) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return "!pipe";
  const pid_t pid = ::fork();
  if (pid == 0) {
    const std::string said = work();
    (void)!::write(ends[1], said.data(), said.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  UniqueFd from(ends[0]);
  std::string said;
  char buffer[4096];
  for (ssize_t n; (n = ::read(from.get(), buffer, sizeof(buffer))) > 0;)
    said.append(buffer, static_cast<std::size_t>(n));
  ::waitpid(pid, nullptr, 0);
  return said;
}

std::string inside(const std::string& directory, const std::string& instance,
                   const std::function<std::string()>& work) {
  return in_child([&]() -> std::string {
    if (auto entered = enter_instance(directory, instance); !entered) return "!" + entered.error().message;
    return work();
  });
}

pid_t start_inside(const std::string& directory, const std::string& instance, const std::function<void()>& work,
                   const std::function<void()>& before) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return -1;
  const pid_t pid = ::fork();
  if (pid == 0) {
    // As if executed: the test's connection to the holder must close when the test closes it.
    ::dup2(ends[1], 3);
    ::close_range(4, ~0U, 0);
    if (!enter_instance(directory, instance)) ::_exit(1);
    before();
    (void)!::write(3, "x", 1);
    work();
    ::_exit(0);
  }
  ::close(ends[1]);
  UniqueFd from(ends[0]);
  char begun = 0;
  return ::read(from.get(), &begun, 1) == 1 ? pid : -1;
}

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  if (!file) return "!" + path + ": " + std::strerror(errno);
  std::ostringstream text;
  text << file.rdbuf();
  std::string read = text.str();
  if (!read.empty() && read.back() == '\n') read.pop_back();
  return read;
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

bool running(pid_t pid) {
  ::waitpid(pid, nullptr, WNOHANG);
  const std::string status = read_text("/proc/" + std::to_string(pid) + "/stat");
  const auto name_end = status.rfind(')');
  return name_end != std::string::npos && status[name_end + 2] != 'Z' && status[name_end + 2] != 'X';
}

bool eventually(const std::function<bool()>& condition, int within_ms) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(within_ms);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

std::string output_of(const std::string& command) {
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::string text;
  char buffer[4096];
  while (std::fgets(buffer, sizeof(buffer), pipe) != nullptr) text += buffer;
  ::pclose(pipe);
  return text;
}

std::string send_datagram(const char* destination, const char* source) {
  const bool v6 = std::strchr(destination, ':') != nullptr;
  UniqueFd socket(::socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0));
  const auto address_of = [&](const char* text, std::uint16_t port, sockaddr_storage& into) -> socklen_t {
    if (v6) {
      auto& in6 = reinterpret_cast<sockaddr_in6&>(into);
      in6.sin6_family = AF_INET6;
      in6.sin6_port = htons(port);
      ::inet_pton(AF_INET6, text, &in6.sin6_addr);
      return sizeof(sockaddr_in6);
    }
    auto& in = reinterpret_cast<sockaddr_in&>(into);
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    ::inet_pton(AF_INET, text, &in.sin_addr);
    return sizeof(sockaddr_in);
  };
  sockaddr_storage address{};
  if (source != nullptr) {
    const socklen_t size = address_of(source, 0, address);
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) return std::strerror(errno);
    address = {};
  }
  const socklen_t size = address_of(destination, 9, address);
  if (::sendto(socket.get(), "x", 1, 0, reinterpret_cast<sockaddr*>(&address), size) != 1) return std::strerror(errno);
  return "sent";
}

ssize_t next_frame(const UniqueFd& tap, Frame& frame, int wait_ms) {
  pollfd wait{tap.get(), POLLIN, 0};
  if (::poll(&wait, 1, wait_ms) != 1) return 0;
  return ::read(tap.get(), frame.data(), frame.size());
}

pid_t holder_pid(const std::string& directory) {
  auto socket = holder::connect_to_holder(directory);
  if (!socket) return -1;
  ucred peer{};
  socklen_t size = sizeof(peer);
  return ::getsockopt(socket->get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : -1;
}

void HolderTest::SetUp() {
  auto started = Holder::start_or_join(directory_.path(), kGraceMs);
  ASSERT_TRUE(started) << started.error().message;
  holder_ = std::move(*started);
}

void HolderTest::TearDown() {
  if (holder_) holder_->shutdown();
}

InstanceHandles HolderTest::create(const GuestInstance& instance) {
  auto handles = holder_->create_instance(instance);
  EXPECT_TRUE(handles) << handles.error().message;
  return handles ? std::move(*handles) : InstanceHandles{};
}

}  // namespace weft::test

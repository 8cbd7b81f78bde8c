// memif with dpdk-testpmd at the other end, in both roles. testpmd forwards each frame back with its MAC addresses swapped.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include <rte_ethdev.h>

#include "tests/drivers/ethdev/wires.hpp"

namespace weft::test {
namespace {

constexpr char kTestpmd[] = "/usr/bin/dpdk-testpmd";

/// A child process, which ends with the object.
class Testpmd {
 public:
  Testpmd(const std::string& devargs, const std::string& prefix) {
    ::pipe2(input_, O_CLOEXEC);
    child_ = ::fork();
    if (child_ != 0) {
      ::close(input_[0]);
      return;
    }
    ::dup2(input_[0], 0);  // it runs until its input ends
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(nowhere, 1);
    ::dup2(nowhere, 2);
    ::execl(kTestpmd, kTestpmd, "--no-huge", "-m", "256", "--no-pci", "--no-shconf", "--no-telemetry", "--file-prefix",
            prefix.c_str(), "-l", "0,1", "--vdev", devargs.c_str(), "--", "--forward-mode=macswap", "--auto-start",
            "--total-num-mbufs=4096",
            "--no-lsc-interrupt", "--tx-offloads=0x8000", static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ~Testpmd() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    ::close(input_[1]);
  }
  Testpmd(const Testpmd&) = delete;
  Testpmd& operator=(const Testpmd&) = delete;

 private:
  pid_t child_ = -1;
  int input_[2] = {-1, -1};
};

class Memif : public WireTest {
 protected:
  Memif() : folder("/tmp/ethdev-memif-" + std::to_string(::getpid())), socket(folder + "/memif.sock") {
    std::filesystem::create_directory(folder);
  }
  ~Memif() override { std::filesystem::remove_all(folder); }

  PortBackend backend(bool server, std::uint32_t id = 3) const {
    PortBackend made;
    made.driver = PortBackend::Driver::kMemif;
    made.socket = socket;
    made.server = server;
    made.id = id;
    return made;
  }
  std::string peer(const std::string& role) const {
    return "net_memif0,role=" + role + ",id=3,socket-abstract=no,socket=" + socket;
  }
  std::string prefix() const { return "ethdev-test-" + std::to_string(::getpid()); }

  /// A frame goes out and comes back, with its MAC addresses swapped. testpmd takes some seconds until it forwards, and
  /// what it gets before is lost.
  bool echoes(Port& port, std::size_t payload = 40) {
    Frame frame = udp(kThere, 1000, 2000, payload);
    Frame swapped = frame;
    std::swap_ranges(swapped.begin(), swapped.begin() + 6, swapped.begin() + 6);
    for (int tries = 0; tries < 300; ++tries) {
      rte_mbuf* out = packet(frame);
      if (port.transmit({&out, 1}) == 0) rte_pktmbuf_free(out);
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      rte_mbuf* in = nullptr;
      while (port.receive({&in, 1}) == 1) {
        const bool same = bytes_of(in) == swapped;
        rte_pktmbuf_free(in);
        if (same) return true;
      }
    }
    return false;
  }

  std::string folder, socket;
};

TEST_F(Memif, AServerServesOnePeerAfterAnother) {
  if (::access(kTestpmd, X_OK) != 0) GTEST_SKIP() << "no " << kTestpmd;
  {
    const Ports ports = open(backend(true), 9001);
    ASSERT_EQ(ports.size(), 1U);
    Port& port = *ports[0];
    EXPECT_FALSE(port.link_up()) << "nobody is there";
    EXPECT_GT(port.longest_sleep_us(), 10'000U) << "and a worker may sleep";
    rte_mbuf* frame = packet(udp(kThere, 1, 1));
    EXPECT_EQ(port.transmit({&frame, 1}), 0);
    rte_pktmbuf_free(frame);
    EXPECT_EQ(port.capabilities().mtu, 9001);
    EXPECT_TRUE(port.capabilities().chains);
    for (int round = 0; round < 2; ++round) {
      {
        const Testpmd testpmd(peer("client"), prefix());
        ASSERT_TRUE(eventually([&] { return port.link_up(); }));
        EXPECT_TRUE(echoes(port));
        EXPECT_TRUE(echoes(port, 8900)) << "a jumbo frame";
      }
      EXPECT_TRUE(eventually([&] { return !port.link_up(); }));
    }
  }
  EXPECT_EQ(packets_in_use(), 0U);
  EXPECT_FALSE(std::filesystem::exists(socket)) << "the socket goes with the server";
}

TEST_F(Memif, AClientConnectsWhenThereIsAServerAndAgainWhenItCameBack) {
  if (::access(kTestpmd, X_OK) != 0) GTEST_SKIP() << "no " << kTestpmd;
  {
    const Ports ports = open(backend(false));
    ASSERT_EQ(ports.size(), 1U) << "a server that is not there yet is no error";
    Port& port = *ports[0];
    EXPECT_FALSE(port.link_up());
    rte_mbuf* none = nullptr;
    EXPECT_EQ(port.receive({&none, 1}), 0);
    for (int round = 0; round < 2; ++round) {
      {
        std::filesystem::remove(socket);  // a testpmd that was killed left it behind
        const Testpmd testpmd(peer("server"), prefix());
        EXPECT_TRUE(echoes(port));
        EXPECT_TRUE(port.link_up());
      }
      EXPECT_TRUE(eventually([&] { return !port.link_up(); }));
    }
  }
  EXPECT_EQ(packets_in_use(), 0U);
}

TEST_F(Memif, SeveralInterfacesOfOneSocketAreSeveralPorts) {
  const Ports one = open(backend(true, 1)), other = open(backend(true, 2));
  EXPECT_EQ(one.size() + other.size(), 2U);
  EXPECT_NE(refused(backend(true, 2)).find("memif " + socket + " id 2 is another ENI's port"), std::string::npos);
}

TEST_F(Memif, TheSocketOfADaemonThatDiedIsTakenOver) {
  const int dead = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  socket.copy(at.sun_path, sizeof at.sun_path - 1);
  ASSERT_EQ(::bind(dead, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  ::close(dead);
  EXPECT_EQ(open(backend(true)).size(), 1U);
}

TEST_F(Memif, RefusalsSayWhatIsWrong) {
  PortBackend wrong = backend(true);
  for (const char* const path : {"", "relative.sock", "/tmp/with,comma"}) {
    wrong.socket = path;
    EXPECT_NE(refused(wrong).find("must be an absolute path"), std::string::npos) << path;
  }
  wrong.socket = "/tmp/" + std::string(120, 'x');
  EXPECT_NE(refused(wrong).find("at most 107 characters"), std::string::npos);
  wrong.socket = "/no/such/folder/memif.sock";
  EXPECT_NE(refused(wrong).find("there is no folder /no/such/folder"), std::string::npos);
}

}  // namespace
}  // namespace weft::test

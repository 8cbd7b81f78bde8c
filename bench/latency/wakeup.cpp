#include "bench/latency/wakeup.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>

#include <rte_cycles.h>

#include "bench/engine/loop.hpp"
#include "drivers/ring/ring_port.hpp"
#include "drivers/tap/tap_device.hpp"
#include "drivers/tap/tap_port.hpp"

namespace weft::bench {
namespace {

constexpr std::uint32_t kLongestUs = 1'000'000; // a packet that takes longer is lost, and that is an error
constexpr useconds_t kRestUs = 12'000;   // three times what the worker stays awake for (worker/idle.hpp)

std::unique_ptr<Engine> make_engine() {
  EngineOptions options;
  options.packets = 1023;
  options.flow_capacity = 4096;
  auto made = Engine::create(options);
  if (!made) fail(made.error().to_string());
  return std::move(*made);
}

void start(Engine& engine, std::unique_ptr<Port> first, std::unique_ptr<Port> second) {
  std::vector<Engine::Attachment> ports;
  ports.push_back({eni_id(0), std::move(first)});
  ports.push_back({eni_id(1), std::move(second)});
  auto applied = engine.apply(std::make_shared<const Deployment>(make_network({})), std::move(ports));
  if (!applied) fail(applied.error().to_string());
  engine.start();
}

/// `send` once after each rest, and `take` until it has something.
template <typename Send, typename Take>
void measure(unsigned packets, Histogram& times, Send send, Take take) {
  const std::uint64_t longest = rte_get_tsc_hz() / 1'000'000 * kLongestUs;
  for (unsigned i = 0; i < packets; ++i) {
    ::usleep(kRestUs);
    const std::uint64_t begin = rte_rdtsc();
    send();
    std::uint64_t now;
    bool came = false;
    do {
      came = take();
      now = rte_rdtsc();
    } while (!came && now - begin < longest);
    if (!came) fail("a packet for a worker asleep did not come out in a second");
    if (i != 0) times.add(now - begin);  // the first makes the flow
  }
}

double asleep_share(const Engine& engine) {
  const Engine::IdleTime time = engine.idle_times().at(0);
  return static_cast<double>(time.asleep_ns) / static_cast<double>(time.asleep_ns + time.awake_ns);
}

void measure_ring(unsigned packets, WakeupResult& result) {
  const auto engine = make_engine();
  auto in = std::make_shared<PacketRing>(64), out = std::make_shared<PacketRing>(64);
  auto unused = std::make_shared<PacketRing>(64);
  start(*engine, std::make_unique<RingPort>(in, unused, PortCapabilities{}),
        std::make_unique<RingPort>(unused, out, PortCapabilities{}));
  rte_mbuf* packet = rte_pktmbuf_alloc(engine->mempool());
  if (packet == nullptr) fail("the pool is empty");
  build_frame(packet, {}, 0, 0);
  measure(packets, result.ring, [&] { in->push({&packet, 1}); }, [&] { return out->pop({&packet, 1}) == 1; });
  result.asleep_share = asleep_share(*engine);
  rte_pktmbuf_free(packet);
}

/// Sends and receives whole frames at the guest's side of a TAP.
class PacketSocket {
 public:
  explicit PacketSocket(const std::string& interface) : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {
    ifreq request{};
    interface.copy(request.ifr_name, IFNAMSIZ - 1);
    bool good = fd_ >= 0 && ::ioctl(fd_, SIOCGIFFLAGS, &request) == 0;
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP | IFF_NOARP);
    good = good && ::ioctl(fd_, SIOCSIFFLAGS, &request) == 0;
    sockaddr_ll own{};
    own.sll_family = AF_PACKET;
    own.sll_protocol = htons(ETH_P_IP);
    own.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
    good = good && ::bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0;
    if (!good) fail("a packet socket on " + interface + ": " + std::strerror(errno));
  }
  ~PacketSocket() { ::close(fd_); }
  PacketSocket(const PacketSocket&) = delete;
  PacketSocket& operator=(const PacketSocket&) = delete;

  void send(const rte_mbuf* frame) const {
    if (::send(fd_, rte_pktmbuf_mtod(frame, const void*), frame->data_len, 0) < 0)
      fail(std::string("a packet socket: ") + std::strerror(errno));
  }
  bool take() const {
    std::array<char, 2048> room;
    return ::recv(fd_, room.data(), room.size(), MSG_DONTWAIT) > 0;
  }

 private:
  int fd_;
};

std::unique_ptr<Port> make_tap(const std::string& name, Engine& engine) {
  const int fd = open_tap(name);
  if (fd < 0) fail("a TAP: " + std::string(std::strerror(-fd)));
  return std::make_unique<TapPort>(fd, engine.mempool(), 1500, engine.large_mempool());
}

void measure_tap(unsigned packets, WakeupResult& result) {
  const auto engine = make_engine();
  start(*engine, make_tap("left", *engine), make_tap("right", *engine));
  const PacketSocket left("left"), right("right");
  rte_mbuf* const packet = rte_pktmbuf_alloc(engine->mempool());
  if (packet == nullptr) fail("the pool is empty");
  build_frame(packet, {}, 0, 0);
  measure(packets, result.tap, [&] { left.send(packet); }, [&] { return right.take(); });
  rte_pktmbuf_free(packet);
}

}  // namespace

bool enter_namespace() {
  const int flags = CLONE_NEWNET | (::geteuid() == 0 ? 0 : CLONE_NEWUSER);
  if (::access("/dev/net/tun", R_OK | W_OK) != 0 || ::unshare(flags) != 0) return false;
  // No IPv6: its solicitations would wake the worker.
  const int fd = ::open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return true;  // this kernel has none
  const bool written = ::write(fd, "1", 1) == 1;
  ::close(fd);
  return written;
}

WakeupResult measure_wakeup(unsigned packets, bool taps) {
  WakeupResult result;
  measure_ring(packets, result);
  if (taps) measure_tap(packets, result);
  return result;
}

}  // namespace weft::bench

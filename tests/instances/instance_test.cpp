// What an instance is: its name, interface, route, hosts, and what it cannot see.
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "drivers/efa/abi.hpp"
#include "tests/instances/fixture.hpp"

namespace weft::test {
namespace {

std::string names_in(const std::string& directory) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) names.insert(entry.path().filename());
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : " ") + name;
  return text;
}

std::string addresses() {
  ifaddrs* list = nullptr;
  ::getifaddrs(&list);
  std::string text;
  for (ifaddrs* a = list; a != nullptr; a = a->ifa_next) {
    if (a->ifa_addr == nullptr || (a->ifa_addr->sa_family != AF_INET && a->ifa_addr->sa_family != AF_INET6)) continue;
    char host[NI_MAXHOST];
    ::getnameinfo(a->ifa_addr, a->ifa_addr->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6), host,
                  sizeof(host), nullptr, 0, NI_NUMERICHOST);
    text += std::string(a->ifa_name) + "=" + host + " ";
  }
  ::freeifaddrs(list);
  return text;
}

std::string connect_to_efa() {
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::strcpy(name.sun_path + 1, efa::kSocketName);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + std::strlen(efa::kSocketName));
  return ::connect(socket.get(), reinterpret_cast<sockaddr*>(&name), size) == 0 ? "connected" : std::strerror(errno);
}

TEST_F(HolderTest, an_instance_has_its_name_and_its_eni_as_eth0) {
  create(guest("node-0", 4));
  const auto seen = [&](const std::string& path) {
    return inside(directory_.path(), "node-0", [&] { return read_text(path); });
  };
  EXPECT_EQ(seen("/proc/sys/kernel/hostname"), "node-0");
  EXPECT_EQ(seen("/sys/class/net/eth0/address"), "02:00:0a:00:01:04");
  EXPECT_EQ(seen("/sys/class/net/eth0/mtu"), "9001");
  EXPECT_EQ(seen("/sys/class/net/lo/operstate"), "unknown");  // what loopback says when it is up
  EXPECT_EQ(inside(directory_.path(), "node-0", [] { return names_in("/sys/class/net"); }), "eth0 lo");
  EXPECT_EQ(inside(directory_.path(), "node-0", addresses), "lo=127.0.0.1 eth0=10.0.1.4 lo=::1 ");
  // Destination, gateway and mask in host order of a little-endian machine: default through 10.0.1.1, 10.0.1.0/24.
  const std::string routes = seen("/proc/net/route");
  EXPECT_NE(routes.find("eth0\t00000000\t0101000A\t0003"), std::string::npos) << routes;
  EXPECT_NE(routes.find("eth0\t0001000A\t00000000\t0001"), std::string::npos) << routes;
  EXPECT_EQ(std::count(routes.begin(), routes.end(), '\n'), 2) << routes;
}

TEST_F(HolderTest, ping_needs_no_privilege_inside) {
  create(guest("a", 4));
  const std::string range =
      inside(directory_.path(), "a", [] { return read_text("/proc/sys/net/ipv4/ping_group_range"); });
  // All groups; in a user namespace all that it has, which is one.
  const bool whole_machine = read_text("/proc/self/gid_map").find("4294967295") != std::string::npos;
  EXPECT_EQ(range, ::geteuid() == 0 && whole_machine ? "0\t2147483647" : "0\t0");
  EXPECT_EQ(inside(directory_.path(), "a",
                   [] { return std::string(::socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP) >= 0 ? "open" : "refused"); }),
            "open");
}

TEST_F(HolderTest, a_tap_is_quiet_until_the_guest_speaks_and_has_the_virtio_header) {
  auto handles = create(guest("a", 4));
  ASSERT_EQ(handles.taps.size(), 1u);
  Frame frame{};
  EXPECT_EQ(next_frame(handles.taps[0].fd, frame, 300), 0) << "no router solicitation, no multicast report";

  EXPECT_EQ(inside(directory_.path(), "a", [] { return send_datagram("10.0.1.5"); }), "sent");
  ASSERT_EQ(next_frame(handles.taps[0].fd, frame), kVnetHeaderLength + 42);
  const std::uint8_t* ethernet = frame.data() + kVnetHeaderLength;
  EXPECT_EQ(std::memcmp(ethernet + 6, "\x02\0\x0a\0\x01\x04", 6), 0) << "the ENI's MAC is the source";
  EXPECT_EQ(std::memcmp(ethernet + 12, "\x08\x06", 2), 0) << "it asks by ARP";
  EXPECT_EQ(std::memcmp(ethernet + 38, "\x0a\0\x01\x05", 4), 0);

  ifreq request{};
  int header_length = 0;
  ASSERT_EQ(::ioctl(handles.taps[0].fd.get(), TUNGETIFF, &request), 0);
  ASSERT_EQ(::ioctl(handles.taps[0].fd.get(), TUNGETVNETHDRSZ, &header_length), 0);
  EXPECT_EQ(request.ifr_flags & (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
  EXPECT_EQ(header_length, kVnetHeaderLength);
}

TEST_F(HolderTest, what_has_the_address_of_a_second_interface_leaves_through_it) {
  GuestInstance two = guest("a", 4);
  GuestInterface second = two.interfaces[0];
  second.name = "eth1";
  second.mac.octets[5] = 9;
  second.eni_id = "eni-second";
  second.device_index = 1;
  second.addresses = {{*IpAddress::parse("10.0.1.9"), 24}};
  two.interfaces.push_back(second);
  auto handles = create(two);
  ASSERT_EQ(handles.taps.size(), 2u);
  Frame frame{};
  for (const char* destination : {"10.0.1.5", "192.0.2.1"}) {
    EXPECT_EQ(inside(directory_.path(), "a", [&] { return send_datagram(destination, "10.0.1.9"); }), "sent");
    EXPECT_GT(next_frame(handles.taps[1].fd, frame), 0) << destination;
    EXPECT_EQ(next_frame(handles.taps[0].fd, frame, 100), 0) << destination;
  }
}

TEST_F(HolderTest, instances_know_each_other_by_name_as_soon_as_hosts_are_set) {
  create(guest("a", 4));
  create(guest("b", 5));
  const auto resolve = [&](const std::string& from, const char* name) {
    return inside(directory_.path(), from, [&] {
      addrinfo hints{}, *found = nullptr;
      hints.ai_family = AF_INET;
      if (::getaddrinfo(name, nullptr, &hints, &found) != 0) return std::string("unknown");
      char text[INET_ADDRSTRLEN];
      ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(found->ai_addr)->sin_addr, text, sizeof(text));
      ::freeaddrinfo(found);
      return std::string(text);
    });
  };
  ASSERT_TRUE(holder_->set_hosts({{"a", "10.0.1.4"}, {"b", "10.0.1.5"}}, {}));
  EXPECT_EQ(resolve("a", "b"), "10.0.1.5");
  EXPECT_EQ(resolve("b", "a"), "10.0.1.4");
  EXPECT_EQ(resolve("b", "localhost"), "127.0.0.1");
  ASSERT_TRUE(holder_->set_hosts({{"a", "10.0.1.4"}}, {}));
  EXPECT_EQ(inside(directory_.path(), "a", [] { return read_text("/etc/hosts"); }),
            "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n10.0.1.4\ta");
  EXPECT_FALSE(holder_->set_hosts({{"a\n10.0.1.66 evil", "10.0.1.4"}}, {}));
  EXPECT_FALSE(holder_->set_hosts({{"a", "10.0.1.4 b"}}, {}));
  EXPECT_FALSE(holder_->set_hosts({}, {{"a", "10.0.1.4 b"}}));
  EXPECT_EQ(read_text("/etc/hosts").find("10.0.1.4\ta"), std::string::npos) << "the machine's own file is untouched";
}

/// What debootstrap's minbase is: no package that it has brings /etc/hosts.
TEST(MachineWithoutEtcHosts, has_instances_all_the_same) {
  const TemporaryDirectory directory;
  const std::string said = in_child([&]() -> std::string {
    if (!become_root_of_a_user_namespace()) return "!user namespace";
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", "/etc", "tmpfs", 0, nullptr) != 0 || exists("/etc/hosts"))
      return "!an empty /etc";
    auto holder = Holder::start_or_join(directory.path(), kGraceMs);
    if (!holder) return "!" + holder.error().message;
    auto made = (*holder)->create_instance(guest("a", 4));
    std::string seen = made ? inside(directory.path(), "a", [] { return read_text("/etc/hosts"); })
                            : "!" + made.error().message;
    (*holder)->shutdown();
    return seen;
  });
  EXPECT_EQ(said, "!/etc/hosts: No such file or directory") << "seen from inside";
}

TEST_F(HolderTest, every_instance_asks_the_name_servers_that_it_is_told) {
  create(guest("a", 4));
  const auto file = [&] { return inside(directory_.path(), "a", [] { return read_text("/etc/resolv.conf"); }); };
  EXPECT_NE(file().find("nameserver 127.0.0.1"), std::string::npos) << "nobody, until it is told";
  ASSERT_TRUE(holder_->set_resolver({{"10.0.0.2", "fd00:ec2::253"}, "ec2.internal"}));
  EXPECT_NE(file().find("nameserver 10.0.0.2\nnameserver fd00:ec2::253\nsearch ec2.internal"), std::string::npos) << file();
  EXPECT_EQ(file().find("127.0.0.1"), std::string::npos);
  ASSERT_TRUE(holder_->set_resolver({}));
  EXPECT_NE(file().find("nameserver 127.0.0.1"), std::string::npos);
  EXPECT_EQ(file().find("search"), std::string::npos);
  EXPECT_FALSE(holder_->set_resolver({{"10.0.0.2\nnameserver 8.8.8.8"}, ""}));
  EXPECT_FALSE(holder_->set_resolver({{"10.0.0.2"}, "ec2.internal\noptions debug"}));
  EXPECT_FALSE(holder_->set_resolver({{"10.0.0.2"}, std::string(254, 'a')}));
  EXPECT_NE(file().find("nameserver 127.0.0.1"), std::string::npos) << "what is refused changes nothing";
}

TEST_F(HolderTest, a_name_that_nobody_has_is_unknown_at_once_and_asks_nobody) {
  auto handles = create(guest("a", 4));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(
      inside(directory_.path(), "a",
             [] {
               addrinfo* found = nullptr;
               return std::string(::getaddrinfo("nobody.example", nullptr, nullptr, &found) == 0 ? "found" : "unknown");
             }),
      "unknown");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4)) << "a resolver's time-out is five";
  Frame frame{};
  EXPECT_EQ(next_frame(handles.taps[0].fd, frame, 100), 0);
}

TEST_F(HolderTest, the_efa_listener_is_reachable_from_inside_only) {
  auto handles = create(guest("a", 4, /*efa=*/true));
  create(guest("b", 5));
  ASSERT_TRUE(handles.efa_listener);
  EXPECT_EQ(inside(directory_.path(), "a", connect_to_efa), "connected");
  EXPECT_EQ(inside(directory_.path(), "b", connect_to_efa), "Connection refused");
  EXPECT_EQ(connect_to_efa(), "Connection refused");
  EXPECT_GE(::accept(handles.efa_listener.get(), nullptr, nullptr), 0) << "and the daemon sees who came";
}

TEST_F(HolderTest, entering_keeps_the_directory_and_hides_the_control_api) {
  create(guest("a", 4));
  std::ofstream(directory_.path() + "/api.sock") << "control";
  const std::string here = std::filesystem::current_path();
  EXPECT_EQ(inside(directory_.path(), "a", [] { return std::string(std::filesystem::current_path()); }), here);
  EXPECT_EQ(inside(directory_.path(), "a", [&] { return names_in(directory_.path()); }), "holder.sock");
  EXPECT_EQ(inside(directory_.path(), "a", [] { return std::string(std::getenv("WEFT_RUNTIME_DIR")); }),
            directory_.path());
  EXPECT_EQ(inside(directory_.path(), "a", [] { return names_in("/dev/shm"); }), "");
  EXPECT_EQ(inside(directory_.path(), "c", [] { return std::string(); }),
            "!there is no instance 'c'; `weft ps` lists them");
  std::filesystem::remove(directory_.path() + "/api.sock");
}

TEST_F(HolderTest, an_instance_can_be_entered_from_another_one) {
  create(guest("a", 4));
  create(guest("b", 5));
  EXPECT_EQ(inside(directory_.path(), "a",
                   [&] {
                     return inside(directory_.path(), "b", [] {
                       return std::to_string(::geteuid()) + read_text("/proc/sys/kernel/hostname") + addresses();
                     });
                   }),
            "0blo=127.0.0.1 eth0=10.0.1.5 lo=::1 ");
}

TEST_F(HolderTest, a_description_that_makes_no_instance_is_refused_and_leaves_nothing) {
  GuestInstance twice = guest("a", 4);
  twice.interfaces.push_back(twice.interfaces[0]);  // eth0 again
  GuestInstance bad_name = guest("../a", 4), bad_mtu = guest("a", 4), bad_mac = guest("a", 4), v6 = guest("a", 4);
  bad_mtu.interfaces[0].mtu = 100'000;
  bad_mac.interfaces[0].mac = MacAddress::broadcast();
  v6.interfaces[0].router = *IpAddress::parse("2001:db8::1");
  for (const GuestInstance& bad : {twice, bad_name, bad_mtu, bad_mac, v6}) {
    const auto made = holder_->create_instance(bad);
    ASSERT_FALSE(made);
    EXPECT_FALSE(made.error().message.empty());
  }
  EXPECT_TRUE(holder_->instances().empty());
  create(guest("a", 4));
  EXPECT_FALSE(holder_->create_instance(guest("a", 5))) << "the name is taken";
  EXPECT_EQ(holder_->instances(), std::vector<std::string>{"a"});
}

TEST_F(HolderTest, fifty_instances_take_seconds) {
  const auto begin = std::chrono::steady_clock::now();
  const auto elapsed_ms = [&] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin).count();
  };
  std::vector<InstanceHandles> kept;
  for (int i = 0; i < 50; ++i) {
    kept.push_back(create(guest("n" + std::to_string(i), 4 + i, true)));
    if (i == 1) std::printf("2 instances: %ld ms\n", static_cast<long>(elapsed_ms()));
  }
  std::printf("50 instances: %ld ms\n", static_cast<long>(elapsed_ms()));
  EXPECT_LT(elapsed_ms(), 10'000) << "weft up must be under 10 s with 50 instances, on a busy machine too";
}

}  // namespace
}  // namespace weft::test

// Interfaces of an instance that lives: added, taken out, with other addresses; and what an interface looks like inside.
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>

#include "tests/instances/fixture.hpp"

namespace weft::test {
namespace {

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

/// eth1 of an instance, with 10.0.2.<host>.
GuestInterface second(int host) {
  GuestInterface eth1;
  eth1.name = "eth1";
  eth1.eni_id = "eni-second-" + std::to_string(host);
  eth1.device_index = 1;
  eth1.mac = {{0x02, 0, 10, 0, 2, static_cast<std::uint8_t>(host)}};
  eth1.addresses = {{ip(("10.0.2." + std::to_string(host)).c_str()), 24}};
  eth1.router = ip("10.0.2.1");
  return eth1;
}

GuestInstance with(GuestInstance instance, const GuestInterface& interface) {
  instance.interfaces.push_back(interface);
  return instance;
}

void add_ipv6(GuestInterface& interface, const char* address) {
  interface.addresses.push_back({ip(address), 64});
  interface.ipv6_router = ip("fe80:ec2::1");
}

/// The next frame that the guest sends within a second: its bytes after the virtio header, or none.
std::size_t next_ethernet_frame(const UniqueFd& tap, Frame& frame, int wait_ms = 1000) {
  const ssize_t n = next_frame(tap, frame, wait_ms);
  if (n <= kVnetHeaderLength) return 0;
  std::copy(frame.begin() + kVnetHeaderLength, frame.begin() + n, frame.begin());
  return static_cast<std::size_t>(n) - kVnetHeaderLength;
}

/// Reads on until a frame is no ICMPv6 report of multicast groups, which a kernel with IPv6 sends of itself.
std::size_t next_frame_but_reports(const UniqueFd& tap, Frame& frame) {
  for (int i = 0; i < 20; ++i) {
    const std::size_t size = next_ethernet_frame(tap, frame);
    const bool report = size > 62 && frame[12] == 0x86 && frame[13] == 0xdd && frame[20] == 0;  // hop-by-hop: MLD
    if (!report) return size;
  }
  return 0;
}

std::vector<std::string> owners(const InstanceHandles& handles) {
  std::vector<std::string> ids;
  for (const InstanceHandles::Tap& tap : handles.taps) ids.push_back(tap.eni_id);
  return ids;
}

class InterfaceTest : public HolderTest {
 protected:
  std::string run(const std::string& command) {
    return inside(directory_.path(), "a", [&] { return output_of(command); });
  }
  std::string send(const char* destination, const char* source = nullptr) {
    return inside(directory_.path(), "a", [&] { return send_datagram(destination, source); });
  }
  InstanceHandles change(const GuestInstance& instance) {
    auto handles = holder_->change_interfaces(instance);
    EXPECT_TRUE(handles) << handles.error().message;
    return handles ? std::move(*handles) : InstanceHandles{};
  }
};

TEST_F(InterfaceTest, an_interface_that_is_attached_while_the_instance_runs_works_at_once) {
  const auto before = create(guest("a", 4));
  const pid_t process = start_inside(directory_.path(), "a", [] { ::pause(); });
  auto added = change(with(guest("a", 4), second(9)));
  EXPECT_EQ(owners(added), std::vector<std::string>{"eni-second-9"}) << "only what is new";
  EXPECT_EQ(run("cat /sys/class/net/eth1/address"), "02:00:0a:00:02:09\n");
  EXPECT_NE(run("ip -o -4 addr show eth1").find("10.0.2.9/24"), std::string::npos);
  Frame frame{};
  // A neighbour of its subnet, and what is far away from its address: both through eth1.
  using Way = std::pair<const char*, const char*>;
  for (const auto& [destination, source] : {Way{"10.0.2.77", nullptr}, Way{"192.0.2.1", "10.0.2.9"}}) {
    EXPECT_EQ(send(destination, source), "sent");
    EXPECT_GT(next_ethernet_frame(added.taps.at(0).fd, frame), 0u) << destination;
    EXPECT_EQ(next_ethernet_frame(before.taps.at(0).fd, frame, 100), 0u) << destination;
  }
  EXPECT_TRUE(running(process));
}

TEST_F(InterfaceTest, an_interface_that_is_detached_leaves_nothing_behind) {
  create(with(guest("a", 4), second(9)));
  EXPECT_NE(run("ip rule").find("10.0.2.9"), std::string::npos);
  EXPECT_TRUE(change(guest("a", 4)).taps.empty());
  EXPECT_EQ(run("ls /sys/class/net"), "eth0\nlo\n");
  EXPECT_EQ(run("ip rule").find("10.0.2.9"), std::string::npos) << run("ip rule");
  EXPECT_EQ(run("ip route show table all").find("10.0.2."), std::string::npos) << run("ip route show table all");
  // The device index is free for another one, and for the same one again.
  EXPECT_EQ(owners(change(with(guest("a", 4), second(10)))), std::vector<std::string>{"eni-second-10"});
  EXPECT_EQ(owners(change(with(guest("a", 4), second(9)))), std::vector<std::string>{"eni-second-9"});
  EXPECT_EQ(run("cat /sys/class/net/eth1/address"), "02:00:0a:00:02:09\n");
}

TEST_F(InterfaceTest, an_interface_moves_from_one_instance_to_another_with_its_mac_and_addresses) {
  create(with(guest("a", 4), second(9)));
  create(guest("b", 5));
  change(guest("a", 4));
  GuestInterface moved = second(9);
  moved.name = "eth2";
  moved.device_index = 2;
  EXPECT_EQ(owners(change(with(guest("b", 5), moved))), std::vector<std::string>{"eni-second-9"});
  EXPECT_EQ(inside(directory_.path(), "b", [] { return output_of("cat /sys/class/net/eth2/address"); }),
            "02:00:0a:00:02:09\n");
}

TEST_F(InterfaceTest, what_the_guest_did_to_an_interface_keeps_it_from_nothing) {
  create(with(guest("a", 4), second(9)));
  EXPECT_EQ(run("ip link set eth1 down; ip link set eth1 name mine; ip rule del from 10.0.2.9; ip addr flush dev mine"),
            "");
  change(guest("a", 4));
  EXPECT_EQ(run("ls /sys/class/net"), "eth0\nlo\n");
  change(with(guest("a", 4), second(9)));
  EXPECT_EQ(run("ip link del eth1"), "");
  change(guest("a", 4));
  EXPECT_EQ(run("ls /sys/class/net"), "eth0\nlo\n");
}

TEST_F(InterfaceTest, secondary_addresses_come_and_go_while_a_connection_stays) {
  create(guest("a", 4));
  GuestInstance more = guest("a", 4);
  more.interfaces[0].addresses.push_back({ip("10.0.1.40"), 32});
  more.interfaces[0].addresses.push_back({ip("10.0.1.41"), 32});
  EXPECT_TRUE(change(more).taps.empty()) << "no new TAP";
  std::string addresses = run("ip -o -4 addr show eth0");
  for (const char* one : {"10.0.1.4/24", "10.0.1.40/32", "10.0.1.41/32"})
    EXPECT_NE(addresses.find(one), std::string::npos) << addresses;
  EXPECT_NE(run("ip route get 192.0.2.1").find("src 10.0.1.4 "), std::string::npos) << "the primary is the usual source";
  more.interfaces[0].addresses.erase(more.interfaces[0].addresses.begin() + 1);
  change(more);
  addresses = run("ip -o -4 addr show eth0");
  EXPECT_EQ(addresses.find("10.0.1.40/32"), std::string::npos) << addresses;
  EXPECT_NE(addresses.find("10.0.1.41/32"), std::string::npos) << addresses;
  EXPECT_NE(run("ip route").find("default via 10.0.1.1"), std::string::npos);
}

TEST_F(InterfaceTest, delegated_prefixes_of_a_second_interface_leave_through_it) {
  GuestInterface eth1 = second(9);
  eth1.prefixes = {*IpPrefix::parse("10.0.2.32/28")};
  create(with(guest("a", 4), eth1));
  EXPECT_NE(run("ip rule").find("from 10.0.2.32/28"), std::string::npos) << run("ip rule");
  EXPECT_EQ(run("ip -o -4 addr show eth1").find("10.0.2.32"), std::string::npos) << "not an address of the interface";
  eth1.prefixes.clear();
  change(with(guest("a", 4), eth1));
  EXPECT_EQ(run("ip rule").find("10.0.2.32"), std::string::npos) << run("ip rule");
}

TEST_F(InterfaceTest, an_ipv6_address_brings_ipv6_and_its_router) {
  GuestInstance v6 = guest("a", 4);
  add_ipv6(v6.interfaces[0], "2001:db8::4");
  auto handles = create(v6);
  const std::string addresses = run("ip -o -6 addr show eth0");
  EXPECT_NE(addresses.find("2001:db8::4/64"), std::string::npos) << addresses;
  EXPECT_NE(addresses.find("fe80::aff:fe00:104/64"), std::string::npos) << "EUI-64 of the MAC: " << addresses;
  EXPECT_EQ(addresses.find("tentative"), std::string::npos) << "no search for duplicates";
  EXPECT_NE(run("ip -6 route").find("default via fe80:ec2::1 dev eth0"), std::string::npos) << run("ip -6 route");
  EXPECT_EQ(run("cat /proc/sys/net/ipv6/conf/eth0/accept_ra /proc/sys/net/ipv6/conf/eth0/router_solicitations"),
            "0\n0\n");
  EXPECT_EQ(send("2001:db8:ffff::1"), "sent");
  Frame frame{};
  ASSERT_GE(next_frame_but_reports(handles.taps.at(0).fd, frame), 78u);
  EXPECT_EQ(frame[54], 135) << "a neighbour solicitation";
  EXPECT_EQ(std::memcmp(frame.data() + 62, ip("fe80:ec2::1").octets.data(), 16), 0) << "for the router";
}

TEST_F(InterfaceTest, ipv6_comes_and_goes_with_the_addresses) {
  create(guest("a", 4));
  EXPECT_EQ(run("ip -6 addr show eth0"), "");
  GuestInstance v6 = guest("a", 4);
  add_ipv6(v6.interfaces[0], "2001:db8::4");
  change(v6);
  EXPECT_NE(run("ip -o -6 addr show eth0").find("2001:db8::4/64"), std::string::npos);
  EXPECT_NE(run("ip -6 route").find("default via fe80:ec2::1 dev eth0"), std::string::npos) << run("ip -6 route");
  v6.interfaces[0].addresses.back().ip = ip("2001:db8::5");
  change(v6);
  EXPECT_EQ(run("ip -o -6 addr show eth0").find("2001:db8::4/64"), std::string::npos);
  EXPECT_NE(run("ip -o -6 addr show eth0").find("2001:db8::5/64"), std::string::npos);
  change(guest("a", 4));
  EXPECT_EQ(run("ip -6 addr show eth0"), "");
  EXPECT_EQ(run("ip -6 route").find("default"), std::string::npos);
  EXPECT_NE(run("ip -o -4 addr show eth0").find("10.0.1.4/24"), std::string::npos);
}

TEST_F(InterfaceTest, a_second_interface_has_its_own_way_out_in_ipv6_too) {
  GuestInstance two = guest("a", 4);
  add_ipv6(two.interfaces[0], "2001:db8::4");
  GuestInterface eth1 = second(9);
  add_ipv6(eth1, "2001:db8:0:1::9");
  auto handles = create(with(two, eth1));
  EXPECT_EQ(send("2001:db8:ffff::1", "2001:db8:0:1::9"), "sent");
  Frame frame{};
  std::size_t size;
  do size = next_frame_but_reports(handles.taps.at(1).fd, frame);
  while (size > 0 && frame[54] != 135);
  ASSERT_GT(size, 0u);
  EXPECT_EQ(std::memcmp(frame.data() + 62, ip("fe80:ec2::1").octets.data(), 16), 0);
  change(two);
  EXPECT_EQ(run("ip -6 rule").find("2001:db8:0:1::9"), std::string::npos);
}

TEST_F(InterfaceTest, the_internet_sends_everything_to_a_router_that_it_need_not_ask_for) {
  GuestInstance internet{"internet", {}, false, /*outside=*/true};
  GuestInterface eth0;
  eth0.name = "eth0";
  eth0.eni_id = "igw-1";
  eth0.mac = {{0x02, 0, 0, 0, 0, 7}};
  eth0.addresses = {{ip("198.51.100.10"), 32}, {ip("2001:db8::10"), 128}};
  eth0.router = ip("169.254.0.1");
  eth0.ipv6_router = ip("fe80:ec2::1");
  eth0.router_mac = MacAddress{{0x06, 0, 0xa9, 0xfe, 0, 1}};
  eth0.mtu = 1500;
  internet.interfaces = {eth0};
  auto handles = create(internet);
  create(guest("a", 4));
  ASSERT_TRUE(holder_->set_hosts({{"a", "10.0.1.4"}}, {{"a", "203.0.113.5"}}));
  EXPECT_NE(inside(directory_.path(), "internet", [] { return read_text("/etc/hosts"); }).find("203.0.113.5\ta"),
            std::string::npos)
      << "names as they are out there";
  EXPECT_NE(run("cat /etc/hosts").find("10.0.1.4\ta"), std::string::npos);
  const auto sent = [&](const char* destination) {
    return inside(directory_.path(), "internet", [&] { return send_datagram(destination); });
  };
  Frame frame{};
  EXPECT_EQ(sent("203.0.113.5"), "sent");
  ASSERT_EQ(next_frame_but_reports(handles.taps.at(0).fd, frame), 43u);
  EXPECT_EQ(std::memcmp(frame.data(), "\x06\0\xa9\xfe\0\1\x02\0\0\0\0\7\x08\0", 14), 0) << "no ARP first";
  EXPECT_EQ(std::memcmp(frame.data() + 26, "\xc6\x33\x64\x0a\xcb\0\x71\x05", 8), 0) << "198.51.100.10 to 203.0.113.5";
  EXPECT_EQ(sent("2001:db8:1::1"), "sent");
  ASSERT_EQ(next_frame_but_reports(handles.taps.at(0).fd, frame), 63u);
  EXPECT_EQ(std::memcmp(frame.data(), "\x06\0\xa9\xfe\0\1\x02\0\0\0\0\7\x86\xdd", 14), 0) << "no solicitation first";
}

TEST_F(InterfaceTest, the_primary_interface_stays_whatever_is_asked) {
  create(with(guest("a", 4), second(9)));
  GuestInstance without = guest("a", 4);
  without.interfaces = {second(9)};
  GuestInstance other = guest("a", 4);
  other.interfaces[0].mac.octets[5] = 66;
  for (const GuestInstance& bad : {without, other}) {
    const auto refused = holder_->change_interfaces(bad);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "OperationNotPermitted");
  }
  EXPECT_EQ(run("ls /sys/class/net"), "eth0\neth1\nlo\n");
  GuestInstance with_efa = guest("a", 4, true);
  EXPECT_EQ(holder_->change_interfaces(with_efa).error().code, "OperationNotPermitted") << "EFA: only while stopped";
  EXPECT_EQ(holder_->change_interfaces(guest("b", 5)).error().code, "InvalidInstanceID.NotFound");
}

TEST_F(InterfaceTest, a_change_that_fails_half_way_is_taken_up_or_undone_by_the_next_one) {
  create(guest("a", 4));
  GuestInterface third = second(11);  // its name is taken: eth1 is there when it comes
  third.name = "lo";
  third.device_index = 2;
  ASSERT_FALSE(holder_->change_interfaces(with(with(guest("a", 4), second(9)), third)));
  EXPECT_EQ(run("ip rule").find("10.0.2.11"), std::string::npos);
  // eth1 was made and its TAP never handed over: it comes with the next answer.
  EXPECT_EQ(owners(change(with(guest("a", 4), second(9)))), std::vector<std::string>{"eni-second-9"});
  ASSERT_FALSE(holder_->change_interfaces(with(guest("a", 4), third)));
  change(guest("a", 4));
  EXPECT_EQ(run("ls /sys/class/net"), "eth0\nlo\n");
}

TEST_F(InterfaceTest, a_daemon_that_comes_back_gets_what_was_attached_meanwhile) {
  create(guest("a", 4));
  change(with(guest("a", 4), second(9)));
  holder_.reset();
  auto again = Holder::start_or_join(directory_.path(), kGraceMs);
  ASSERT_TRUE(again) << again.error().message;
  holder_ = std::move(*again);
  auto handles = holder_->handles("a");
  ASSERT_TRUE(handles) << handles.error().message;
  EXPECT_EQ(owners(*handles), (std::vector<std::string>{"eni-a", "eni-second-9"}));
  ifreq interface {};
  ASSERT_EQ(::ioctl(handles->taps[1].fd.get(), TUNGETIFF, &interface), 0);
  EXPECT_STREQ(interface.ifr_name, "eth1");
  ASSERT_TRUE(holder_->remove_instance("a"));
}

}  // namespace
}  // namespace weft::test

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "instances/holder.hpp"
#include "instances/protocol.hpp"

namespace weft {
namespace {

class RuntimeDirectory : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/weft-test-XXXXXX";
    parent_ = ::mkdtemp(name);
    path_ = parent_ + "/weft";
    ::setenv("WEFT_RUNTIME_DIR", path_.c_str(), 1);
  }
  void TearDown() override {
    std::filesystem::remove_all(parent_);
    ::unsetenv("WEFT_RUNTIME_DIR");
  }
  std::string parent_, path_;
};

TEST_F(RuntimeDirectory, is_made_private_and_found_again) {
  auto made = runtime_directory();
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(*made, path_);
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  EXPECT_TRUE(runtime_directory());
}

TEST_F(RuntimeDirectory, that_others_may_write_is_refused) {
  ASSERT_EQ(::mkdir(path_.c_str(), 0700), 0);
  ASSERT_EQ(::chmod(path_.c_str(), 0777), 0);
  auto refused = runtime_directory();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("may be written by others"), std::string::npos);
}

TEST_F(RuntimeDirectory, that_is_a_link_or_a_file_is_refused) {
  ASSERT_EQ(::symlink("/tmp", path_.c_str()), 0);
  EXPECT_FALSE(runtime_directory());
  ::setenv("WEFT_RUNTIME_DIR", "/etc/hosts", 1);
  EXPECT_FALSE(runtime_directory());
}

TEST_F(RuntimeDirectory, of_another_user_is_refused) {
  const char* other = ::geteuid() == 0 ? path_.c_str() : "/";
  if (::geteuid() == 0) {
    ASSERT_EQ(::mkdir(path_.c_str(), 0700), 0);
    ASSERT_EQ(::chown(path_.c_str(), 64'321, 64'321), 0);
  }
  ::setenv("WEFT_RUNTIME_DIR", other, 1);
  auto refused = runtime_directory();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("not to you"), std::string::npos) << refused.error().message;
}

TEST(Guest, survives_the_way_to_the_holder) {
  GuestInterface interface;
  interface.name = "eth3";
  interface.eni_id = "eni-1";
  interface.mac = {{2, 0, 0, 0, 0, 1}};
  interface.device_index = 3;
  interface.addresses = {{*IpAddress::parse("10.0.1.4"), 20},
                         {*IpAddress::parse("10.0.1.5"), 32},
                         {*IpAddress::parse("2001:db8::4"), 64}};
  interface.prefixes = {*IpPrefix::parse("10.0.1.16/28"), *IpPrefix::parse("2001:db8:0:0:1::/80")};
  interface.router = IpAddress::parse("10.0.0.1");
  interface.ipv6_router = IpAddress::parse("fe80:ec2::1");
  interface.mtu = 1500;
  GuestInterface internet = interface;
  internet.name = "eth0";
  internet.eni_id = "igw-1";
  internet.device_index = 0;
  internet.router_mac = {{6, 0, 0, 0, 0, 1}};
  auto decoded = holder::decode_instance(holder::encode({"node-0", {interface, internet}, true, true}));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->name, "node-0");
  EXPECT_TRUE(decoded->efa);
  EXPECT_TRUE(decoded->outside);
  EXPECT_EQ(decoded->interfaces, (std::vector<GuestInterface>{interface, internet}));
}

TEST(Guest, whose_description_is_wrong_is_told_what_is_wrong) {
  GuestInterface good;
  good.name = "eth0";
  good.eni_id = "eni-1";
  good.mac = {{2, 0, 0, 0, 0, 1}};
  good.addresses = {{*IpAddress::parse("10.0.1.4"), 24}};
  const nlohmann::json body = holder::encode({"a", {good}, false, false});
  ASSERT_TRUE(holder::decode_instance(body));
  struct {
    const char* path;
    nlohmann::json value;
    const char* said;
  } cases[] = {
      {"/interfaces/0/name", "eth0/../lo", "interface name"},
      {"/interfaces/0/name", "abcdefghijklmnop", "interface name"},
      {"/interfaces/0/mac", "01:00:5e:00:00:01", "unicast"},
      {"/interfaces/0/device_index", -1, "device index"},
      {"/interfaces/0/device_index", 256, "device index"},
      {"/interfaces/0/device_index", "0", "cannot be read"},
      {"/interfaces/0/mtu", 9, "MTU"},
      {"/interfaces/0/addresses", nlohmann::json::array(), "1 to 256 addresses"},
      {"/interfaces/0/addresses", std::vector<std::string>(257, "10.0.1.4/24"), "1 to 256 addresses"},
      {"/interfaces/0/addresses", "10.0.1.4/24", "1 to 256 addresses"},
      {"/interfaces/0/addresses/0", "10.0.1.4", "like 10.0.1.4/24"},
      {"/interfaces/0/addresses/0", "10.0.1.4/33", "like 10.0.1.4/24"},
      {"/interfaces/0/addresses/0", "10.0.1.4/0", "like 10.0.1.4/24"},
      {"/interfaces/0/addresses/0", "2001:db8::1/129", "like 10.0.1.4/24"},
      {"/interfaces/0/addresses/0", "/24", "like 10.0.1.4/24"},
      {"/interfaces/0/addresses/0", 7, "cannot be read"},
      {"/interfaces/0/prefixes", {{"a", 1}}, "at most 256 prefixes"},
      {"/interfaces/0/prefixes", {"10.0.1.16"}, "CIDR"},
      {"/interfaces/0/router", "2001:db8::1", "IPv4"},
      {"/interfaces/0/ipv6_router", "2001:db8::1", "link-local"},
      {"/interfaces/0/ipv6_router", "10.0.1.1", "link-local"},
      {"/interfaces/0/router_mac", "ff:ff:ff:ff:ff:ff", "unicast"},
      {"/interfaces/1", body["interfaces"][0], "two interfaces are the same"},
  };
  for (const auto& [path, value, said] : cases) {
    nlohmann::json bad = body;
    bad[nlohmann::json::json_pointer(path)] = value;
    const auto decoded = holder::decode_instance(bad);
    ASSERT_FALSE(decoded) << path << " " << value;
    EXPECT_NE(decoded.error().message.find(said), std::string::npos) << path << ": " << decoded.error().message;
  }
}

TEST(InstanceName, is_a_host_name) {
  for (const char* good :
       {"a", "node-0", "web.1", "N_9", "123456789012345678901234567890123456789012345678901234567890123"})
    EXPECT_TRUE(holder::is_instance_name(good)) << good;
  for (const char* bad : {"", ".", "..", "-x", "a b", "a/b", "a\n", "\xc3\xa4",
                          "1234567890123456789012345678901234567890123456789012345678901234"})
    EXPECT_FALSE(holder::is_instance_name(bad)) << bad;
}

}  // namespace
}  // namespace weft

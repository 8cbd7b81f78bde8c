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
  GuestInterface interface {
    "eth0", "eni-1", {{2, 0, 0, 0, 0, 1}}, *IpAddress::parse("10.0.1.4"), 20, *IpAddress::parse("10.0.0.1"), 1500
  };
  auto decoded = holder::decode_instance(holder::encode({"node-0", {interface}, true}));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->name, "node-0");
  EXPECT_TRUE(decoded->efa);
  ASSERT_EQ(decoded->interfaces.size(), 1u);
  const GuestInterface& back = decoded->interfaces[0];
  EXPECT_EQ(back.name, "eth0");
  EXPECT_EQ(back.eni_id, "eni-1");
  EXPECT_EQ(back.mac, interface.mac);
  EXPECT_EQ(back.address, interface.address);
  EXPECT_EQ(back.prefix_length, 20);
  EXPECT_EQ(back.router, interface.router);
  EXPECT_EQ(back.mtu, 1500);
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

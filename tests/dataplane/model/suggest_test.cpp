#include <gtest/gtest.h>

#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

TEST(Suggest, finds_typing_errors) {
  const std::vector<std::string> keys = {"name", "cidr", "security_groups", "placement_group", "interfaces"};
  EXPECT_EQ(nearest("nmae", keys), "name");
  EXPECT_EQ(nearest("security_group", keys), "security_groups");
  EXPECT_EQ(nearest("Security-Groups", keys), "security_groups");
  EXPECT_EQ(nearest("interface", keys), "interfaces");
  EXPECT_EQ(nearest("cdir", keys), "cidr");
}

TEST(Suggest, is_silent_when_nothing_is_near) {
  EXPECT_EQ(nearest("volume", {"name", "cidr"}), "");
  EXPECT_EQ(nearest("x", {"y"}), "");
  EXPECT_EQ(nearest(std::string(1000, 'a'), {"aaa"}), "");
  EXPECT_EQ(nearest("", {"a"}), "");
}

TEST(Suggest, says_what_there_is) {
  EXPECT_EQ(hint("wbe", {"web", "db"}), "; did you mean 'web'?");
  EXPECT_EQ(hint("volume", {"web", "db"}), "; there is: web, db");
  EXPECT_EQ(hint("volume", {}), "; there is none");
}

TEST(Suggest, text_of_a_file_cannot_drive_the_terminal) {
  EXPECT_EQ(in_quotes("a\x1b[2Jb\n"), "'a\\x1b[2Jb\\x0a'");
  EXPECT_LE(in_quotes(std::string(10000, 'a')).size(), 70u);
}

}  // namespace
}  // namespace weft

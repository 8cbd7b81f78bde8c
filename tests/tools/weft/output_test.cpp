#include "tools/weft/output.hpp"

#include <gtest/gtest.h>

#include "tools/weft/exit_code.hpp"

namespace weft::cli {
namespace {

using nlohmann::json;

TEST(Table, columns_are_as_wide_as_they_must_be) {
  Table table({"NAME", "ID"});
  EXPECT_TRUE(table.empty());
  table.add({"a-long-name", "1"});
  table.add({"b", ""});
  EXPECT_EQ(table.to_string(), "NAME         ID\na-long-name  1\nb\n");
}

TEST(Output, a_plan_is_marked_and_coloured_only_when_asked) {
  const json changes = {
      {{"kind", "add"}, {"resource", "vpc"}, {"name", "10.0.0.0/16"}, {"id", "vpc-1"}, {"details", json::array()}},
      {{"kind", "change"}, {"resource", "instance"}, {"name", "x"}, {"id", "i-1"}, {"details", {"type: a -> b"}}},
      {{"kind", "remove"}, {"resource", "instance"}, {"name", "y"}, {"id", "i-2"}, {"details", json::array()}}};
  EXPECT_EQ(
      format_changes(changes, false),
      "+ vpc       10.0.0.0/16  vpc-1\n~ instance  x            i-1\n    type: a -> b\n- instance  y            i-2\n");
  EXPECT_EQ(summary(changes), "1 to add, 1 to change, 1 to remove");
  EXPECT_NE(format_changes(changes, true).find("\x1b[32m+"), std::string::npos);
  EXPECT_EQ(format_changes(json::array(), false), "");
}

TEST(Output, what_others_wrote_cannot_drive_the_terminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\n"), "a?[2Jb?");
  EXPECT_EQ(cell({{"name", "x\x07"}}, "name"), "x?");
}

TEST(Output, cells_show_what_is_there) {
  const json value = {{"list", {"a", "b"}}, {"none", nullptr}, {"empty", ""}, {"number", 3}};
  EXPECT_EQ(cell(value, "list"), "a,b");
  EXPECT_EQ(cell(value, "none"), "-");
  EXPECT_EQ(cell(value, "empty"), "-");
  EXPECT_EQ(cell(value, "missing"), "-");
  EXPECT_EQ(cell(value, "number"), "3");
}

TEST(Output, units) {
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1'234'567), "1.23 MB");
  EXPECT_EQ(human_bytes(999'999), "1 MB");
  EXPECT_EQ(human_time(0.5), "0.50 ms");
  EXPECT_EQ(human_time(41.7), "42 ms");
  EXPECT_EQ(human_time(1520), "1.5 s");
  EXPECT_EQ(human_time(7'200'000), "2.0 h");
}

TEST(ExitCode, tells_scripts_what_happened) {
  EXPECT_EQ(exit_code({"Weft.DaemonNotRunning", "", {}}), 3);
  EXPECT_EQ(exit_code({"InternalError", "", {}}), 4);
  EXPECT_EQ(exit_code({"Weft.HolderGone", "", {}}), 4);
  EXPECT_EQ(exit_code({"Weft.FileNotReadable", "", {}}), 2);
  EXPECT_EQ(exit_code({"Weft.InvalidYaml", "", {}}), 2);
  EXPECT_EQ(exit_code({"Weft.DaemonRunning", "", {}}), 1);
  EXPECT_EQ(exit_code({"UnauthorizedOperation", "", {}}), 1);
  EXPECT_EQ(exit_code({"InvalidGroup.NotFound", "", {}}), 2);
}

}  // namespace
}  // namespace weft::cli

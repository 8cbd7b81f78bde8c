#include "tools/weft/command_line.hpp"

#include <gtest/gtest.h>

namespace weft::cli {
namespace {

using Words = std::vector<std::string>;

void expect_split(const Words& typed, const Words& own, const Words& command) {
  const CommandLine line = split_command_line(typed);
  EXPECT_EQ(line.own, own);
  EXPECT_EQ(line.command, command);
}

TEST(CommandLine, a_command_needs_no_dashes_before_it) {
  expect_split({"exec", "node-0", "--", "ping", "-c1", "node-1"}, {"exec", "node-0"}, {"ping", "-c1", "node-1"});
  expect_split({"exec", "node-0", "ping", "-c1", "node-1"}, {"exec", "node-0"}, {"ping", "-c1", "node-1"});
}

TEST(CommandLine, only_the_first_dashes_are_wefts) {
  expect_split({"exec", "a", "--", "git", "log", "--", "x"}, {"exec", "a"}, {"git", "log", "--", "x"});
  expect_split({"run", "f.yaml", "--", "weft", "exec", "a", "--", "true"}, {"run", "f.yaml"},
               {"weft", "exec", "a", "--", "true"});
}

TEST(CommandLine, help_before_the_instance_is_wefts_and_after_it_the_commands) {
  expect_split({"exec", "--help"}, {"exec", "--help"}, {});
  expect_split({"exec", "a", "--help"}, {"exec", "a"}, {"--help"});
  expect_split({"mpirun", "--help"}, {"mpirun", "--help"}, {});
  expect_split({"mpirun", "-n", "2", "./app", "--help"}, {"mpirun"}, {"-n", "2", "./app", "--help"});
}

TEST(CommandLine, ssh_and_mpirun_parse_for_themselves) {
  expect_split({"ssh", "-x", "node-1", "orted", "-mca", "a"}, {"ssh"}, {"-x", "node-1", "orted", "-mca", "a"});
}

TEST(CommandLine, a_benchmark_parses_for_itself) {
  expect_split({"bench", "engine", "flows-1", "--help"}, {"bench", "engine"}, {"flows-1", "--help"});
  expect_split({"bench", "--help"}, {"bench", "--help"}, {});
  expect_split({"bench"}, {"bench"}, {});
}

TEST(CommandLine, others_are_all_wefts) {
  expect_split({"explain", "a", "b", "tcp", "22"}, {"explain", "a", "b", "tcp", "22"}, {});
  expect_split({}, {}, {});
  expect_split({"exec"}, {"exec"}, {});
}

}  // namespace
}  // namespace weft::cli

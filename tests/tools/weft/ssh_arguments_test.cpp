#include "tools/weft/ssh_arguments.hpp"

#include <gtest/gtest.h>

namespace weft::cli {
namespace {

SshArguments ssh_parsed(const std::vector<std::string>& words) {
  Result<SshArguments> result = parse_ssh_arguments(words);
  if (!result) throw std::runtime_error(result.error().to_string());
  return *result;
}

TEST(SshArguments, what_open_mpi_types) {
  const SshArguments ssh =
      ssh_parsed({"-x", "node-1", "PATH=/usr/bin:$PATH ; export PATH ; /usr/bin/orted", "-mca", "ess", "\"env\""});
  EXPECT_EQ(ssh.host, "node-1");
  EXPECT_EQ(ssh.command, "PATH=/usr/bin:$PATH ; export PATH ; /usr/bin/orted -mca ess \"env\"");
}

TEST(SshArguments, options_are_taken_with_their_values) {
  const SshArguments ssh = ssh_parsed(
      {"-q", "-o", "BatchMode=yes", "-oStrictHostKeyChecking=no", "-p", "22", "-l", "root", "-Tn", "node-1", "true"});
  EXPECT_EQ(ssh.host, "node-1");
  EXPECT_EQ(ssh.command, "true");
  EXPECT_TRUE(ssh.null_stdin);
}

TEST(SshArguments, options_may_follow_the_host_but_not_the_command) {
  const SshArguments ssh = ssh_parsed({"node-1", "-o", "BatchMode=yes", "ls", "-l"});
  EXPECT_EQ(ssh.host, "node-1");
  EXPECT_EQ(ssh.command, "ls -l");
  EXPECT_EQ(ssh_parsed({"node-1", "--", "-x"}).command, "-x");
}

TEST(SshArguments, a_user_is_dropped) { EXPECT_EQ(ssh_parsed({"me@node-1"}).host, "node-1"); }

TEST(SshArguments, without_a_command_it_is_a_shell) { EXPECT_EQ(ssh_parsed({"node-1"}).command, ""); }

TEST(SshArguments, says_what_is_missing) {
  EXPECT_FALSE(parse_ssh_arguments({}));
  EXPECT_FALSE(parse_ssh_arguments({"-x"}));
  EXPECT_FALSE(parse_ssh_arguments({"-o"}));
  EXPECT_FALSE(parse_ssh_arguments({"-Z", "node-1"}));
}

}  // namespace
}  // namespace weft::cli

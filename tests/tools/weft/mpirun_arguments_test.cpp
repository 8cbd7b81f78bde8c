#include "tools/weft/mpirun_arguments.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace weft::cli {
namespace {

using Words = std::vector<std::string>;

MpirunRequest parsed(const Words& words) {
  Result<MpirunRequest> result = parse_mpirun_arguments(words);
  if (!result) throw std::runtime_error(result.error().to_string());
  return *result;
}

const MpirunSetting kSetting{"/usr/bin/mpirun", "/opt/weft", {"node-0", "node-1"}, false};

bool has(const Words& command, const Words& part) {
  return std::search(command.begin(), command.end(), part.begin(), part.end()) != command.end();
}

TEST(MpirunArguments, ours_are_found_among_open_mpis_and_the_programs_left_alone) {
  const MpirunRequest request = parsed(
      {"-n", "2", "--provider", "tcp", "--mca", "a", "--verbose", "--instances=a,b", "./app", "--provider", "x"});
  EXPECT_EQ(request.provider, "tcp");
  EXPECT_EQ(request.ranks, 2);
  EXPECT_EQ(request.instances, (Words{"a", "b"}));
  EXPECT_FALSE(request.verbose) << "it is the value of parameter a";
  EXPECT_EQ(request.rest, (Words{"-n", "2", "--mca", "a", "--verbose", "./app", "--provider", "x"}));
  EXPECT_TRUE(request.has_program);
}

TEST(MpirunArguments, without_a_program_it_says_so) {
  EXPECT_FALSE(parsed({"-n", "4"}).has_program);
  EXPECT_FALSE(parsed({}).has_program);
  EXPECT_FALSE(parse_mpirun_arguments({"--provider"}));
  EXPECT_FALSE(parse_mpirun_arguments({"--provider", "shm", "./app"}));
}

TEST(MpirunArguments, ranks_are_dealt_over_the_instances) {
  EXPECT_EQ(ranks_each(parsed({"-n", "4", "x"}), 2), 2);
  EXPECT_EQ(ranks_each(parsed({"-np", "5", "x"}), 2), 3);
  EXPECT_EQ(ranks_each(parsed({"x"}), 2), 1);
  EXPECT_EQ(ranks_each(parsed({"-N", "3", "x"}), 2), 3);
  EXPECT_EQ(ranks_each(parsed({"-n", "2", "a", ":", "-n", "4", "b", "-n", "9"}), 2), 3) << "two programs";
}

TEST(MpirunArguments, the_whole_command) {
  EXPECT_EQ(shell_text(build_mpirun_command(parsed({"-n", "4", "./app", "a b"}), kSetting)),
            "/usr/bin/mpirun --host node-0:2,node-1:2 --map-by node --bind-to none --mca plm_rsh_agent '/opt/weft ssh' "
            "--mca orte_keep_fqdn_hostnames 1 --mca oob_tcp_if_include eth0 --mca orte_tmpdir_base /dev/shm --mca pml "
            "cm --mca mtl ofi --mca btl self "
            "--mca mtl_ofi_provider_include weft --mca osc '^rdma,ucx' -x FI_PROVIDER -x FI_PROVIDER_PATH -n 4 ./app 'a b'");
}

TEST(MpirunArguments, what_the_user_says_wins) {
  const Words command = build_mpirun_command(
      parsed({"--mca", "pml", "ob1", "--host", "node-1:4", "--bind-to", "core", "--map-by", "slot", "./app"}),
      kSetting);
  EXPECT_FALSE(has(command, {"--mca", "pml", "cm"}));
  EXPECT_EQ(std::count(command.begin(), command.end(), "--host"), 1);
  EXPECT_EQ(std::count(command.begin(), command.end(), "--bind-to"), 1);
  EXPECT_EQ(std::count(command.begin(), command.end(), "--map-by"), 1);
  EXPECT_TRUE(has(command, {"--mca", "mtl", "ofi"}));
}

TEST(MpirunArguments, windows_are_of_messages_unless_there_is_a_btl_of_the_users) {
  EXPECT_TRUE(has(build_mpirun_command(parsed({"./app"}), kSetting), {"--mca", "osc", "^rdma,ucx"}));
  const Words command = build_mpirun_command(parsed({"--mca", "btl", "ofi,self", "./app"}), kSetting);
  EXPECT_EQ(std::count(command.begin(), command.end(), "osc"), 0);
  EXPECT_EQ(std::count(command.begin(), command.end(), "btl"), 1);
}

TEST(MpirunArguments, the_tcp_provider_is_chosen_the_same_way) {
  const Words command = build_mpirun_command(parsed({"--provider", "tcp", "./app"}), kSetting);
  EXPECT_TRUE(has(command, {"--mca", "mtl_ofi_provider_include", "tcp"}));
  EXPECT_TRUE(has(command, {"-x", "FI_TCP_IFACE"}));
  EXPECT_FALSE(has(command, {"-x", "FI_PROVIDER_PATH"}));
}

TEST(MpirunArguments, idle_ranks_yield_when_cpus_are_few) {
  MpirunSetting crowded = kSetting;
  crowded.crowded = true;
  EXPECT_TRUE(has(build_mpirun_command(parsed({"./app"}), crowded), {"--mca", "mpi_yield_when_idle", "1"}));
  EXPECT_FALSE(has(build_mpirun_command(parsed({"./app"}), kSetting), {"--mca", "mpi_yield_when_idle", "1"}));
}

TEST(MpirunArguments, print_as_a_shell_reads_them) {
  EXPECT_EQ(shell_text({"a", "", "b c", "it's", "$x"}), "a '' 'b c' 'it'\\''s' '$x'");
}

}  // namespace
}  // namespace weft::cli

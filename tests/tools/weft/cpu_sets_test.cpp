#include "tools/weft/cpu_sets.hpp"

#include <gtest/gtest.h>

namespace weft::cli {
namespace {

using Cpus = std::vector<int>;

TEST(CpuSets, are_disjoint_and_leave_one_for_weftd) {
  const auto shares = share_cpus({0, 1, 2, 3, 4, 5, 6, 7, 8}, 2, 4);
  ASSERT_EQ(shares.size(), 2u);
  EXPECT_EQ(shares[0], (Cpus{0, 1, 2, 3}));
  EXPECT_EQ(shares[1], (Cpus{4, 5, 6, 7}));
}

TEST(CpuSets, spare_cpus_are_shared_out_too) {
  const auto shares = share_cpus({0, 2, 4, 6, 8, 10, 12}, 2, 1);
  EXPECT_EQ(shares[0], (Cpus{0, 2, 4}));
  EXPECT_EQ(shares[1], (Cpus{6, 8, 10}));
}

TEST(CpuSets, ranks_are_kept_apart_even_when_none_is_left_for_weftd) {
  EXPECT_EQ(share_cpus({0, 1}, 2, 1), (std::vector<Cpus>{{0}, {1}}));
  EXPECT_EQ(share_cpus({0, 1, 2, 3}, 2, 2), (std::vector<Cpus>{{0, 1}, {2, 3}}));
}

TEST(CpuSets, too_few_cpus_are_not_fought_for) {
  EXPECT_TRUE(share_cpus({0}, 2, 1).empty());
  EXPECT_TRUE(share_cpus({0, 1, 2}, 2, 2).empty());
  EXPECT_TRUE(share_cpus({}, 2, 1).empty());
  EXPECT_TRUE(share_cpus({0, 1, 2}, 0, 0).empty());
}

TEST(CpuSets, survive_the_environment) {
  const std::string text = encode_shares({"node-1", "node-10"}, {{0, 1}, {2, 3}});
  EXPECT_EQ(text, "node-1=0,1;node-10=2,3");
  EXPECT_EQ(share_of(text, "node-10"), (Cpus{2, 3}));
  EXPECT_EQ(share_of(text, "node-1"), (Cpus{0, 1}));
  EXPECT_TRUE(share_of(text, "node").empty());
  EXPECT_TRUE(share_of("", "node").empty());
}

}  // namespace
}  // namespace weft::cli

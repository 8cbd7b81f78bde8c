// The table of facts ec2 1.5, spot-checked column by column, and what must hold in every row.
#include "dataplane/model/instance_types.hpp"

#include <gtest/gtest.h>

namespace weft {
namespace {

TEST(InstanceTypes, have_every_column_of_the_table) {
  const InstanceType& m5 = *find_instance_type("m5.large");
  EXPECT_EQ(m5.vcpus, 2);
  EXPECT_EQ(m5.baseline_gbps, 0.75);
  EXPECT_EQ(m5.peak_gbps, 10);
  EXPECT_EQ(m5.interfaces, 3);
  EXPECT_EQ(m5.ips_per_interface, 10);
  EXPECT_EQ(m5.queues, 8);
  EXPECT_EQ(m5.tcp_established_timeout_s, 432000);
  const InstanceType& b300 = *find_instance_type("p6-b300.48xlarge");
  EXPECT_EQ(b300.cards, 17);
  EXPECT_EQ(b300.interfaces, 68);
  EXPECT_EQ(b300.interfaces_per_card, 4);
  EXPECT_EQ(b300.efa_interfaces, 16);
  EXPECT_EQ(b300.peak_gbps, 6400);
  EXPECT_EQ(b300.tcp_established_timeout_s, 350);
  EXPECT_TRUE(b300.ena_express);
  const InstanceType& hpc7g = *find_instance_type("hpc7g.16xlarge");
  EXPECT_TRUE(hpc7g.rdma_read);
  EXPECT_FALSE(hpc7g.rdma_write);
  EXPECT_EQ(hpc7g.queues, 32);
  EXPECT_EQ(find_instance_type("m5.tiny"), nullptr);
}

TEST(InstanceTypes, are_all_there_and_consistent) {
  for (const char* name :
       {"t2.micro",         "t3.nano",          "t3.micro",      "t3.medium",      "t3.xlarge",      "m5.large",
        "m5.xlarge",        "m5.4xlarge",       "m5.8xlarge",    "m5.24xlarge",    "c5n.large",      "c5n.9xlarge",
        "c5n.18xlarge",     "c6gn.16xlarge",    "c7g.16xlarge",  "c7gn.16xlarge",  "m6i.32xlarge",   "m6in.32xlarge",
        "hpc6a.48xlarge",   "hpc6id.32xlarge",  "hpc7g.4xlarge", "hpc7g.16xlarge", "hpc7a.12xlarge", "hpc7a.96xlarge",
        "hpc8a.96xlarge",   "p3dn.24xlarge",    "p4d.24xlarge",  "p5.4xlarge",     "p5.48xlarge",    "p5en.48xlarge",
        "p6-b200.48xlarge", "p6-b300.48xlarge", "trn1.32xlarge", "trn2.48xlarge",  "c8gn.48xlarge",  "m8a.48xlarge"}) {
    const InstanceType* type = find_instance_type(name);
    ASSERT_NE(type, nullptr) << name;
    EXPECT_TRUE(is_instance_type_name(name)) << name;
    EXPECT_GT(type->baseline_gbps, 0) << name;
    EXPECT_LE(type->baseline_gbps, type->peak_gbps) << name;
    EXPECT_EQ(type->cards * type->interfaces_per_card, type->interfaces) << name;
    EXPECT_LE(type->efa_interfaces, type->cards) << name;
    EXPECT_LE(type->ips_per_interface, kMostIpsPerInterface) << name;
    EXPECT_LE(type->vcpus, kVcpusPerHost) << name;
    EXPECT_TRUE(!type->rdma_write || type->rdma_read) << name;
    EXPECT_TRUE(!type->rdma_read || type->efa_interfaces > 0) << name;
  }
}

}  // namespace
}  // namespace weft

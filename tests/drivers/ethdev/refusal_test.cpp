// What a user reads when a wire cannot be had.
#include <gtest/gtest.h>

#include <rte_ethdev.h>

#include "drivers/ethdev/probe.hpp"
#include "tests/drivers/ethdev/fake_sysfs.hpp"
#include "tests/drivers/ethdev/wires.hpp"

namespace weft::test {
namespace {

using Refusal = WireTest;

#define EXPECT_SAYS(sentence, part) EXPECT_NE((sentence).find(part), std::string::npos) << (sentence)

TEST_F(Refusal, OfWhatIsNoDevice) {
  EXPECT_SAYS(refused(ethdev("eth1")), "\"eth1\" is no device: write a PCI address");
  EXPECT_SAYS(refused(ethdev("net_unheard_of,iface=eth1")), "is no device");
  EXPECT_SAYS(refused(ethdev("")), "is no device");
  EXPECT_SAYS(refused(ethdev("crypto_null")), "is no device");
}

TEST_F(Refusal, OfPciWhereEalHasNone) {
  EXPECT_SAYS(refused(ethdev("0000:ff:1f.7")), "0000:ff:1f.7 is a PCI device, and weftd was started without them");
  EXPECT_SAYS(refused(ethdev("03:00.0")), "start it with \"weftd --pci 0000:03:00.0\"");
}

TEST_F(Refusal, OfTooManyQueues) {
  EXPECT_SAYS(refused(ethdev("net_ring", 64)), "queues in each direction, and queues: 64 are asked for");
  EXPECT_SAYS(refused(ethdev("net_pcap,rx_pcap=/no/such/file")), "cannot be opened");
  EXPECT_SAYS(refused(ethdev("net_ring", 0)), "must be 1 to 64");
  EXPECT_EQ(rte_eth_dev_count_total(), 0U) << "nothing is left";
}

TEST_F(Refusal, OfADeviceThatAnotherHas) {
  const Ports ports = open(ethdev("net_ring5"));
  EXPECT_SAYS(refused(ethdev("net_ring5")), "net_ring5 is another ENI's port already");
}

TEST_F(Refusal, OfMoreDevicesThanThisDpdkHasRoomFor) {
  std::vector<Ports> all;
  for (unsigned i = 0; i < RTE_MAX_ETHPORTS; ++i) all.push_back(open(ethdev("net_null")));
  EXPECT_SAYS(refused(ethdev("net_null")), "room for 32 wires");
  all.pop_back();
  EXPECT_EQ(open(ethdev("net_null")).size(), 1U);
}

class PciRefusal : public ::testing::Test {
 protected:
  std::string why(const std::string& address) { return ethdev::why_not_pci(address, sysfs.root).value_or("it can be had"); }
  FakeSysfs sysfs;
};

TEST_F(PciRefusal, SaysWhatToBind) {
  sysfs.device("0000:03:00.0", "0x020000", "ixgbe");
  sysfs.interface("0000:03:00.0", "enp3s0");
  sysfs.device("0000:03:00.1", "0x020000", "");
  sysfs.device("0000:04:00.0", "0x010600", "ahci");
  sysfs.device("0000:05:00.0", "0x020000", "vfio-pci");
  sysfs.device("0000:06:00.0", "0x020000", "vfio-pci");
  sysfs.iommu_group("0000:06:00.0", "7");
  sysfs.device("0000:07:00.0", "0x020000", "mlx5_core");
  EXPECT_SAYS(why("0000:03:00.0"), "belongs to the driver ixgbe (interface enp3s0): bind it to vfio-pci");
  EXPECT_SAYS(why("0000:03:00.0"), "net_af_xdp,iface=enp3s0");
  EXPECT_SAYS(why("0000:03:00.1"), "has no driver: bind it to vfio-pci");
  EXPECT_SAYS(why("0000:04:00.0"), "is not a network device");
  EXPECT_SAYS(why("0000:05:00.0"), "without an IOMMU");
  EXPECT_EQ(why("0000:06:00.0"), "it can be had");
  EXPECT_EQ(why("0000:07:00.0"), "it can be had") << "the kernel's driver stays";
  EXPECT_SAYS(why("0000:08:00.0"), "there is no PCI device 0000:08:00.0");
}

}  // namespace
}  // namespace weft::test

#include "drivers/ethdev/sriov.hpp"

#include <gtest/gtest.h>

#include "tests/drivers/ethdev/fake_sysfs.hpp"

namespace weft::test {
namespace {

TEST(Sriov, FunctionsAreReadWithWhatBelongsTogether) {
  const FakeSysfs sysfs;
  sysfs.device("0000:00:1f.2", "0x010601", "ahci");
  sysfs.device("0000:3b:00.0", "0x020000", "i40e");
  sysfs.interface("0000:3b:00.0", "enp59s0f0");
  sysfs.write("0000:3b:00.0", "sriov_totalvfs", "64");
  sysfs.write("0000:3b:00.0", "sriov_numvfs", "2");
  sysfs.iommu_group("0000:3b:00.0", "40");
  sysfs.device("0000:3b:02.0", "0x020000", "vfio-pci");
  sysfs.iommu_group("0000:3b:02.0", "41");
  sysfs.device("0000:3b:02.1", "0x020000", "iavf");
  sysfs.interface("0000:3b:02.1", "enp59s0f0v1");
  sysfs.virtual_function("0000:3b:00.0", 0, "0000:3b:02.0");
  sysfs.virtual_function("0000:3b:00.0", 1, "0000:3b:02.1");

  const std::vector<PciFunction> found = read_pci_functions(sysfs.root);
  ASSERT_EQ(found.size(), 3U) << "a disk is none";
  const PciFunction &physical = found[0], &bound = found[1], &kernels = found[2];
  EXPECT_EQ(physical.address, "0000:3b:00.0");
  EXPECT_EQ(physical.driver, "i40e");
  EXPECT_EQ(physical.interface, "enp59s0f0");
  EXPECT_EQ(physical.vendor_device, "8086:1572");
  EXPECT_EQ(physical.numa_node, 1);
  EXPECT_EQ(physical.most_virtual_functions, 64U);
  EXPECT_EQ(physical.virtual_functions, (std::vector<std::string>{"0000:3b:02.0", "0000:3b:02.1"}));
  EXPECT_FALSE(physical.virtual_function);
  EXPECT_TRUE(physical.bindable);
  EXPECT_FALSE(physical.user_space_driver);

  EXPECT_TRUE(bound.virtual_function);
  EXPECT_EQ(bound.physical_function, "0000:3b:00.0");
  EXPECT_EQ(bound.index, 0U);
  EXPECT_TRUE(bound.user_space_driver);
  EXPECT_TRUE(bound.interface.empty());
  EXPECT_EQ(bound.iommu_group, "41");

  EXPECT_EQ(kernels.index, 1U);
  EXPECT_EQ(kernels.interface, "enp59s0f0v1");
  EXPECT_FALSE(kernels.bindable) << "it is in no IOMMU group";
}

TEST(Sriov, AnInterfaceOfVirtioLiesDeeper) {
  const FakeSysfs sysfs;
  sysfs.device("0000:00:03.0", "0x020000", "virtio-pci");
  std::filesystem::create_directories(sysfs.path("0000:00:03.0") + "/virtio2/net/eth0");
  EXPECT_EQ(read_pci_functions(sysfs.root).at(0).interface, "eth0");
}

TEST(Sriov, AMachineWithoutPciHasNone) {
  EXPECT_TRUE(read_pci_functions("/nowhere").empty());
  EXPECT_FALSE(read_pci_function("/nowhere", "0000:00:00.0"));
}

TEST(Sriov, ThisMachineIsReadWithoutTrouble) {
  for (const PciFunction& function : read_pci_functions()) EXPECT_FALSE(function.address.empty());
}

}  // namespace
}  // namespace weft::test

// The network cards of this machine and their virtual functions (SR-IOV), as sysfs shows them. Reads only; asks no driver.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weft {

struct PciFunction {
  std::string address;      // "0000:03:00.0"
  std::string driver;       // the kernel's, or vfio-pci; empty: none
  std::string interface;    // the kernel's name; empty: it has none there
  std::string vendor_device;  // "8086:1572"
  int numa_node = -1;       // -1: the machine does not say
  std::string iommu_group;  // empty: no IOMMU

  bool virtual_function = false;
  std::string physical_function;  // of a VF: its PF's address
  unsigned index = 0;             // of a VF: its number, as `ip link set ... vf` counts
  std::vector<std::string> virtual_functions;  // of a PF: the addresses, by number
  unsigned most_virtual_functions = 0;         // of a PF: sriov_totalvfs; 0: no SR-IOV

  bool user_space_driver = false;  // vfio-pci: weftd can have it
  bool bifurcated = false;         // mlx4, mlx5: DPDK shares it with the kernel's driver
  /// What stands between the card and vfio-pci: nothing but being bound to it.
  bool bindable = false;
};

/// All network functions of PCI (class 02), by address. `sysfs`: "/sys", or a test's own.
std::vector<PciFunction> read_pci_functions(const std::string& sysfs = "/sys");

/// One of them; nothing: there is none, or it is no network function.
std::optional<PciFunction> read_pci_function(const std::string& sysfs, const std::string& address);

}  // namespace weft

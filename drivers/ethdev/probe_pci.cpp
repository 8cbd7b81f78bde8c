// Why DPDK cannot have a PCI device, from what sysfs says of it.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "drivers/ethdev/probe.hpp"
#include "drivers/ethdev/sriov.hpp"

namespace weft::ethdev {

std::optional<std::string> why_not_pci(const std::string& address, const std::string& sysfs) {
  const std::optional<PciFunction> function = read_pci_function(sysfs, address);
  if (!function) {
    std::error_code ignored;
    if (std::filesystem::exists(sysfs + "/bus/pci/devices/" + address, ignored))
      return address + " is not a network device (\"lspci -s " + address + "\" says what it is)";
    return "there is no PCI device " + address + " in this machine; \"lspci\" lists them";
  }
  if (function->bifurcated) return std::nullopt;  // shared with the kernel's driver
  const std::string bind = "\"driverctl set-override " + address + " vfio-pci\"";
  if (function->driver.empty())
    return address + " has no driver: bind it to vfio-pci, with " + bind;
  if (function->driver != "vfio-pci")
    return address + " belongs to the driver " + function->driver +
           (function->interface.empty() ? "" : " (interface " + function->interface + ")") +
           ": bind it to vfio-pci, with " + bind +
           (function->interface.empty() ? "" : ", or use net_af_xdp,iface=" + function->interface);
  if (function->iommu_group.empty())
    return address +
           " is bound to vfio-pci without an IOMMU: switch it on in the firmware and with the kernel's intel_iommu=on";
  const std::string group = "/dev/vfio/" + function->iommu_group;
  if (sysfs == "/sys" && ::access(group.c_str(), R_OK | W_OK) != 0)
    return address + ": weftd may not use " + group + " (" + std::strerror(errno) +
           "): run weftd as root, or give the file to its user";
  return std::nullopt;
}

}  // namespace weft::ethdev

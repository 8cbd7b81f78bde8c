// A /sys of a test's own: PCI functions, as the kernel shows them.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace weft::test {

class FakeSysfs {
 public:
  FakeSysfs() {
    char name[] = "/tmp/ethdev-sysfs-XXXXXX";
    root = ::mkdtemp(name);
    std::filesystem::create_directories(root + "/bus/pci/devices");
    std::filesystem::create_directories(root + "/bus/pci/drivers/vfio-pci");
  }
  ~FakeSysfs() { std::filesystem::remove_all(root); }
  FakeSysfs(const FakeSysfs&) = delete;
  FakeSysfs& operator=(const FakeSysfs&) = delete;

  std::string path(const std::string& address) const { return root + "/bus/pci/devices/" + address; }
  void write(const std::string& address, const std::string& file, const std::string& text) const {
    std::ofstream(path(address) + "/" + file) << text << "\n";
  }
  void link(const std::string& address, const std::string& name, const std::string& target) const {
    std::filesystem::create_symlink(target, path(address) + "/" + name);
  }

  void device(const std::string& address, const std::string& kind, const std::string& driver) const {
    std::filesystem::create_directories(path(address));
    write(address, "class", kind);
    write(address, "vendor", "0x8086");
    write(address, "device", "0x1572");
    write(address, "numa_node", "1");
    if (!driver.empty()) link(address, "driver", "../../../bus/pci/drivers/" + driver);
  }
  void interface(const std::string& address, const std::string& name) const {
    std::filesystem::create_directories(path(address) + "/net/" + name);
  }
  void iommu_group(const std::string& address, const std::string& group) const {
    link(address, "iommu_group", "../../../kernel/iommu_groups/" + group);
  }
  void virtual_function(const std::string& physical, unsigned index, const std::string& address) const {
    link(physical, "virtfn" + std::to_string(index), "../" + address);
    link(address, "physfn", "../" + physical);
  }

  std::string root;
};

}  // namespace weft::test

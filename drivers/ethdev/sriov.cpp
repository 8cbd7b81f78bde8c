#include "drivers/ethdev/sriov.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace weft {
namespace {

namespace fs = std::filesystem;

constexpr unsigned long kNetworkClass = 0x02;  // the upper byte of three
constexpr std::array<std::string_view, 2> kBifurcated = {"mlx4_core", "mlx5_core"};

std::string line_of(const fs::path& file) {
  std::string line;
  std::ifstream stream(file);
  std::getline(stream, line);
  return line;
}

unsigned long number_of(const fs::path& file) { return std::strtoul(line_of(file).c_str(), nullptr, 0); }

/// The last part of what a link points to; empty: there is no link.
std::string target_of(const fs::path& link) {
  std::error_code failed;
  const fs::path target = fs::read_symlink(link, failed);
  return failed ? "" : target.filename().string();
}

std::string without_prefix(const std::string& text) { return text.starts_with("0x") ? text.substr(2) : text; }

/// A card of virtio has its interface one folder further down.
std::string interface_of(const fs::path& device) {
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(device / "net", failed)) return entry.path().filename();
  for (const auto& entry : fs::directory_iterator(device, failed))
    if (entry.path().filename().string().starts_with("virtio"))
      for (const auto& interface : fs::directory_iterator(entry.path() / "net", failed)) return interface.path().filename();
  return "";
}

/// virtfn0, virtfn1, ... in the order of their numbers; a driver may leave holes.
std::vector<std::string> virtual_functions_of(const fs::path& device) {
  std::vector<std::string> found;
  const unsigned long most = std::min(number_of(device / "sriov_totalvfs"), 65535UL);
  for (unsigned long i = 0; i < most; ++i)
    if (const std::string address = target_of(device / ("virtfn" + std::to_string(i))); !address.empty())
      found.push_back(address);
  return found;
}

unsigned index_of(const fs::path& physical, const std::string& address) {
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(physical, failed)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("virtfn") && target_of(entry.path()) == address)
      return static_cast<unsigned>(std::strtoul(name.c_str() + 6, nullptr, 10));
  }
  return 0;
}

}  // namespace

std::optional<PciFunction> read_pci_function(const std::string& sysfs, const std::string& address) {
  const fs::path devices = fs::path(sysfs) / "bus/pci/devices";
  const fs::path device = devices / address;
  const std::string kind = line_of(device / "class");
  if (kind.empty() || std::strtoul(kind.c_str(), nullptr, 16) >> 16 != kNetworkClass) return std::nullopt;
  PciFunction function;
  function.address = address;
  function.driver = target_of(device / "driver");
  function.interface = interface_of(device);
  function.vendor_device = without_prefix(line_of(device / "vendor")) + ":" + without_prefix(line_of(device / "device"));
  const std::string node = line_of(device / "numa_node");
  function.numa_node = node.empty() ? -1 : std::atoi(node.c_str());
  function.iommu_group = target_of(device / "iommu_group");
  function.physical_function = target_of(device / "physfn");
  function.virtual_function = !function.physical_function.empty();
  if (function.virtual_function) function.index = index_of(devices / function.physical_function, address);
  function.most_virtual_functions = static_cast<unsigned>(number_of(device / "sriov_totalvfs"));
  function.virtual_functions = virtual_functions_of(device);
  function.user_space_driver = function.driver == "vfio-pci";
  function.bifurcated = std::ranges::find(kBifurcated, function.driver) != kBifurcated.end();
  function.bindable = !function.iommu_group.empty() && fs::is_directory(fs::path(sysfs) / "bus/pci/drivers/vfio-pci");
  return function;
}

std::vector<PciFunction> read_pci_functions(const std::string& sysfs) {
  std::vector<std::string> addresses;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(fs::path(sysfs) / "bus/pci/devices", failed))
    addresses.push_back(entry.path().filename());
  std::ranges::sort(addresses);
  std::vector<PciFunction> found;
  for (const std::string& address : addresses)
    if (std::optional<PciFunction> function = read_pci_function(sysfs, address)) found.push_back(std::move(*function));
  return found;
}

}  // namespace weft

#include "dataplane/model/port_backend.hpp"

#include <fmt/format.h>

namespace weft {
namespace {

void replace_all(std::string& text, std::string_view what, const std::string& by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

/// The kernel's interface, or the PCI card, without the arguments; another device whole.
std::string hardware_of(const std::string& device) {
  constexpr std::string_view kInterface = ",iface=";
  if (const std::size_t at = device.find(kInterface); at != std::string::npos) {
    const std::size_t name = at + kInterface.size();
    return device.substr(name, device.find(',', name) - name);
  }
  return device.starts_with("net_") ? device : device.substr(0, device.find(','));
}

}  // namespace

std::string PortBackend::resource() const {
  switch (driver) {
    case Driver::kTap: return "";
    case Driver::kVhostUser: return socket;
    case Driver::kEthdev: return hardware_of(device);
    case Driver::kMemif: return fmt::format("{} (id {})", socket, id);
  }
  return "";
}

std::string driver_name(PortBackend::Driver driver) {
  switch (driver) {
    case PortBackend::Driver::kTap: return "tap";
    case PortBackend::Driver::kVhostUser: return "vhost-user";
    case PortBackend::Driver::kEthdev: return "ethdev";
    case PortBackend::Driver::kMemif: return "memif";
  }
  return "";
}

std::string describe(const PortBackend& backend) {
  std::string text = driver_name(backend.driver);
  if (backend.is_tap()) return text;
  text += " " + backend.resource();
  std::string more;
  if (backend.driver != PortBackend::Driver::kEthdev) more = backend.server ? "server" : "client";
  if (backend.queues > 1) more += fmt::format("{}{} queues", more.empty() ? "" : ", ", backend.queues);
  return more.empty() ? text : fmt::format("{} ({})", text, more);
}

std::string with_names(std::string text, const std::string& instance, int device_index) {
  replace_all(text, "{instance}", instance);
  replace_all(text, "{index}", std::to_string(device_index));
  return text;
}

}  // namespace weft

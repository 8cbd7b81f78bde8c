#include "fabric/provider/nic.hpp"

#include <rdma/fi_errno.h>

#include <cstdio>
#include <cstring>
#include <new>

#include "fabric/provider/object.hpp"
#include "fabric/provider/stubs.hpp"

namespace weft::provider {
namespace {

// The attributes point into the object itself: one allocation to copy, none to forget.
struct Nic : fid_nic {
  fi_device_attr device{};
  fi_bus_attr bus{};
  fi_link_attr link{};
  char name[32]{};
  char mac[20]{};
  char device_id[8] = "0xefa2";  // Amazon's numbers, so that tools that look for an EFA find one (facts fabric 8)
  char vendor_id[8] = "0x1d0f";
  char version[4] = "1";
  char driver[8] = "weft";
  char network[16] = "Ethernet";
};

int close_nic(fid* generic) noexcept {
  delete from_fid<Nic, fid_nic>(generic);
  return 0;
}

int control_nic(fid* generic, int command, void* argument) noexcept;

// fi_tostr appends: `text` begins with what was printed before, `size` is the room behind that. The layout is that of
// libfabric's own nics.
int print_nic(const fid* generic, char* text, std::size_t size) noexcept {
  const auto& nic = *from_fid<Nic, fid_nic>(const_cast<fid*>(generic));
  const fi_pci_attr& pci = nic.bus.attr.pci;
  std::snprintf(text + std::strlen(text), size,
                "    nic:\n"
                "        fi_device_attr:\n            name: %s\n            device_id: %s\n"
                "            device_version: %s\n            vendor_id: %s\n            driver: %s\n"
                "            firmware: %s\n"
                "        fi_bus_attr:\n            bus_type: FI_BUS_PCI\n"
                "            fi_pci_attr: %04x:%02x:%02x.%x\n"
                "        fi_link_attr:\n            address: %s\n            mtu: %zu\n            speed: %zu\n"
                "            state: FI_LINK_UP\n            network_type: %s\n",
                nic.name, nic.device_id, nic.version, nic.vendor_id, nic.driver, nic.version, pci.domain_id,
                pci.bus_id, pci.device_id, pci.function_id, nic.mac, nic.link.mtu, nic.link.speed, nic.network);
  return 0;
}

constinit fi_ops nic_ops = {
    .size = sizeof(fi_ops),
    .close = close_nic,
    .bind = unsupported,
    .control = control_nic,
    .ops_open = unsupported,
    .tostr = print_nic,
    .ops_set = unsupported,
};

void connect(Nic& nic) {
  nic.fid = {.fclass = FI_CLASS_NIC, .context = nullptr, .ops = &nic_ops};
  nic.device = {.name = nic.name,
                .device_id = nic.device_id,
                .device_version = nic.version,
                .vendor_id = nic.vendor_id,
                .driver = nic.driver,
                .firmware = nic.version};
  nic.link.address = nic.mac;
  nic.link.network_type = nic.network;
  nic.device_attr = &nic.device;
  nic.bus_attr = &nic.bus;
  nic.link_attr = &nic.link;
  nic.prov_attr = nullptr;
}

int control_nic(fid* generic, int command, void* argument) noexcept {
  if (command != FI_DUP) return -FI_ENOSYS;
  Nic* copy = new (std::nothrow) Nic(*from_fid<Nic, fid_nic>(generic));
  if (copy == nullptr) return -FI_ENOMEM;
  connect(*copy);
  *static_cast<fid_nic**>(argument) = copy;
  return 0;
}

}  // namespace

fid_nic* make_nic(const efa::FunctionInfo& function) noexcept {
  Nic* nic = new (std::nothrow) Nic;
  if (nic == nullptr) return nullptr;
  std::snprintf(nic->name, sizeof nic->name, "weft%u", unsigned{function.device_index});
  const std::uint8_t* mac = function.mac;
  std::snprintf(nic->mac, sizeof nic->mac, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                mac[5]);
  nic->bus.bus_type = FI_BUS_PCI;
  nic->bus.attr.pci = {.domain_id = function.pci_domain,
                       .bus_id = function.pci_bus,
                       .device_id = function.pci_device,
                       .function_id = function.pci_function};
  nic->link.mtu = function.mtu;
  nic->link.speed = function.link_speed_bps;
  nic->link.state = FI_LINK_UP;
  connect(*nic);
  return nic;
}

}  // namespace weft::provider

#include "fabric/provider/nic.hpp"

#include <rdma/fi_errno.h>

#include <cstdio>
#include <cstring>
#include <new>

#include "fabric/provider/info.hpp"
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

int print_nic(const fid* generic, char* text, std::size_t size) noexcept {
  const auto& nic = *from_fid<Nic, fid_nic>(const_cast<fid*>(generic));
  std::snprintf(text, size,
                "nic:\n    fi_device_attr: name: %s, device_id: %s, vendor_id: %s, driver: %s\n"
                "    fi_pci_attr: %04x:%02x:%02x.%x\n    fi_link_attr: address: %s, mtu: %zu, speed: %zu, state: %s\n",
                nic.name, nic.device_id, nic.vendor_id, nic.driver, nic.bus.attr.pci.domain_id,
                nic.bus.attr.pci.bus_id, nic.bus.attr.pci.device_id, nic.bus.attr.pci.function_id, nic.mac,
                nic.link.mtu, nic.link.speed, nic.link.state == FI_LINK_UP ? "up" : "down");
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
  domain_name(function, nic->name, sizeof nic->name);
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

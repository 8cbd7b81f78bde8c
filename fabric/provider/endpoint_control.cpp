// The calls that configure an endpoint: names, options, default flags, enable, close.
#include <rdma/fi_errno.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "fabric/provider/attributes.hpp"
#include "fabric/provider/endpoint_base.hpp"
#include "fabric/provider/names.hpp"
#include "fabric/provider/provider.hpp"
#include "fabric/provider/stubs.hpp"

namespace weft::provider {

// The port asks for a queue pair number; the address can only be the ENI's own.
int EndpointBase::set_name(const void* name, std::size_t size) {
  if (enabled_) return -FI_EOPBADSTATE;
  sockaddr_in address;
  if (name == nullptr || size < sizeof address) return -FI_EINVAL;
  std::memcpy(&address, name, sizeof address);
  if (address.sin_family != AF_INET) return -FI_EINVAL;
  const sockaddr_in own = socket_address(domain.address, 0);
  if (!is_any(address) && !is_loopback(address) && address.sin_addr.s_addr != own.sin_addr.s_addr)
    return -FI_EADDRNOTAVAIL;
  wanted_qpn_ = ntohs(address.sin_port);
  return 0;
}

int EndpointBase::get_name(void* name, std::size_t* size) {
  if (!enabled_ && wanted_qpn_ == 0) return -FI_EOPBADSTATE;  // the number comes with fi_enable
  const std::uint32_t qpn = enabled_ ? queue_pair().address().qpn : wanted_qpn_;
  const sockaddr_in address = socket_address(domain.address, qpn);
  const std::size_t room = *size;
  *size = sizeof address;
  if (name != nullptr) std::memcpy(name, &address, std::min(room, sizeof address));
  return room < sizeof address ? -FI_ETOOSMALL : 0;
}

// FI_GETOPSFLAG and FI_SETOPSFLAG name the direction among the flags themselves; exactly one (fi_endpoint(3)).
std::uint64_t* EndpointBase::default_flags(std::uint64_t which) {
  if ((which & FI_TRANSMIT) != 0 && (which & FI_RECV) == 0) return &transmit_flags_;
  if ((which & FI_RECV) != 0 && (which & FI_TRANSMIT) == 0) return &receive_flags_;
  return nullptr;
}

namespace {

int close_endpoint(fid* generic) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  return EndpointBase::of(generic)->close();
}

int bind_endpoint(fid* generic, fid* other, std::uint64_t flags) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  return EndpointBase::of(generic)->bind(other, flags);
}

int control_endpoint(fid* generic, int command, void* argument) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  auto* endpoint = EndpointBase::of(generic);
  switch (command) {
    case FI_ENABLE: return endpoint->enable();
    case FI_GETOPSFLAG: {
      auto* flags = static_cast<std::uint64_t*>(argument);
      const std::uint64_t* current = endpoint->default_flags(*flags);
      if (current == nullptr) return -FI_EINVAL;
      *flags = *current;
      return 0;
    }
    case FI_SETOPSFLAG: {
      const std::uint64_t given = *static_cast<const std::uint64_t*>(argument);
      std::uint64_t* current = endpoint->default_flags(given);
      const std::uint64_t flags = given & ~(FI_TRANSMIT | FI_RECV);
      if (current == nullptr || (flags & ~(kTransmitFlags | kReceiveFlags)) != 0) return -FI_EINVAL;
      std::lock_guard guard(endpoint->domain.lock);
      *current = flags;
      return 0;
    }
    default: return -FI_ENOSYS;
  }
}

ssize_t cancel(fid* generic, void* context) noexcept { return EndpointBase::of(generic)->cancel(context); }

int get_option(fid* generic, int level, int name, void* value, std::size_t* size) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  if (level != FI_OPT_ENDPOINT) return -FI_ENOPROTOOPT;
  return EndpointBase::of(generic)->get_option(name, value, size);
}

int set_option(fid* generic, int level, int name, const void* value, std::size_t size) noexcept {
  if (level != FI_OPT_ENDPOINT) return -FI_ENOPROTOOPT;
  if (forked()) return -FI_EOPNOTSUPP;
  return EndpointBase::of(generic)->set_option(name, value, size);
}

int set_name(fid* generic, void* address, std::size_t size) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  return EndpointBase::of(generic)->set_name(address, size);
}

int get_name(fid* generic, void* address, std::size_t* size) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  return EndpointBase::of(generic)->get_name(address, size);
}

}  // namespace

constinit fi_ops endpoint_object_ops = {
    .size = sizeof(fi_ops),
    .close = close_endpoint,
    .bind = bind_endpoint,
    .control = control_endpoint,
    .ops_open = unsupported,
    .tostr = unsupported,
    .ops_set = unsupported,
};

constinit fi_ops_ep endpoint_ops = {
    .size = sizeof(fi_ops_ep),
    .cancel = cancel,
    .getopt = get_option,
    .setopt = set_option,
    .tx_ctx = unsupported,
    .rx_ctx = unsupported,
    .rx_size_left = unsupported,
    .tx_size_left = unsupported,
};

constinit fi_ops_cm endpoint_name_ops = {
    .size = sizeof(fi_ops_cm),
    .setname = set_name,
    .getname = get_name,
    .getpeer = unsupported,
    .connect = unsupported,
    .listen = unsupported,
    .accept = unsupported,
    .reject = unsupported,
    .shutdown = unsupported,
    .join = unsupported,
};

}  // namespace weft::provider

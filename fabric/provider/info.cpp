#include "fabric/provider/info.hpp"

#include <rdma/fi_errno.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <strings.h>
#include <vector>

#include "fabric/device/queue_pair.hpp"
#include "fabric/provider/attributes.hpp"
#include "fabric/provider/names.hpp"
#include "fabric/provider/nic.hpp"
#include "fabric/provider/provider.hpp"
#include "fabric/provider/strict.hpp"

namespace weft::provider {
namespace {

// What the application said about addresses, worked out once for all functions.
struct Wanted {
  sockaddr_in source{}, destination{};
  bool has_source = false, has_destination = false;
};

bool is_socket_address(const void* address, std::size_t size) {
  sockaddr_in value;
  if (address == nullptr || size < sizeof value) return false;
  std::memcpy(&value, address, sizeof value);
  return value.sin_family == AF_INET;
}

// fi_getinfo(3): with FI_SOURCE node and service name the local address, else the peer; hints give the other one.
int read_addresses(const char* node, const char* service, std::uint64_t flags, const fi_info* hints, Wanted* wanted) {
  const bool names_source = (flags & FI_SOURCE) != 0;
  const bool named = node != nullptr || service != nullptr;
  if (names_source && !named) return -FI_EINVAL;
  if (named) {
    sockaddr_in address{};
    if (int error = resolve(node, service, (flags & FI_NUMERICHOST) != 0, &address); error != 0) return error;
    (names_source ? wanted->source : wanted->destination) = address;
    (names_source ? wanted->has_source : wanted->has_destination) = true;
  }
  if (hints == nullptr) return 0;
  if (!wanted->has_source && hints->src_addr != nullptr) {
    if (!is_socket_address(hints->src_addr, hints->src_addrlen)) return -FI_ENODATA;
    std::memcpy(&wanted->source, hints->src_addr, sizeof wanted->source);
    wanted->has_source = true;
  }
  if (!wanted->has_destination && hints->dest_addr != nullptr) {
    if (!is_socket_address(hints->dest_addr, hints->dest_addrlen)) return -FI_ENODATA;
    std::memcpy(&wanted->destination, hints->dest_addr, sizeof wanted->destination);
    wanted->has_destination = true;
  }
  return 0;
}

bool store(const sockaddr_in& address, void** where, std::size_t* size) {
  *where = std::malloc(sizeof address);  // fi_freeinfo frees it
  if (*where == nullptr) return false;
  std::memcpy(*where, &address, sizeof address);
  *size = sizeof address;
  return true;
}

// The local address of `function` (null: no daemon is there to ask) as this caller wants it, or false when the caller
// wants an address that is not this function's.
bool local_address(const efa::FunctionInfo* function, const Wanted& wanted, sockaddr_in* local) {
  *local = function != nullptr ? socket_address(function->address, 0) : sockaddr_in{};
  local->sin_family = AF_INET;
  if (!wanted.has_source) return true;
  const bool unnamed = is_any(wanted.source) || is_loopback(wanted.source);
  if (function != nullptr && !unnamed && wanted.source.sin_addr.s_addr != local->sin_addr.s_addr) return false;
  if (function == nullptr && !unnamed) local->sin_addr = wanted.source.sin_addr;
  local->sin_port = wanted.source.sin_port;
  return true;
}

// One function's offer compared with the hints and made into an answer. 0 with *answer null: it does not fit.
int answer_for(const efa::FunctionInfo* function, fi_ep_type type, const Wanted& wanted, const fi_info* hints,
               std::uint32_t version, fi_info** answer) {
  *answer = nullptr;
  sockaddr_in local;
  if (!local_address(function, wanted, &local)) return 0;
  fi_info* info = make_offer(type);
  if (info == nullptr) return -FI_ENOMEM;
  if (settings.strict && type == FI_EP_RDM) strict::limit(*info, function);
  char name[32];
  domain_name(function != nullptr ? *function : efa::FunctionInfo{}, type, name, sizeof name);
  info->fabric_attr->name = strdup(kFabricName);
  info->domain_attr->name = strdup(name);
  if (hints != nullptr && check_hints(*info, *hints, version) != 0) {
    fi_freeinfo(info);
    return 0;
  }
  answer_hints(*info, hints, version);
  bool complete = info->fabric_attr->name != nullptr && info->domain_attr->name != nullptr &&
                  store(local, &info->src_addr, &info->src_addrlen);
  if (wanted.has_destination) {
    sockaddr_in peer = wanted.destination;
    if (is_any(peer) || is_loopback(peer)) peer.sin_addr = local.sin_addr;
    complete = complete && store(peer, &info->dest_addr, &info->dest_addrlen);
  }
  if (function != nullptr) {
    info->nic = make_nic(*function);
    complete = complete && info->nic != nullptr;
  }
  if (!complete) {
    fi_freeinfo(info);
    return -FI_ENOMEM;
  }
  *answer = info;
  return 0;
}

// libfabric's own reliable endpoints over anybody's datagrams, ofi_rxd, come before a provider that it loaded: "weft"
// would then mean "weft;ofi_rxd". So its question (the flag is OFI_CORE_PROV_ONLY of libfabric's ofi.h, the same in 1.x
// and 2.x) is answered with datagrams only where the user named it.
bool datagrams_are_hidden(std::uint64_t flags) {
  constexpr std::uint64_t kAskedByLayer = 1ull << 59;
  const char* chosen = std::getenv("FI_PROVIDER");
  return (flags & kAskedByLayer) != 0 && (chosen == nullptr || strcasestr(chosen, "ofi_rxd") == nullptr);
}

// All functions (none: as if there were one), reliable endpoints first: who takes the first answer wants those. A list of
// fi_info, empty when nothing fits.
int answer_all(const std::vector<efa::FunctionInfo>& functions, const Wanted& wanted, std::uint64_t flags,
               const fi_info* hints, std::uint32_t version, fi_info** result) {
  fi_info** tail = result;
  for (const fi_ep_type type : {FI_EP_RDM, FI_EP_DGRAM}) {
    if (type == FI_EP_DGRAM && datagrams_are_hidden(flags)) continue;
    for (std::size_t i = 0; i < std::max<std::size_t>(functions.size(), 1); ++i) {
      const efa::FunctionInfo* function = functions.empty() ? nullptr : &functions[i];
      if (int error = answer_for(function, type, wanted, hints, version, tail); error != 0) {
        fi_freeinfo(*result);
        *result = nullptr;
        return error;
      }
      if (*tail != nullptr) tail = &(*tail)->next;
    }
  }
  return *result != nullptr ? 0 : -FI_ENODATA;
}

// Without a daemon weft exists only for those who ask for it: an application that takes the first provider it is shown
// must not get one that cannot open (DESIGN D10).
bool asked_by_name(const fi_info* hints) {
  const char* hinted = hints != nullptr && hints->fabric_attr != nullptr ? hints->fabric_attr->prov_name : nullptr;
  const char* chosen = std::getenv("FI_PROVIDER");
  return (hinted != nullptr && strcasestr(hinted, weft_provider.name) != nullptr) ||
         (chosen != nullptr && chosen[0] != '^' && strcasestr(chosen, weft_provider.name) != nullptr);
}

}  // namespace

void domain_name(const efa::FunctionInfo& function, fi_ep_type type, char* name, std::size_t size) noexcept {
  std::snprintf(name, size, "weft%u-%s", unsigned{function.device_index}, type == FI_EP_DGRAM ? "dgrm" : "rdm");
}

int get_info(std::uint32_t version, const char* node, const char* service, std::uint64_t flags, const fi_info* hints,
             fi_info** result) noexcept {
  *result = nullptr;
  Wanted wanted;
  if (int error = read_addresses(node, service, flags, hints, &wanted); error != 0) return error;
  const device::FunctionList list = device::list_functions();
  if (list.functions.empty()) {
    WEFT_LOG(INFO, CORE, "no EFA function here (%s): is weftd up, and is this inside an instance with an interface of type efa?\n",
             fi_strerror(list.error != 0 ? list.error : FI_ENODEV));
    if (!asked_by_name(hints)) return -FI_ENODATA;
  }
  return answer_all(list.functions, wanted, flags, hints, version, result);
}

}  // namespace weft::provider

// The one symbol that libfabric looks for in libweft-fi.so, and what happens when the library comes and goes.
#include "fabric/provider/provider.hpp"

#include "fabric/provider/fabric.hpp"
#include "fabric/provider/info.hpp"
#include "fabric/provider/registry.hpp"
#include "fabric/provider/settings.hpp"

namespace weft::provider {

constinit std::atomic<bool> is_forked_child{false};

namespace {

void clean_up() noexcept { EndpointRegistry::linger_all(); }

}  // namespace

constinit fi_provider weft_provider = {
    .version = kProviderVersion,
    .fi_version = FI_VERSION(FI_MAJOR_VERSION, FI_MINOR_VERSION),
    .context = {},
    .name = kProviderName,
    .getinfo = get_info,
    .fabric = open_fabric,
    .cleanup = clean_up,
};

}  // namespace weft::provider

extern "C" __attribute__((visibility("default"))) fi_provider* fi_prov_ini(void) {
  weft::provider::define_settings();
  weft::provider::EndpointRegistry::watch_forks();
  return &weft::provider::weft_provider;
}

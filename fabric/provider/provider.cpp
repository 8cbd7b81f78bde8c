// The one symbol that libfabric looks for in libweft-fi.so, and what happens when the library comes and goes.
//
// One binary serves libfabric 1.x and 2.x: what we are given and give back only ever grew at the end, fi_info is
// allocated by the libfabric that runs, and the version we state is that one's, for libfabric hides a provider whose
// version is below the application's. What was added to ops structs since answers -FI_ENOSYS by their `size`.
#include "fabric/provider/provider.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>

#include "fabric/provider/fabric.hpp"
#include "fabric/provider/info.hpp"
#include "fabric/provider/registry.hpp"
#include "fabric/provider/settings.hpp"

namespace weft::provider {

constinit std::atomic<bool> is_forked_child{false};

namespace {

constexpr char kEfa[] = "efa";

void clean_up() noexcept { EndpointRegistry::linger_all(); }

// For programs that ask for EFA by name: the library under the name libefa-fi.so, or WEFT_PROVIDER_NAME=efa.
bool named_efa() noexcept {
  if (const char* chosen = std::getenv("WEFT_PROVIDER_NAME"); chosen != nullptr) {
    if (std::strcmp(chosen, kEfa) == 0) return true;
    if (std::strcmp(chosen, kProviderName) != 0)
      WEFT_LOG(WARN, CORE, "WEFT_PROVIDER_NAME=%s ignored: weft or efa would be right\n", chosen);
    return false;
  }
  Dl_info library;
  if (dladdr(&weft_provider, &library) == 0 || library.dli_fname == nullptr) return false;
  const char* slash = std::strrchr(library.dli_fname, '/');
  return std::strncmp(slash != nullptr ? slash + 1 : library.dli_fname, "libefa", 6) == 0;
}

// libfabric's own EFA provider has the same name. Of two libfabric takes the one with the higher version.
void become_efa() noexcept {
  const std::uint32_t library = fi_version();
  weft_provider.name = kEfa;
  weft_provider.version = FI_VERSION(FI_MAJOR(library) * 100 + FI_MINOR(library), 10);
}

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
  using namespace weft::provider;
  weft_provider.fi_version = fi_version();
  define_settings();  // before a change of name: the variables are FI_WEFT_... whatever it is
  if (named_efa()) become_efa();
  EndpointRegistry::watch_forks();
  return &weft_provider;
}

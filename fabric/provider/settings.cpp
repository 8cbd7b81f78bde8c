#include "fabric/provider/settings.hpp"

#include <sched.h>

#include <cstdlib>
#include <cstring>

#include "fabric/device/channel.hpp"
#include "fabric/provider/provider.hpp"

namespace weft::provider {

constinit Settings settings;

namespace {

// Up to this many cores a spinning rank is likely to take the core that its peer, or weftd, needs next: weftd spins
// too while there is traffic (DESIGN D17, facts fabric 5.3).
constexpr int kFewCores = 4;

void define_size(const char* name, const char* help, std::size_t minimum, std::size_t maximum, std::size_t* value) {
  fi_param_define(&weft_provider, name, FI_PARAM_SIZE_T, "%s (default: %zu)", help, *value);
  std::size_t given = 0;
  if (fi_param_get_size_t(&weft_provider, name, &given) != 0) return;
  if (given < minimum || given > maximum) {
    WEFT_LOG(WARN, CORE, "FI_WEFT variable %s=%zu ignored: %zu to %zu would be right\n", name, given, minimum, maximum);
    return;
  }
  *value = given;
}

void define_switch(const char* name, const char* help, bool* value) {
  fi_param_define(&weft_provider, name, FI_PARAM_BOOL, "%s (default: %s)", help, *value ? "yes" : "no");
  int given = 0;
  if (fi_param_get_bool(&weft_provider, name, &given) == 0) *value = given != 0;
}

void define_choice(const char* name, const char* help, Choice* value) {
  fi_param_define(&weft_provider, name, FI_PARAM_STRING, "%s (default: auto)", help);
  char* given = nullptr;
  if (fi_param_get_str(&weft_provider, name, &given) != 0 || given == nullptr) return;
  if (std::strcmp(given, "always") == 0 || std::strcmp(given, "1") == 0) {
    *value = Choice::kAlways;
  } else if (std::strcmp(given, "never") == 0 || std::strcmp(given, "0") == 0) {
    *value = Choice::kNever;
  } else if (std::strcmp(given, "auto") != 0) {
    WEFT_LOG(WARN, CORE, "FI_WEFT variable %s=%s ignored: auto, always or never would be right\n", name, given);
  }
}

}  // namespace

void define_settings() noexcept {
  define_choice("yield",
                "Give up the core in fi_cq_read after some empty polls: always, never, or auto: when this process may run "
                "on few cores",
                &settings.yield);
  define_size("yield_after", "Empty polls in a row before the core is given up", 1, 1000000, &settings.yield_after);
  define_size("tx_size", "Sends in flight per endpoint unless the application asks for another number", 16, 65536,
              &settings.transmit_size);
  define_size("rx_size", "Receives that fi_getinfo announces; more may be posted", 16, 65536, &settings.receive_size);
  define_size("unexpected_bytes", "Memory for messages that came before their receive; beyond it senders wait", 65536,
              std::size_t{1} << 36, &settings.unexpected_bytes);
  define_size("packet_buffers", "Packet buffers of 9 KiB per endpoint and direction", 16, 4096,
              &settings.packet_buffers);
  define_size("linger_ms", "How long fi_close waits for messages in flight, in milliseconds", 0, 60000,
              &settings.linger_ms);
  define_switch("express", "Packets to peers on this host go past weftd where it allows that", &settings.express);
  define_choice("cma",
                "Large data to peers on this host in one copy, where processes may read each other's memory: always, "
                "never, or auto: where the kernel is fast enough at it",
                &settings.cma);
  define_switch("explain", "Say once on standard error why communication failed", &settings.explain);
  const char* const strict = std::getenv("WEFT_EFA_STRICT");
  settings.strict = strict != nullptr && *strict != '\0' && std::strcmp(strict, "0") != 0;
}

bool use_direct_copies() noexcept {
  return settings.cma == Choice::kAuto ? device::direct_copies_pay() : settings.cma == Choice::kAlways;
}

bool should_yield() noexcept {
  if (settings.yield != Choice::kAuto) return settings.yield == Choice::kAlways;
  // Asked for each time a queue is opened, not once: mpirun binds ranks before they start, threads rebind later.
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) != 0) return false;  // more cores than cpu_set_t holds
  return CPU_COUNT(&cores) <= kFewCores;
}

}  // namespace weft::provider

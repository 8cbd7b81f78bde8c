#include "fabric/provider/settings.hpp"

#include <sched.h>

#include <cstdlib>
#include <cstring>

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

void define_yield() {
  fi_param_define(&weft_provider, "yield", FI_PARAM_STRING,
                  "Give up the core in fi_cq_read after some empty polls: always, never, or auto: when this process may "
                  "run on at most %d cores (default: auto)",
                  kFewCores);
  char* given = nullptr;
  if (fi_param_get_str(&weft_provider, "yield", &given) != 0 || given == nullptr) return;
  if (std::strcmp(given, "always") == 0) {
    settings.yield = YieldPolicy::kAlways;
  } else if (std::strcmp(given, "never") == 0) {
    settings.yield = YieldPolicy::kNever;
  } else if (std::strcmp(given, "auto") != 0) {
    WEFT_LOG(WARN, CORE, "FI_WEFT_YIELD=%s ignored: auto, always or never would be right\n", given);
  }
}

}  // namespace

void define_settings() noexcept {
  define_yield();
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
  const char* const strict = std::getenv("WEFT_EFA_STRICT");
  settings.strict = strict != nullptr && *strict != '\0' && std::strcmp(strict, "0") != 0;
  fi_param_define(&weft_provider, "explain", FI_PARAM_BOOL,
                  "Say once on standard error why communication failed (default: yes)");
  int explain = 1;
  if (fi_param_get_bool(&weft_provider, "explain", &explain) == 0) settings.explain = explain != 0;
}

bool should_yield() noexcept {
  if (settings.yield != YieldPolicy::kAuto) return settings.yield == YieldPolicy::kAlways;
  // Asked for each time a queue is opened, not once: mpirun binds ranks before they start, threads rebind later.
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) != 0) return false;  // more cores than cpu_set_t holds
  return CPU_COUNT(&cores) <= kFewCores;
}

}  // namespace weft::provider

// The provider's environment variables, read once when libfabric loads it. docs/provider.md has the table.
#pragma once

#include <cstddef>

namespace weft::provider {

enum class Choice { kAuto, kAlways, kNever };

struct Settings {
  Choice yield = Choice::kAuto;       // FI_WEFT_YIELD
  std::size_t yield_after = 20;            // FI_WEFT_YIELD_AFTER: empty polls in a row before the core is offered
  std::size_t transmit_size = 1024;        // FI_WEFT_TX_SIZE
  std::size_t receive_size = 1024;         // FI_WEFT_RX_SIZE
  std::size_t unexpected_bytes = 64u << 20;  // FI_WEFT_UNEXPECTED_BYTES
  std::size_t packet_buffers = 128;        // FI_WEFT_PACKET_BUFFERS: per direction and endpoint
  std::size_t linger_ms = 1000;            // FI_WEFT_LINGER_MS: how long fi_close waits for what is in flight
  bool express = true;                     // FI_WEFT_EXPRESS: channels past the daemon to peers on this host
  Choice cma = Choice::kAuto;              // FI_WEFT_CMA: large data in one copy, by process_vm_readv(2)
  bool strict = false;                     // WEFT_EFA_STRICT: strict.hpp
  bool explain = true;                     // FI_WEFT_EXPLAIN: say on standard error why communication failed
};

/// Constant-initialised; define_settings() is the only writer.
extern Settings settings;

/// Makes the variables known to `fi_info -e` and reads them.
void define_settings() noexcept;

/// Whether large data goes in one copy where it may: FI_WEFT_CMA, or what pays on this machine.
bool use_direct_copies() noexcept;

/// Whether a poll that found nothing should offer the core to somebody else (DESIGN D17).
bool should_yield() noexcept;

}  // namespace weft::provider

// A dump on a signal: what each endpoint of this process waits for, on standard error. The signal is the application's,
// so there is none unless WEFT_DUMP_SIGNAL names one (USR2, SIGUSR2, 12).
//
// The handler only takes a note and says so; the dump is made by the next call that makes progress, on its thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace weft::provider {

class EndpointBase;

/// How many dumps were asked for. An endpoint compares it with how many it made.
extern std::atomic<std::uint32_t> dumps_wanted;

/// Installs the handler if the environment asks for it and the application has none of its own there. Once.
void watch_dump_signal() noexcept;

/// Under the domain's lock.
void write_dump(EndpointBase& endpoint) noexcept;

}  // namespace weft::provider

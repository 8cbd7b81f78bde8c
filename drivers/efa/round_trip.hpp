// How long a packet takes to a peer and its acknowledgement back, as a client of an EFA function has measured it.
#pragma once

#include <array>
#include <cstdint>

namespace weft {

struct EfaRoundTrip {
  std::array<std::uint8_t, 16> peer{};  // IPv4 as ::ffff:a.b.c.d
  std::uint8_t path = 0;                // of the client's count; on the fabric modulo how many there are
  std::uint32_t ns = 0;                 // not 0
};

}  // namespace weft

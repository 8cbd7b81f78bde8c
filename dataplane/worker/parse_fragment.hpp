// A fragment's part of stage 1, for both families: the first one's transport header, or what is remembered of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/worker/context.hpp"
#include "dataplane/worker/fragment_table.hpp"

namespace weft {

/// What one fragment says, after its IP headers have been checked.
struct Fragment {
  FragmentKey key;
  std::uint8_t protocol = 0;        // of the transport header; of a later fragment of IPv6 not known
  unsigned offset = 0;              // in bytes
  bool more = false;
  std::size_t bytes = 0;            // of the datagram, in this fragment
  std::span<const std::byte> l4;    // of a first fragment: what of `bytes` is in the first buffer, from its transport header
};

/// Its ports; nothing when the packet has been dropped or is held. `known`: the worker of the port has looked already.
std::optional<FragmentPorts> fragment_ports(Burst& burst, unsigned i, const Fragment& fragment, bool known,
                                            WorkerContext& worker) noexcept;

/// The packet is a later fragment, whose transport header is elsewhere.
bool is_later_fragment(const rte_mbuf* packet) noexcept;

}  // namespace weft

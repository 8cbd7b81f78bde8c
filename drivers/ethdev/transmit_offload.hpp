// A frame's offload fields as a card wants them. drivers/port.hpp is as the kernel's TAP and virtio are: the checksum field
// holds the pseudo-header's sum with the length. DPDK differs for super-segments: without the length, and with the IPv4
// header's checksum left to the card, too.
#pragma once

#include <rte_mbuf.h>

namespace weft::ethdev {

/// Writes to the frame's headers when it asks for segmentation. May be repeated. The frame's headers are in its first
/// segment, which nobody else refers to.
void prepare_for_card(rte_mbuf* frame) noexcept;

}  // namespace weft::ethdev

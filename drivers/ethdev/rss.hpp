// A card's receive side scaling as the engine computes it in software (dataplane/net/symmetric_rss.hpp): both directions
// of a flow on one queue, and known which.
#pragma once

#include <cstdint>
#include <vector>

#include <rte_ethdev.h>

namespace weft::ethdev {

/// The key and the fields to hash, as far as the card can. `key` is filled in and must outlive `configuration`'s use.
/// False: the card has no RSS, or hashes nothing of what is asked.
bool ask_for_rss(const rte_eth_dev_info& info, rte_eth_conf& configuration, std::vector<std::uint8_t>& key);

/// Entry i of a started card's indirection table becomes queue (i & 63) % queues. 0, or DPDK's -errno.
int fill_indirection_table(std::uint16_t port, const rte_eth_dev_info& info, std::uint16_t queues);

}  // namespace weft::ethdev

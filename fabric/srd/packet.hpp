// The transport header in front of every packet, and what the transport will do with it.
//
// Today's wire is one daemon's switch, which is lossless: it delivers a packet or answers at once why not. So what the
// transport has to do now is credits (srd/credit.hpp) and RNR back-off. The PSN, acknowledgement and path fields have
// their seats here from the first version, and the SRD issue fills them without changing the layout.
#pragma once

#include <cstdint>

namespace weft::srd {

inline constexpr std::uint8_t kVersion = 1;

enum PacketFlags : std::uint8_t {
  kAckRequested = 1,  // seat: the receiver acknowledges at once
  kCreditOnly = 2,    // carries no RDM header: `credit` is the message
};

/// Little endian on every host Weft runs on. 16 bytes.
struct PacketHeader {
  std::uint8_t version;
  std::uint8_t flags;
  std::uint16_t path;         // seat: which way through the underlay, echoed by the acknowledgement
  std::uint32_t psn;          // per (queue pair, peer queue pair), one per packet; a packet sent again keeps its number
  std::uint32_t acknowledged; // seat: cumulative PSN received from the peer
  std::uint32_t credit;       // the peer may send packets with PSN before this one
};
static_assert(sizeof(PacketHeader) == 16);

}  // namespace weft::srd

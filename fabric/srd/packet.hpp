// The transport header in front of every packet, and what the transport does with it. docs/wire-format.md has every byte.
//
// Today's wire is one daemon's switch, which is lossless: it delivers a packet or answers at once why not. So what the
// transport has to do now is credits (srd/credit.hpp) and RNR back-off (srd/rnr.hpp). The acknowledgement and path
// fields are filled by a transport over a wire that loses packets (send_window.hpp), which fabric/rdm does not use yet.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weft::srd {

inline constexpr std::uint8_t kVersion = 1;

enum PacketFlags : std::uint8_t {
  kAckRequested = 1,      // seat: the receiver acknowledges at once
  kCreditOnly = 2,        // carries no RDM header: `credit` is the message. Needs no credit itself.
  kHoldRequests = 4,      // the sender's memory for unexpected messages is full: start no new message towards it
  kRestart = 8,           // carries no RDM header: "I do not know the session you speak of, begin a new one"
  kEstablished = 16,      // an earlier packet of this session was delivered before this one was posted
  kAcknowledgement = 32,  // carries no RDM header: acknowledgement.hpp says what follows. Needs no credit.
};

/// Little endian on every host Weft runs on. 16 bytes.
struct PacketHeader {
  std::uint8_t version;
  std::uint8_t flags;
  std::uint8_t path;     // seat: which way through the underlay, echoed by the acknowledgement
  std::uint8_t session;  // counts up when the sender had to give up its sequence of messages to this peer
  std::uint32_t psn;     // per (queue pair, peer queue pair), one per packet; a packet sent again keeps its number
  std::uint32_t acknowledged;  // seat: cumulative PSN received from the peer
  std::uint32_t credit;        // so many packets the peer may have had delivered here, ever (credit.hpp)
};
static_assert(sizeof(PacketHeader) == 16);

/// Serial number arithmetic (RFC 1982): a comes after b.
constexpr bool after(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b) > 0; }

}  // namespace weft::srd

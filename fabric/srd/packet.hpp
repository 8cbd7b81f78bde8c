// The transport header in front of every packet, and what the transport does with it. docs/wire-format.md has every byte.
//
// On one daemon's switch, where nothing is impaired, a packet is delivered or answered at once with why not: credits
// (credit.hpp) and back-off after a refusal (rnr.hpp) are all the transport does then. What crosses the emulated fabric may
// be lost: send_window.hpp and receive_window.hpp (decision 10).
#pragma once

#include <cstddef>
#include <cstdint>

namespace weft::srd {

inline constexpr std::uint8_t kVersion = 1;

enum PacketFlags : std::uint8_t {
  kAckRequested = 1,      // the receiver acknowledges at once; with kCreditOnly: it says its credit at once
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
  std::uint8_t path;     // which way through the fabric, echoed by the acknowledgement
  std::uint8_t session;  // counts up when the sender had to give up its sequence of messages to this peer
  std::uint32_t psn;     // counts the session's packets through the daemon that cost a credit; others have none. A packet
                         // sent again keeps its number
  std::uint32_t acknowledged;  // kAcknowledgement: the first psn that has not come. kRestart: the unknown session. Else it
                               // counts the headers: the newest one's kHoldRequests holds
  std::uint32_t credit;        // so many packets the peer may have had delivered here, ever (credit.hpp)
};
static_assert(sizeof(PacketHeader) == 16);

/// Serial number arithmetic (RFC 1982): a comes after b.
constexpr bool after(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b) > 0; }

}  // namespace weft::srd

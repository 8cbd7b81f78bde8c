// Connection tracking: which class of idle time-out a flow is in. It follows flags and changes of direction and
// does not check sequence numbers: both ends are behind the spoof check, so only they can reset their connection.
//
//   TCP    opening --ACK after an answer--> established --FIN both ways, or RST--> closing
//   UDP    single --second answer--> stream
#pragma once

#include <cstdint>

#include "dataplane/flow/entry.hpp"
#include "dataplane/flow/timeouts.hpp"
#include "dataplane/net/headers.hpp"

namespace weft {

namespace detail {

inline void track_tcp(FlowEntry4& entry, std::uint8_t direction, std::uint8_t flags) noexcept {
  if ((flags & TcpHeader::kFin) != 0) entry.half[direction].fin = 1;
  if ((flags & TcpHeader::kRst) != 0 || (entry.half[0].fin && entry.half[1].fin)) {
    entry.state = TrackState::kTcpClosing;
    return;
  }
  // SYN, SYN-ACK, ACK: the initiator has answered an answer. A flow picked up in the middle needs as much.
  const bool acknowledges = (flags & TcpHeader::kAck) != 0 && (flags & TcpHeader::kSyn) == 0;
  if (entry.state == TrackState::kTcpOpening && entry.exchanges >= 2 && acknowledges)
    entry.state = TrackState::kTcpEstablished;
}

}  // namespace detail

/// For every later packet that passes through an entry. TCP flags as in the header, 0 for other protocols.
inline void track(FlowEntry4& entry, std::uint8_t direction, std::uint8_t tcp_flags, std::uint32_t now) noexcept {
  entry.last_seen = now;
  const auto last_sender = static_cast<std::uint8_t>((entry.initiator ^ entry.exchanges) & 1);
  if (direction != last_sender) entry.exchanges = entry.exchanges == 0xffff ? 0xfffe : entry.exchanges + 1;
  switch (entry.state) {
    case TrackState::kUdpSingle:
      // "More than one request-response transaction" (facts ec2 2.4): request, response, request, response.
      if (entry.exchanges >= 3) entry.state = TrackState::kUdpStream;
      break;
    case TrackState::kTcpOpening:
    case TrackState::kTcpEstablished: detail::track_tcp(entry, direction, tcp_flags); break;
    default: break;
  }
}

/// For a flow's first packet: call it once, after insert() and after both halves are filled in, instead of track().
/// Sets initiator and the first state; kUntracked when neither half is tracked. Also when a half that was untracked is
/// judged again and is tracked now.
inline void begin(FlowEntry4& entry, std::uint8_t direction, std::uint8_t tcp_flags, std::uint32_t now) noexcept {
  entry.last_seen = now;
  entry.initiator = direction;
  entry.exchanges = 0;
  entry.half[0].fin = entry.half[1].fin = 0;
  if (!entry.half[0].tracked && !entry.half[1].tracked) {
    entry.state = TrackState::kUntracked;
    return;
  }
  switch (entry.key.protocol) {
    case kProtocolTcp:
      entry.state = TrackState::kTcpOpening;
      detail::track_tcp(entry, direction, tcp_flags);
      break;
    case kProtocolUdp: entry.state = TrackState::kUdpSingle; break;
    case kProtocolIcmp: entry.state = TrackState::kIcmp; break;
    default: entry.state = TrackState::kOther; break;
  }
}

inline bool expired(const FlowEntry4& entry, std::uint32_t now) noexcept {
  // Signed: an entry touched by a clock a tick ahead of `now` is fresh, not 49 days old. The clock hand comes by long
  // before an idle age of 2^31 ticks (24 days) would look negative.
  const auto idle = static_cast<std::int32_t>(now - entry.last_seen);
  return idle > static_cast<std::int32_t>(kIdleTimeouts[static_cast<unsigned>(entry.state)]);
}

/// A SYN on a connection that was reset or that both ends have closed is a new connection: erase the entry and ask the
/// gates again, so that a port pair used again does not pass by the state of its predecessor.
inline bool starts_anew(const FlowEntry4& entry, std::uint8_t tcp_flags) noexcept {
  return entry.state == TrackState::kTcpClosing &&
         (tcp_flags & (TcpHeader::kSyn | TcpHeader::kAck | TcpHeader::kRst)) == TcpHeader::kSyn;
}

}  // namespace weft

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

template <typename Entry>
inline void track_tcp(Entry& entry, std::uint8_t direction, std::uint8_t flags) noexcept {
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
template <typename Entry>
inline void track(Entry& entry, std::uint8_t direction, std::uint8_t tcp_flags, std::uint32_t now) noexcept {
  entry.last_seen = now;
  const auto last_sender = static_cast<std::uint8_t>((entry.initiator ^ entry.exchanges) & 1);
  if (direction != last_sender) {
    entry.exchanges = entry.exchanges == 0xffff ? 0xfffe : entry.exchanges + 1;
    // "More than one request-response transaction" (facts ec2 2.4): request, response, request, response.
    if (entry.state == TrackState::kUdpSingle && entry.exchanges >= 3) entry.state = TrackState::kUdpStream;
  }
  if (entry.state == TrackState::kTcpOpening || entry.state == TrackState::kTcpEstablished)
    detail::track_tcp(entry, direction, tcp_flags);
}

/// For a flow's first packet: call it once, after insert() and after both halves are filled in, instead of track().
/// Sets initiator and the first state; kUntracked when neither half is tracked. Also when a half that was untracked is
/// judged again and is tracked now.
template <typename Entry>
inline void begin(Entry& entry, std::uint8_t direction, std::uint8_t tcp_flags, std::uint32_t now) noexcept {
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
    case Entry::Key::kIcmpProtocol: entry.state = TrackState::kIcmp; break;  // the other family's is like any other
    default: entry.state = TrackState::kOther; break;
  }
}

namespace detail {

/// Signed: an entry touched by a clock a tick ahead of `now` is fresh, not 49 days old. The clock hand comes by long
/// before an idle age of 2^31 ticks (24 days) would look negative.
inline bool idle_beyond(std::uint32_t last_seen, std::uint32_t now, std::uint32_t timeout) noexcept {
  return static_cast<std::int32_t>(now - last_seen) > static_cast<std::int32_t>(timeout);
}

}  // namespace detail

/// End `end` has forgotten this flow, by its own ENI's time-outs: its gate is asked again, as for a new flow.
template <typename Entry>
inline bool lapsed(const Entry& entry, unsigned end, std::uint32_t now, const TimeoutTable& timeouts) noexcept {
  const IdleTimeouts& own = timeouts.of(entry.half[end].eni);
  return detail::idle_beyond(entry.last_seen, now, own[static_cast<unsigned>(TrackState{entry.state})]);
}

/// No end that tracks remembers this flow any more. An end that does not track has nothing to forget.
template <typename Entry>
inline bool expired(const Entry& entry, std::uint32_t now, const TimeoutTable& timeouts = kDefaultTimeouts) noexcept {
  if (!entry.state.own_timeouts())
    return detail::idle_beyond(entry.last_seen, now,
                               timeouts.defaults()[static_cast<unsigned>(TrackState{entry.state})]);
  for (const unsigned end : {0U, 1U})
    if (entry.half[end].tracked && !lapsed(entry, end, now, timeouts)) return false;
  return true;
}

/// To be called whenever the halves have been filled in or judged again.
template <typename Entry>
inline void mark_own_timeouts(Entry& entry, const TimeoutTable& timeouts) noexcept {
  entry.state.set_own_timeouts((entry.half[0].tracked && timeouts.has_own(entry.half[0].eni)) ||
                               (entry.half[1].tracked && timeouts.has_own(entry.half[1].eni)));
}

/// A SYN on a connection that was reset or that both ends have closed is a new connection: erase the entry and ask the
/// gates again, so that a port pair used again does not pass by the state of its predecessor.
template <typename Entry>
inline bool starts_anew(const Entry& entry, std::uint8_t tcp_flags) noexcept {
  return entry.state == TrackState::kTcpClosing &&
         (tcp_flags & (TcpHeader::kSyn | TcpHeader::kAck | TcpHeader::kRst)) == TcpHeader::kSyn;
}

/// The next packet cannot simply pass by this entry: it begins another connection, or one end has forgotten this one.
template <typename Entry>
inline bool needs_judging(const Entry& entry, std::uint8_t tcp_flags, std::uint32_t now,
                          const TimeoutTable& timeouts) noexcept {
  if (!entry.state.unusual()) [[likely]] return false;
  if (starts_anew(entry, tcp_flags)) return true;
  return entry.state.own_timeouts() && ((entry.half[0].tracked && lapsed(entry, 0, now, timeouts)) ||
                                        (entry.half[1].tracked && lapsed(entry, 1, now, timeouts)));
}

}  // namespace weft

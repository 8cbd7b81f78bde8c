// What is said in one connection: RFC 9293 3.10.7.4 for a server whose client speaks first, with one segment under way.
#include <algorithm>
#include <cstring>

#include "dataplane/services/tcp_connections.hpp"

namespace weft::services {
namespace {

/// How far `a` is behind `b` in sequence space; negative: before it.
std::int32_t distance(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b); }

}  // namespace

/// False: it acknowledges what was never sent, and the rest of it is not looked at.
bool TcpConnections::take_acknowledgment(Connection& connection, const TcpSegment& segment) noexcept {
  const std::uint32_t under_way = connection.sent - connection.unacknowledged;
  const std::uint32_t acknowledged = segment.acknowledgment() - connection.unacknowledged;
  if (distance(segment.acknowledgment(), connection.unacknowledged) < 0) return true;  // an old one
  if (acknowledged > under_way) return false;
  connection.window = segment.header.window.host();
  if (acknowledged == 0) return true;
  const std::uint32_t data = std::min<std::uint32_t>(acknowledged, connection.said - connection.said_acknowledged);
  connection.said_acknowledged = static_cast<std::uint16_t>(connection.said_acknowledged + data);
  connection.unacknowledged += acknowledged;
  connection.times_again = 0;
  if (connection.said_acknowledged == connection.said) connection.said = connection.said_acknowledged = 0;
  return true;
}

TcpConnections::Came TcpConnections::take_data(Connection& connection, Buffers& buffers,
                                               const TcpSegment& segment) noexcept {
  const bool fin = segment.has(TcpHeader::kFin);
  const std::int32_t ahead = distance(segment.sequence(), connection.received);
  if (ahead > 0) return Came::kTooEarly;
  if (segment.data.empty() && !fin) return ahead == 0 ? Came::kNothing : Came::kKnown;  // a keep-alive is known
  const std::uint32_t known = connection.received - segment.sequence();
  if (known > segment.data.size() || (known == segment.data.size() && !fin)) return Came::kKnown;
  std::span<const std::byte> fresh = segment.data.subspan(known);
  if (connection.client_closed) return Came::kKnown;  // nothing follows a FIN
  if (!connection.closing) {
    const std::size_t room = kAskedBytes - connection.asked;
    const bool whole = fresh.size() <= room;
    fresh = fresh.first(std::min(room, fresh.size()));
    if (!fresh.empty()) std::memcpy(buffers.asked + connection.asked, fresh.data(), fresh.size());
    connection.asked = static_cast<std::uint16_t>(connection.asked + fresh.size());
    connection.received += static_cast<std::uint32_t>(fresh.size());
    if (!whole) return Came::kNew;
  } else {  // nothing more will be answered
    connection.received += static_cast<std::uint32_t>(fresh.size());
  }
  if (fin) {
    connection.client_closed = true;
    ++connection.received;
  }
  return Came::kNew;
}

/// Lets the service answer what has come, an answer at a time. False: the connection is to be reset.
bool TcpConnections::react(Connection& connection, Buffers& buffers, TcpService service) noexcept {
  while (connection.said == 0 && connection.asked != 0 && !connection.closing) {
    const Reaction reaction = service(std::span(buffers.asked).first(connection.asked), std::span(buffers.said));
    if (reaction.kind == Reaction::Kind::kReset) return false;
    if (reaction.kind == Reaction::Kind::kMore) {
      if (connection.asked == kAskedBytes) return false;  // it never will be enough
      break;
    }
    const std::size_t taken = std::clamp<std::size_t>(reaction.taken, 1, connection.asked);
    connection.asked = static_cast<std::uint16_t>(connection.asked - taken);
    std::memmove(buffers.asked, buffers.asked + taken, connection.asked);
    connection.said = static_cast<std::uint16_t>(std::min(reaction.length, kSaidBytes));
    connection.hop_limit = reaction.hop_limit;
    if (reaction.close) {
      connection.closing = true;
      connection.asked = 0;
    }
  }
  if (connection.client_closed && (connection.asked == 0 || connection.said == 0)) connection.closing = true;
  return true;
}

/// What has not been acknowledged, as far as the client takes it. `probe`: a byte, though its window is shut.
std::size_t TcpConnections::transmit(Connection& connection, const Buffers& buffers, bool probe,
                                     std::span<std::byte> out) noexcept {
  const auto room = tcp_room(out, connection.key.own.is_v4());
  const std::size_t left = connection.said - connection.said_acknowledged;
  const std::size_t window = std::max<std::size_t>(connection.window, probe ? 1 : 0);
  const std::size_t length = std::min({left, window, std::size_t{connection.segment_size}, room.size()});
  const bool fin = connection.closing && length == left;
  if (length > 0) std::memcpy(room.data(), buffers.said + connection.said_acknowledged, length);

  TcpHeader header;
  header.source_port = Be16(connection.key.own_port);
  header.destination_port = Be16(connection.key.client_port);
  header.sequence = Be32(connection.unacknowledged);
  header.acknowledgment = Be32(connection.received);
  header.flags = static_cast<std::uint8_t>(TcpHeader::kAck | (length > 0 ? TcpHeader::kPsh : 0) |
                                           (fin ? TcpHeader::kFin : 0));
  header.window = Be16(static_cast<std::uint16_t>(kAskedBytes - connection.asked));
  const std::size_t frame = seal_segment(
      out, {connection.own_mac, connection.client_mac, connection.key.own, connection.key.client, connection.hop_limit},
      header, length);
  if (frame == 0) return 0;
  const std::uint32_t end = connection.unacknowledged + static_cast<std::uint32_t>(length) + (fin ? 1 : 0);
  if (distance(end, connection.sent) > 0) connection.sent = end;
  connection.fin_sent = connection.fin_sent || fin;
  return frame;
}

std::size_t TcpConnections::acknowledge(const Connection& connection, std::span<std::byte> out) noexcept {
  TcpHeader header;
  header.source_port = Be16(connection.key.own_port);
  header.destination_port = Be16(connection.key.client_port);
  header.sequence = Be32(connection.sent);
  header.acknowledgment = Be32(connection.received);
  header.flags = TcpHeader::kAck;
  header.window = Be16(static_cast<std::uint16_t>(kAskedBytes - connection.asked));
  return seal_segment(out, {connection.own_mac, connection.client_mac, connection.key.own, connection.key.client},
                      header, 0);
}

void TcpConnections::schedule(Connection& connection, std::uint64_t now_ns) noexcept {
  const bool waits = connection.under_way() || connection.has_more();
  connection.due_ns = now_ns + (waits ? kFirstAgainNs << connection.times_again : kIdleNs);
  due_ns_ = live_.size() == 1 ? connection.due_ns : std::min(due_ns_, connection.due_ns);
}

Answer TcpConnections::go_on(std::uint16_t place, const TcpSegment& segment, TcpService service, std::uint64_t now_ns,
                             std::span<std::byte> out) noexcept {
  Connection& connection = connections_[live_[place]];
  Buffers& buffers = buffers_[live_[place]];
  connection.heard_ns = now_ns;
  if (!take_acknowledgment(connection, segment)) {
    const std::size_t length = acknowledge(connection, out);
    return length == 0 ? Answer::dropped(Refusal::kNoRoom) : Answer::answered(length);
  }
  const Came came = take_data(connection, buffers, segment);
  if (!react(connection, buffers, service)) {
    TcpHeader reset;
    reset.source_port = segment.header.destination_port;
    reset.destination_port = segment.header.source_port;
    reset.sequence = Be32(connection.sent);
    reset.flags = TcpHeader::kRst;
    const std::size_t length = seal_segment(
        out, {connection.own_mac, connection.client_mac, connection.key.own, connection.key.client}, reset, 0);
    end(place);
    return length == 0 ? Answer::dropped(Refusal::kNoRoom) : Answer::answered(length);
  }

  // The client asks again when our answer was lost; else the next piece goes when the last one has arrived.
  const bool next = !connection.under_way() && connection.has_more();
  const bool asks_again = came == Came::kKnown && (!segment.data.empty() || segment.has(TcpHeader::kFin));
  const bool again = connection.under_way() && asks_again;
  const bool open = connection.window > 0 || connection.said == connection.said_acknowledged;
  const bool transmits = (next && open) || again;
  const bool acknowledges = came != Came::kNothing;
  std::size_t length = 0;
  if (transmits) length = transmit(connection, buffers, false, out);
  else if (acknowledges) length = acknowledge(connection, out);
  const bool no_room = (transmits || acknowledges) && length == 0;
  if (connection.over()) end(place);
  else schedule(connection, now_ns);
  if (no_room) return Answer::dropped(Refusal::kNoRoom);
  return length == 0 ? Answer::consumed() : Answer::answered(length);
}

/// Silent for longer than it may be. `ended`: it is forgotten.
std::size_t TcpConnections::wake_up(std::uint16_t place, std::uint64_t now_ns, std::span<std::byte> out,
                                    bool& ended) noexcept {
  Connection& connection = connections_[live_[place]];
  const bool waits = connection.under_way() || connection.has_more();
  if (waits ? connection.times_again == kMostTimesAgain : connection.closing) {
    ended = true;
    return 0;
  }
  if (waits) ++connection.times_again;
  else connection.closing = true;  // nothing was said for kIdleNs
  schedule(connection, now_ns);
  return transmit(connection, buffers_[live_[place]], true, out);
}

}  // namespace weft::services

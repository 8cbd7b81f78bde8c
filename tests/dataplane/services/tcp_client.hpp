// A client's end of a TCP connection, the plain way: it says a segment and takes what comes in order. Shares no code with
// the library's connections.
#pragma once

#include <optional>

#include "tests/dataplane/services/frames.hpp"

namespace weft::services {

/// What a segment of the service says.
struct TcpReply {
  std::uint32_t sequence = 0, acknowledgment = 0;
  unsigned flags = 0, window = 0, hop_limit = 0, segment_size = 0;
  Bytes data;
};

inline TcpReply read_tcp_reply(const Bytes& frame) {
  const Reply reply = take_apart(frame);
  EXPECT_EQ(reply.protocol, 6U);
  const Bytes& l4 = reply.payload;
  const std::size_t header = static_cast<std::size_t>(l4.at(12) >> 4) * 4;
  TcpReply tcp{at32(l4, 4), at32(l4, 8), l4.at(13), at16(l4, 14), reply.hop_limit, 0, {}};
  tcp.data = slice(l4, header, l4.size() - header);
  if (header == 24) tcp.segment_size = at16(l4, 22);
  return tcp;
}

class TcpClient {
 public:
  TcpClient(Guest& guest, const char* from, const char* to, unsigned to_port)
      : guest_(guest), from_(ip(from)), to_(ip(to)), to_port_(to_port) {}

  unsigned port = 50000;
  std::uint32_t initial = 0xfffffff0;  // so that the numbers pass zero
  unsigned window = 65535;
  std::size_t room = kAnswerBytes;  // of the service's buffers
  bool was_reset = false, closed_by_service = false;
  unsigned hop_limit = 0, segments = 0;  // of the last answer with data; how many had data
  std::uint32_t sent = 0, received = 0;

  Bytes segment(unsigned flags, std::uint32_t sequence, const Bytes& data, unsigned segment_size = 0) const {
    const Bytes size_option = Bytes{1, 1, 8, 10} + zeros(8) + Bytes{2, 4} + be16(segment_size);  // behind a time stamp
    const Bytes options = segment_size == 0 ? Bytes{} : size_option;
    const auto offset = static_cast<std::uint8_t>((20 + options.size()) / 4 << 4);
    return ip_frame(from_, to_, 6,
                    be16(port) + be16(to_port_) + be32(sequence) + be32((flags & 0x10) != 0 ? received : 0) +
                        Bytes{offset, static_cast<std::uint8_t>(flags)} + be16(window) + zeros(4) + options + data);
  }

  /// A handshake. `segment_size`: what the SYN's option says, 0: it has none.
  bool open(unsigned segment_size = 1460) {
    ++port;
    was_reset = closed_by_service = false;
    segments = 0;
    if (guest_.ask(segment(0x02, initial, {}, segment_size)).outcome != Answer::Outcome::kAnswered) return false;
    const TcpReply reply = read_tcp_reply(guest_.written);
    if (reply.flags != 0x12 || reply.acknowledgment != initial + 1 || reply.segment_size == 0) return false;
    received = reply.sequence + 1;
    sent = initial + 1;
    return was_consumed(guest_.ask(segment(0x10, sent, {})));
  }

  /// Says `data` in one segment, acknowledges each answer, and gives everything that came.
  Bytes ask(const Bytes& data, unsigned flags = 0x18) {
    const std::uint32_t sequence = sent;
    sent += static_cast<std::uint32_t>(data.size()) + ((flags & 1) != 0 ? 1 : 0);
    return follow(segment(flags, sequence, data));
  }
  Bytes follow(const Bytes& frame) {
    Bytes came;
    std::optional<TcpReply> reply = tell(frame);
    for (int turns = 0; reply && turns < 1000; ++turns) {
      came = came + reply->data;
      if (reply->data.empty() && (reply->flags & 1) == 0) break;
      reply = tell(segment(0x10, sent, {}));
    }
    return came;
  }
  /// One segment, and what it is answered with. New data and the service's FIN are taken.
  std::optional<TcpReply> tell(const Bytes& frame) {
    if (guest_.ask(frame, room).outcome != Answer::Outcome::kAnswered) return std::nullopt;
    return meet(guest_.written);
  }
  /// A frame of the service's.
  std::optional<TcpReply> meet(const Bytes& frame) {
    TcpReply reply = read_tcp_reply(frame);
    if ((reply.flags & 4) != 0) {
      was_reset = true;
      return std::nullopt;
    }
    if (reply.sequence != received) reply.data.clear();  // known, or too early
    else received += static_cast<std::uint32_t>(reply.data.size());
    if ((reply.flags & 1) != 0 && !closed_by_service && reply.sequence + reply.data.size() == received) {
      closed_by_service = true;
      ++received;
    }
    if (!reply.data.empty()) {
      hop_limit = reply.hop_limit;
      ++segments;
    }
    return reply;
  }
  /// The client ends first. True when the service ended too and has forgotten it.
  bool close() {
    const std::size_t before = guest_.memory.tcp.size();
    ask({}, 0x11);
    return closed_by_service && !was_reset && guest_.memory.tcp.size() + 1 == before;
  }

 private:
  Guest& guest_;
  IpAddress from_, to_;
  unsigned to_port_;
};

}  // namespace weft::services

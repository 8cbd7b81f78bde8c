// Frames of a guest, byte by byte, and readers of answers that share no code with the library (checksums are net's).
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "dataplane/net/checksum.hpp"
#include "dataplane/net/headers.hpp"
#include "tests/dataplane/services/world.hpp"

namespace weft::services {

using Bytes = std::vector<std::uint8_t>;

inline Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
inline Bytes zeros(std::size_t count) { return Bytes(count, 0); }
inline Bytes text(std::string_view s) { return Bytes(s.begin(), s.end()); }
inline Bytes be16(unsigned v) { return {static_cast<std::uint8_t>(v >> 8), static_cast<std::uint8_t>(v)}; }
inline Bytes be32(std::uint32_t v) { return be16(v >> 16) + be16(v & 0xffff); }
inline Bytes octets(const MacAddress& m) { return Bytes(m.octets.begin(), m.octets.end()); }
inline Bytes octets(const IpAddress& a) {
  return a.is_v4() ? be32(a.v4().value) : Bytes(a.octets.begin(), a.octets.end());
}
inline unsigned at16(const Bytes& b, std::size_t i) { return static_cast<unsigned>(b.at(i)) << 8 | b.at(i + 1); }
inline std::uint32_t at32(const Bytes& b, std::size_t i) { return at16(b, i) << 16 | at16(b, i + 2); }
inline Bytes slice(const Bytes& b, std::size_t from, std::size_t count) {
  return Bytes(b.begin() + static_cast<std::ptrdiff_t>(from), b.begin() + static_cast<std::ptrdiff_t>(from + count));
}
inline std::span<const std::byte> view_of(const Bytes& b) { return std::as_bytes(std::span(b)); }

/// An IP packet in an Ethernet frame, from the guest's MAC.
inline Bytes ip_frame(const IpAddress& from, const IpAddress& to, unsigned protocol, const Bytes& payload,
                      unsigned hop_limit = 64, const char* from_mac = "0a:00:0a:00:01:04") {
  const auto next = static_cast<std::uint8_t>(protocol), hops = static_cast<std::uint8_t>(hop_limit);
  const Bytes ethernet =
      octets(mac("06:00:0a:00:01:01")) + octets(mac(from_mac)) + be16(from.is_v4() ? 0x0800 : 0x86dd);
  if (!from.is_v4())
    return ethernet + Bytes{0x60, 0, 0, 0} + be16(static_cast<unsigned>(payload.size())) + Bytes{next, hops} +
           octets(from) + octets(to) + payload;
  return ethernet + Bytes{0x45, 0} + be16(static_cast<unsigned>(20 + payload.size())) +
         Bytes{0, 1, 0, 0, hops, next, 0, 0} + octets(from) + octets(to) + payload;
}
inline Bytes udp(unsigned from_port, unsigned to_port, const Bytes& data) {
  return be16(from_port) + be16(to_port) + be16(static_cast<unsigned>(8 + data.size())) + be16(0) + data;
}
inline Bytes udp_frame(const char* from, unsigned from_port, const char* to, unsigned to_port, const Bytes& data) {
  return ip_frame(ip(from), ip(to), 17, udp(from_port, to_port, data));
}

/// An answer taken apart, its lengths and checksums checked on the way.
struct Reply {
  MacAddress from_mac, to_mac;
  IpAddress from, to;
  unsigned protocol = 0, hop_limit = 0;
  unsigned from_port = 0, to_port = 0;  // of UDP
  Bytes payload;                        // of UDP; else of IP
};

inline Reply take_apart(const Bytes& frame) {
  Reply reply;
  EXPECT_GE(frame.size(), 34U);
  std::copy_n(frame.begin(), 6, reply.to_mac.octets.begin());
  std::copy_n(frame.begin() + 6, 6, reply.from_mac.octets.begin());
  const bool v4 = at16(frame, 12) == 0x0800;
  const std::size_t l4 = v4 ? 34 : 54;
  if (v4) {
    EXPECT_EQ(at16(frame, 16), frame.size() - 14);
    EXPECT_EQ(checksum_finish(checksum_add(view_of(frame).subspan(14, 20))).raw, 0);
    reply.protocol = frame[23];
    reply.hop_limit = frame[22];
    reply.from = IpAddress::from({at32(frame, 26)});
    reply.to = IpAddress::from({at32(frame, 30)});
  } else {
    EXPECT_EQ(at16(frame, 12), 0x86ddU);
    EXPECT_EQ(at16(frame, 18), frame.size() - 54);
    reply.protocol = frame[20];
    reply.hop_limit = frame[21];
    std::copy_n(frame.begin() + 22, 16, reply.from.octets.begin());
    std::copy_n(frame.begin() + 38, 16, reply.to.octets.begin());
  }
  const auto segment = view_of(frame).subspan(l4);
  const auto sum = pseudo_header_sum(reply.from, reply.to, static_cast<std::uint8_t>(reply.protocol),
                                     static_cast<std::uint32_t>(segment.size()));
  EXPECT_EQ(checksum_finish(checksum_add(segment, sum)).raw, 0);
  reply.payload = slice(frame, l4, frame.size() - l4);
  if (reply.protocol == 17) {
    reply.from_port = at16(reply.payload, 0);
    reply.to_port = at16(reply.payload, 2);
    EXPECT_EQ(at16(reply.payload, 4), reply.payload.size());
    reply.payload = slice(reply.payload, 8, reply.payload.size() - 8);
  }
  return reply;
}

/// A guest that asks, with room for an answer that ends at a canary.
struct Guest : ::testing::Test {
  World world;
  ServiceView& view = world.view;
  std::uint64_t now_ns = 1700000000500000000;  // of both clocks
  Memory memory{TokenKeys{{1, 2}, {3, 4}}};

  Answer ask(const Bytes& frame, std::size_t room = kAnswerBytes) { return answer_frame(frame, room); }
  virtual Answer answer_frame(const Bytes& frame, std::size_t room) {
    written.assign(room + 16, 0xa5);
    const auto out = std::as_writable_bytes(std::span(written)).first(room);
    const Answer answer = services::answer(view, view_of(frame), {now_ns, now_ns}, memory, out);
    for (std::size_t i = room; i < written.size(); ++i) EXPECT_EQ(written[i], 0xa5) << "written behind the room";
    written.resize(answer.outcome == Answer::Outcome::kAnswered ? answer.length : 0);
    return answer;
  }
  Reply answered(const Bytes& frame) {
    const Answer answer = ask(frame);
    EXPECT_EQ(answer.outcome, Answer::Outcome::kAnswered) << name(answer.why);
    return answer.outcome == Answer::Outcome::kAnswered ? take_apart(written) : Reply{};
  }
  Bytes written;
};

inline ::testing::AssertionResult dropped_for(const Answer& answer, Refusal why) {
  if (answer == Answer::dropped(why)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "outcome " << static_cast<int>(answer.outcome) << ", " << name(answer.why);
}
inline bool was_consumed(const Answer& answer) { return answer.outcome == Answer::Outcome::kConsumed; }
inline bool was_not_for_us(const Answer& answer) { return answer.outcome == Answer::Outcome::kNotForUs; }

}  // namespace weft::services

// What a receiver says about the packets that came over a wire which loses, reorders and duplicates.
//
// A packet of its own, behind the transport header (packet.hpp), whose `acknowledged` is the first psn that has not
// come. Little endian. docs/wire-format.md draws it.
//
//   16 session   of the packets spoken of: the peer's, while the header's is the speaker's own
//   17 words     of the bitmap, 0 to 8
//   18 echoes    0 to 8
//   19 reserved  0
//   20 incarnation  a random number of the receiving side; another one has not seen what the former acknowledged
//   24 bitmap    words * 8 bytes: bit i says that psn acknowledged + 1 + i has come
//   .. echoes    12 bytes each: psn 4, delay in ns 4, path 1, flags 1 (1: congestion was marked), reserved 2
//
// An echo is the newest packet of one path since the last acknowledgement. It names psn and path, so a packet that was
// sent again on another path says which copy came (Karn's ambiguity), and its delay is the time that it lay in the
// receiver's ring: a busy process is not a slow path.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "fabric/srd/packet.hpp"

namespace weft::srd {

/// Packets under way to one peer at most: 200 Gb/s times 20 us of packets of 8928 bytes is 56, of 1024 bytes 488.
inline constexpr std::uint32_t kMaxOutstanding = 512;
inline constexpr std::size_t kBitmapWords = kMaxOutstanding / 64;
inline constexpr std::size_t kMaxEchoes = 8;

struct Echo {
  std::uint32_t psn = 0;
  std::uint32_t delay_ns = 0;
  std::uint8_t path = 0;
  bool congested = false;

  bool operator==(const Echo&) const = default;
};

struct Acknowledgement {
  std::uint8_t session = 0;
  std::uint8_t words = 0;
  std::uint8_t echoes = 0;
  std::uint32_t incarnation = 0;
  std::uint32_t cumulative = 0;
  std::array<std::uint64_t, kBitmapWords> bitmap{};  // the first `words` count
  std::array<Echo, kMaxEchoes> echo{};               // the first `echoes` count

  bool operator==(const Acknowledgement&) const = default;
};

inline constexpr std::size_t kAcknowledgementHead = sizeof(PacketHeader) + 8;
inline constexpr std::size_t kEchoBytes = 12;
inline constexpr std::size_t kMaxAcknowledgementBytes =
    kAcknowledgementHead + kBitmapWords * 8 + kMaxEchoes * kEchoBytes;

/// Writes a whole packet and returns its length. Of `header` session, credit and the hold flag are the caller's.
std::size_t write_acknowledgement(const Acknowledgement& acknowledgement, PacketHeader header,
                                  std::span<std::byte, kMaxAcknowledgementBytes> packet);

/// Any bytes may come. Nothing when they are not exactly one acknowledgement; reserved bytes are not looked at.
std::optional<Acknowledgement> parse_acknowledgement(std::span<const std::byte> packet);

}  // namespace weft::srd

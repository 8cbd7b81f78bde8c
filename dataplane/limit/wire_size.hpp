// What a frame is to the allowances: bytes on the wire and packets. A super-segment is as many packets as it will be
// cut into, each with the headers again (DESIGN D15). Bytes are those of the Ethernet frame without preamble, gap and
// FCS, which is what a guest's own counters show.
#pragma once

#include <cstdint>

namespace weft {

struct WireSize {
  std::uint32_t bytes = 0;
  std::uint32_t packets = 0;
};

/// `header_bytes`: up to and with TCP's. `segment_bytes`: TCP payload of one segment, 0 when it is not a super-segment.
constexpr WireSize wire_size(std::uint32_t frame_bytes, std::uint32_t header_bytes,
                             std::uint32_t segment_bytes) noexcept {
  if (segment_bytes == 0 || frame_bytes <= header_bytes + segment_bytes) return {frame_bytes, 1};
  const std::uint32_t payload = frame_bytes - header_bytes;
  const std::uint32_t packets = payload / segment_bytes + (payload % segment_bytes != 0 ? 1 : 0);
  return {payload + packets * header_bytes, packets};
}

}  // namespace weft

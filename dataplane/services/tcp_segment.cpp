#include "dataplane/services/tcp_segment.hpp"

#include <cstring>

#include "dataplane/services/bytes.hpp"

namespace weft::services {
namespace {

constexpr std::uint8_t kEndOfOptions = 0, kNoOperation = 1, kSegmentSize = 2;

struct SynOptions {  // neither scaling nor timestamps: what is answered here fits into a window without them
  std::uint8_t kind = kSegmentSize, length = 4;
  Be16 segment_size;
};

/// Other options do not matter, and a wrong length ends the search.
std::uint16_t find_segment_size(Reader options) noexcept {
  while (options.left() != 0) {
    const std::uint8_t kind = options.u8();
    if (kind == kNoOperation) continue;
    if (kind == kEndOfOptions) return 0;
    const std::uint8_t length = options.u8();
    if (!options.ok() || length < 2) return 0;
    if (kind == kSegmentSize && length == 4) return options.u16();
    options.take(length - 2U);
  }
  return 0;
}

std::size_t header_offset(bool v4) noexcept { return v4 ? kIpv4L4Offset : kIpv6L4Offset; }

}  // namespace

std::optional<TcpSegment> read_tcp(std::span<const std::byte> payload) noexcept {
  Reader reader(payload);
  TcpSegment segment;
  segment.header = reader.read<TcpHeader>();
  const std::size_t bytes = segment.header.header_bytes();
  if (!reader.ok() || bytes < sizeof(TcpHeader) || segment.header.source_port.host() == 0) return std::nullopt;
  const auto options = reader.take(bytes - sizeof(TcpHeader));
  segment.data = reader.rest();
  if (!reader.ok()) return std::nullopt;
  if (segment.has(TcpHeader::kSyn)) segment.segment_size = find_segment_size(Reader(options));
  return segment;
}

std::span<std::byte> tcp_room(std::span<std::byte> out, bool v4) noexcept {
  const std::size_t headers = header_offset(v4) + sizeof(TcpHeader);
  return out.size() < headers ? std::span<std::byte>{} : out.subspan(headers);
}

std::size_t seal_segment(std::span<std::byte> out, const ReplyHeaders& headers, const TcpHeader& header,
                         std::size_t length) noexcept {
  const std::size_t offset = header_offset(headers.source.is_v4());
  if (out.size() < offset + sizeof header + length) return 0;
  std::memcpy(out.data() + offset, &header, sizeof header);
  return seal_tcp(out, headers, sizeof header + length);
}

std::size_t seal_syn(std::span<std::byte> out, const ReplyHeaders& headers, TcpHeader header,
                     std::uint16_t segment_size) noexcept {
  SynOptions options;
  options.segment_size = Be16(segment_size);
  const auto room = tcp_room(out, headers.source.is_v4());
  if (room.size() < sizeof options) return 0;
  std::memcpy(room.data(), &options, sizeof options);
  header.data_offset = (sizeof(TcpHeader) + sizeof(SynOptions)) / 4 << 4;
  return seal_segment(out, headers, header, sizeof options);
}

}  // namespace weft::services

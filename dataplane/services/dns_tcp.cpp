#include "dataplane/services/dns_tcp.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/services/bytes.hpp"
#include "dataplane/services/dns.hpp"

namespace weft::services {
namespace {

constexpr std::size_t kLengthBytes = 2;  // before each message, RFC 1035 4.2.2
constexpr std::uint16_t kWindow = 0xffff;
/// Ours, for a client's: two connections that the client can tell apart are apart here too.
constexpr std::uint32_t initial_sequence(std::uint32_t client) { return client + 0x9e3779b9; }

struct SynOptions {  // the maximum segment size; neither scaling nor timestamps, which would need a memory
  std::uint8_t kind = 2, length = 4;
  Be16 segment_size;
};

struct Segment {
  TcpHeader header;
  std::span<const std::byte> data;
};

std::optional<Segment> read_segment(std::span<const std::byte> payload) {
  Reader reader(payload);
  Segment segment;
  segment.header = reader.read<TcpHeader>();
  const std::size_t bytes = segment.header.header_bytes();
  if (!reader.ok() || bytes < sizeof(TcpHeader) || segment.header.source_port.host() == 0) return std::nullopt;
  reader.take(bytes - sizeof(TcpHeader));
  segment.data = reader.rest();
  return reader.ok() ? std::optional(segment) : std::nullopt;
}

/// One segment on its way back.
class Reply {
 public:
  Reply(const ServiceView& view, const Request& request, const TcpHeader& asked, std::span<std::byte> out)
      : headers_(reply_to(request, view.router_mac)), out_(out) {
    header_.source_port = asked.destination_port;
    header_.destination_port = asked.source_port;
    header_.sequence = asked.acknowledgment;
    header_.window = Be16(kWindow);
  }
  std::span<std::byte> data_room() const {
    return out_.size() < offset() ? std::span<std::byte>{} : out_.subspan(offset());
  }
  TcpHeader& header() { return header_; }

  Answer send(std::size_t data_length) {
    if (out_.size() < offset() + data_length) return Answer::dropped(Refusal::kNoRoom);
    std::memcpy(out_.data() + offset() - sizeof header_, &header_, sizeof header_);
    return Answer::answered(seal_tcp(out_, headers_, sizeof header_ + data_length));
  }

 private:
  std::size_t offset() const { return (headers_.source.is_v4() ? kIpv4L4Offset : kIpv6L4Offset) + sizeof(TcpHeader); }

  ReplyHeaders headers_;
  std::span<std::byte> out_;
  TcpHeader header_;
};

Answer accept(const ServiceView& view, const Segment& syn, bool v4, Reply& reply) {
  TcpHeader& header = reply.header();
  header.sequence = Be32(initial_sequence(syn.header.sequence.host()));
  header.acknowledgment = Be32(syn.header.sequence.host() + 1);  // data that came with it is sent again
  header.flags = TcpHeader::kSyn | TcpHeader::kAck;
  header.data_offset = (sizeof(TcpHeader) + sizeof(SynOptions)) / 4 << 4;
  SynOptions options;
  options.segment_size = Be16(static_cast<std::uint16_t>(view.mtu - (v4 ? 40 : 60)));
  const auto room = reply.data_room();
  if (room.size() < sizeof options) return Answer::dropped(Refusal::kNoRoom);
  std::memcpy(room.data(), &options, sizeof options);
  return reply.send(sizeof options);
}

Answer answer_query(const ServiceView& view, const Segment& segment, Reply& reply) {
  Reader reader(segment.data);
  const std::size_t length = reader.u16();
  const auto query = reader.take(length);
  if (!reader.ok()) return Answer::consumed();  // in pieces: not acknowledged, so it comes again, in one
  auto room = reply.data_room();
  if (room.size() < kLengthBytes) return Answer::dropped(Refusal::kNoRoom);
  room = room.first(std::min<std::size_t>(room.size(), kLengthBytes + 0xffff));
  const Answer answer = answer_dns(view, query, room.subspan(kLengthBytes), DnsTransport::kTcp);
  if (answer.outcome != Answer::Outcome::kAnswered) return answer;
  const Be16 answer_length(static_cast<std::uint16_t>(answer.length));
  std::memcpy(room.data(), &answer_length, sizeof answer_length);

  const std::size_t taken = kLengthBytes + length;
  const bool last = (segment.header.flags & TcpHeader::kFin) != 0 && taken == segment.data.size();
  TcpHeader& header = reply.header();
  header.acknowledgment = Be32(segment.header.sequence.host() + static_cast<std::uint32_t>(taken) + (last ? 1 : 0));
  header.flags = static_cast<std::uint8_t>(TcpHeader::kAck | TcpHeader::kPsh | (last ? TcpHeader::kFin : 0));
  return reply.send(kLengthBytes + answer.length);
}

}  // namespace

Answer answer_dns_tcp(const ServiceView& view, const Request& request, std::span<std::byte> out) noexcept {
  const auto segment = read_segment(request.payload);
  if (!segment) return Answer::dropped(Refusal::kMalformed);
  if (segment->header.destination_port.host() != kDnsPort) return Answer::dropped(Refusal::kNotOffered);
  if (!view.dns_support) return Answer::dropped(Refusal::kResolverOff);

  const std::uint8_t flags = segment->header.flags;
  if ((flags & TcpHeader::kRst) != 0) return Answer::consumed();
  Reply reply(view, request, segment->header, out);
  if ((flags & TcpHeader::kSyn) != 0) {
    if ((flags & (TcpHeader::kAck | TcpHeader::kFin)) != 0) return Answer::dropped(Refusal::kMalformed);
    return accept(view, *segment, request.is_v4(), reply);
  }
  if ((flags & TcpHeader::kAck) == 0) return Answer::dropped(Refusal::kMalformed);
  if (!segment->data.empty()) return answer_query(view, *segment, reply);
  if ((flags & TcpHeader::kFin) == 0) return Answer::consumed();
  reply.header().acknowledgment = Be32(segment->header.sequence.host() + 1);
  reply.header().flags = TcpHeader::kAck | TcpHeader::kFin;
  return reply.send(0);
}

}  // namespace weft::services

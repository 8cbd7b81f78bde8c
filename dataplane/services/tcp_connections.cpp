// Which connections there are: how one begins, is found and ends. tcp_conversation.cpp is what is said in it.
#include "dataplane/services/tcp_connections.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace weft::services {
namespace {

/// Largest segments that a client may have asked for, of which our first sequence number has room for an index.
constexpr std::array<std::uint16_t, 8> kSegmentSizes = {64, 536, 1220, 1360, 1440, 1460, 4000, 8941};
constexpr unsigned kSizeBits = 3;
constexpr std::uint32_t kClientMask = ~std::uint32_t{0} >> kSizeBits;
/// Odd, so that it has an inverse: what is only near one of our first numbers leads to no client's.
constexpr std::uint32_t kMultiplier = 0x9e3779b1;
constexpr std::uint32_t inverse_of(std::uint32_t odd) {
  std::uint32_t inverse = odd;  // right in 3 bits; each step doubles them (Newton)
  for (int i = 0; i < 4; ++i) inverse *= 2 - odd * inverse;
  return inverse;
}
static_assert(kMultiplier * inverse_of(kMultiplier) == 1);

/// The largest that is not above what the client takes, which without the option is 536 or 1220 (RFC 9293 3.7.1).
unsigned size_index(std::uint16_t segment_size, bool v4) {
  const std::uint16_t size = segment_size != 0 ? segment_size : v4 ? 536 : 1220;
  const auto above = std::upper_bound(kSegmentSizes.begin(), kSegmentSizes.end(), size);
  return above == kSegmentSizes.begin() ? 0 : static_cast<unsigned>(above - kSegmentSizes.begin() - 1);
}

std::uint32_t initial_sequence(std::uint32_t client, unsigned size) {
  return (client << kSizeBits | size) * kMultiplier;
}

struct Beginning {
  std::uint32_t client_initial = 0;
  std::uint32_t offset = 0;  // of the segment's data in what the client sends
  std::uint16_t segment_size = 0;
};
/// Of a segment that acknowledges nothing but our SYN. The client's number lacks its upper three bits in ours; the
/// segment's own sequence number has them.
std::optional<Beginning> beginning_of(const TcpSegment& segment) {
  const std::uint32_t ours = (segment.acknowledgment() - 1) * inverse_of(kMultiplier);
  const std::uint32_t offset = (segment.sequence() - 1 - (ours >> kSizeBits)) & kClientMask;
  if (offset >= TcpConnections::kAskedBytes) return std::nullopt;
  return Beginning{segment.sequence() - 1 - offset, offset, kSegmentSizes[ours & ((1U << kSizeBits) - 1)]};
}

std::uint16_t own_segment_size(const ServiceView& view, bool v4) {
  return static_cast<std::uint16_t>(view.mtu - (v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header)) - sizeof(TcpHeader));
}

TcpHeader reply_to(const TcpSegment& segment, std::uint8_t flags) {
  TcpHeader header;
  header.source_port = segment.header.destination_port;
  header.destination_port = segment.header.source_port;
  header.sequence = segment.header.acknowledgment;
  header.flags = flags;
  header.window = Be16(TcpConnections::kAskedBytes);
  return header;
}

Answer answered_or_no_room(std::size_t length) {
  return length == 0 ? Answer::dropped(Refusal::kNoRoom) : Answer::answered(length);
}

Answer accept(const ServiceView& view, const Request& request, const TcpSegment& syn, std::span<std::byte> out) {
  const unsigned size = size_index(syn.segment_size, request.is_v4());
  TcpHeader header = reply_to(syn, TcpHeader::kSyn | TcpHeader::kAck);
  header.sequence = Be32(initial_sequence(syn.sequence(), size));
  header.acknowledgment = Be32(syn.sequence() + 1);  // data that came with it is sent again
  return answered_or_no_room(
      seal_syn(out, reply_to(request, view.router_mac), header, own_segment_size(view, request.is_v4())));
}

}  // namespace

std::uint32_t TcpConnections::Key::hash() const noexcept {
  std::uint64_t words[4];
  std::memcpy(&words[0], client.octets.data(), sizeof client.octets);
  std::memcpy(&words[2], own.octets.data(), sizeof own.octets);
  std::uint64_t mixed = eni ^ (std::uint64_t{client_port} << 32 | own_port);
  for (const std::uint64_t word : words) mixed = (mixed ^ word) * 0x9e3779b97f4a7c15ULL;
  return static_cast<std::uint32_t>(mixed >> 32);
}

TcpConnections::TcpConnections(std::size_t most)
    : most_(std::min<std::size_t>(most, kNowhere - 1U)),
      connections_(most_),
      buffers_(std::make_unique_for_overwrite<Buffers[]>(most_)) {
  live_.reserve(most_);
  hashes_.reserve(most_);
  for (std::size_t i = most_; i > 0; --i) free_.push_back(static_cast<std::uint16_t>(i - 1));
}

std::uint16_t TcpConnections::find(const Key& key) const noexcept {
  const std::uint32_t hash = key.hash();
  for (std::size_t place = 0; place < live_.size(); ++place)
    if (hashes_[place] == hash && connections_[live_[place]].key == key) return static_cast<std::uint16_t>(place);
  return kNowhere;
}

void TcpConnections::end(std::uint16_t place) noexcept {
  free_.push_back(live_[place]);  // never more than there were when it was made: no allocation
  live_[place] = live_.back();
  hashes_[place] = hashes_.back();
  live_.pop_back();
  hashes_.pop_back();
}

/// For one more of this ENI. Whoever has many loses its own.
std::uint16_t TcpConnections::make_room(std::uint64_t eni) noexcept {
  std::size_t own = 0;
  std::uint16_t oldest = kNowhere, oldest_own = kNowhere;
  const auto heard = [&](std::uint16_t place) { return connections_[live_[place]].heard_ns; };
  for (std::uint16_t place = 0; place < live_.size(); ++place) {
    if (oldest == kNowhere || heard(place) < heard(oldest)) oldest = place;
    if (connections_[live_[place]].key.eni != eni) continue;
    ++own;
    if (oldest_own == kNowhere || heard(place) < heard(oldest_own)) oldest_own = place;
  }
  if (own >= kMostOfEni) end(oldest_own);
  else if (free_.empty()) end(oldest);
  const std::uint16_t index = free_.back();
  free_.pop_back();
  return index;
}

std::uint16_t TcpConnections::begin(const Key& key, const ServiceView& view, const Request& request,
                                    const TcpSegment& segment, std::uint16_t segment_size,
                                    std::uint32_t client_initial) noexcept {
  const std::uint16_t index = make_room(key.eni);
  Connection& connection = connections_[index] = Connection{};
  connection.key = key;
  connection.client_mac = request.source_mac;
  connection.own_mac = view.router_mac;
  connection.client_initial = client_initial;
  connection.received = client_initial + 1;
  connection.unacknowledged = connection.sent = segment.acknowledgment();
  connection.segment_size = std::min(segment_size, own_segment_size(view, request.is_v4()));
  live_.push_back(index);
  hashes_.push_back(key.hash());
  return static_cast<std::uint16_t>(live_.size() - 1);
}

Answer TcpConnections::take(const ServiceView& view, const Request& request, const TcpSegment& segment,
                            TcpService service, std::uint64_t now_ns, std::span<std::byte> out) noexcept {
  const Key key{view.eni, request.source, request.destination, segment.header.source_port.host(),
                segment.header.destination_port.host()};
  const std::uint16_t place = find(key);
  if (segment.has(TcpHeader::kRst)) {
    // Only where it is expected: a late one must not end a new connection of the same ports (RFC 9293 3.10.7.4).
    if (place != kNowhere && segment.sequence() - connections_[live_[place]].received < kAskedBytes) end(place);
    return Answer::consumed();
  }
  if (segment.has(TcpHeader::kSyn)) {
    if (segment.has(TcpHeader::kAck | TcpHeader::kFin)) return Answer::dropped(Refusal::kMalformed);
    if (place != kNowhere && connections_[live_[place]].client_initial != segment.sequence()) end(place);
    return accept(view, request, segment, out);
  }
  if (!segment.has(TcpHeader::kAck)) return Answer::dropped(Refusal::kMalformed);
  if (place == kNowhere) return meet_stranger(key, view, request, segment, service, now_ns, out);
  return go_on(place, segment, service, now_ns, out);
}

/// A connection's first data; or one that is not remembered, whose client is told so.
Answer TcpConnections::meet_stranger(const Key& key, const ServiceView& view, const Request& request,
                                     const TcpSegment& segment, TcpService service, std::uint64_t now_ns,
                                     std::span<std::byte> out) noexcept {
  const bool fin = segment.has(TcpHeader::kFin);
  if (segment.data.empty() && !fin) return Answer::consumed();  // the end of the handshake, or of a connection
  TcpHeader header = reply_to(segment, TcpHeader::kAck);
  const std::optional<Beginning> beginning = beginning_of(segment);
  if (segment.data.empty()) {  // it leaves, and nothing is owed to it
    header.flags |= TcpHeader::kFin;
    header.acknowledgment = Be32(segment.sequence() + 1);
  } else if (!beginning) {
    header.flags = TcpHeader::kRst;
  } else if (beginning->offset > 0) {  // overtook what comes before it
    header.acknowledgment = Be32(beginning->client_initial + 1);
  } else {
    const std::uint16_t place =
        begin(key, view, request, segment, beginning->segment_size, beginning->client_initial);
    return go_on(place, segment, service, now_ns, out);
  }
  return answered_or_no_room(seal_segment(out, reply_to(request, view.router_mac), header, 0));
}

std::optional<TcpConnections::Due> TcpConnections::take_due(std::uint64_t now_ns, std::span<std::byte> out) noexcept {
  if (!due(now_ns)) return std::nullopt;
  std::uint64_t next_ns = ~std::uint64_t{0};
  for (std::uint16_t place = 0; place < live_.size();) {
    const Connection& connection = connections_[live_[place]];
    if (connection.due_ns > now_ns) {
      next_ns = std::min(next_ns, connection.due_ns);
      ++place;
      continue;
    }
    const std::uint64_t eni = connection.key.eni;
    bool ended = false;
    const std::size_t length = wake_up(place, now_ns, out, ended);
    if (ended) end(place);  // another stands at its place now
    if (length != 0) return Due{eni, length};
  }
  due_ns_ = next_ns;
  return std::nullopt;
}

}  // namespace weft::services

#include "dataplane/services/dns_tcp.hpp"

#include <cstring>

#include "dataplane/services/bytes.hpp"
#include "dataplane/services/dns.hpp"

namespace weft::services {
namespace {

constexpr std::size_t kLengthBytes = 2;  // before each message, RFC 1035 4.2.2

}  // namespace

Reaction react_dns(const ServiceView& view, std::span<const std::byte> asked, std::span<std::byte> room) noexcept {
  Reader reader(asked);
  const std::size_t length = reader.u16();
  if (reader.ok() && length > TcpConnections::kAskedBytes - kLengthBytes) return Reaction::reset();
  const auto query = reader.take(length);
  if (!reader.ok()) return Reaction::more();
  if (room.size() < kLengthBytes) return Reaction::reset();
  const Answer answer = answer_dns(view, query, room.subspan(kLengthBytes), DnsTransport::kTcp);
  if (answer.outcome != Answer::Outcome::kAnswered) return Reaction::reset();
  const Be16 answer_length(static_cast<std::uint16_t>(answer.length));
  std::memcpy(room.data(), &answer_length, sizeof answer_length);
  return {Reaction::Kind::kAnswer, kLengthBytes + length, kLengthBytes + answer.length, false, kDefaultHopLimit};
}

}  // namespace weft::services

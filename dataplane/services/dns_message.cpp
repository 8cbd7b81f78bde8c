#include "dataplane/services/dns_message.hpp"

#include <algorithm>

#include "dataplane/services/bytes.hpp"

namespace weft::services {
namespace {

/// One resource record, of which only an OPT matters. Gives the offset behind it, or 0.
std::size_t read_record(std::span<const std::byte> message, std::size_t at, bool additional, DnsQuery& query) {
  Name owner;
  at = read_name(message, at, owner);
  if (at == 0) return 0;
  Reader reader(message.subspan(at));
  const std::uint16_t type = reader.u16();
  const std::uint16_t record_class = reader.u16();
  const std::uint32_t time_to_live = reader.u32();
  reader.take(reader.u16());
  if (!reader.ok()) return 0;
  if (type == kTypeOpt) {
    // One at most, of the root, and only here (RFC 6891 6.1.1).
    if (!additional || query.has_edns || owner.length != 1) return 0;
    query.has_edns = true;
    query.udp_size = std::max<std::uint16_t>(512, record_class);
    query.edns_version = static_cast<std::uint8_t>(time_to_live >> 16);
    query.dnssec_ok = (time_to_live & 0x8000) != 0;
  }
  return at + reader.offset();
}

}  // namespace

DnsCode read_dns(std::span<const std::byte> message, DnsQuery& query) noexcept {
  Reader reader(message);
  query.header = reader.read<DnsHeader>();
  if ((query.header.flags.host() & DnsHeader::kOpcodeMask) != 0) return DnsCode::kNotImplemented;
  if (query.header.questions.host() != 1) return DnsCode::kFormatError;

  std::size_t at = read_name(message, sizeof(DnsHeader), query.name);
  if (at == 0 || message.size() - at < 4) return DnsCode::kFormatError;
  Reader question(message.subspan(at, 4));
  query.type = question.u16();
  query.record_class = question.u16();
  at += 4;
  query.question = message.subspan(sizeof(DnsHeader), at - sizeof(DnsHeader));
  query.has_question = true;

  // Each record takes eleven bytes at least, so what the counts claim cannot keep this loop busy.
  const std::uint32_t before = std::uint32_t{query.header.answers.host()} + query.header.authorities.host();
  const std::uint32_t all = before + query.header.additionals.host();
  for (std::uint32_t i = 0; i < all; ++i) {
    at = read_record(message, at, i >= before, query);
    if (at == 0) return DnsCode::kFormatError;
  }
  return query.has_edns && query.edns_version != 0 ? DnsCode::kBadVersion : DnsCode::kNoError;
}

}  // namespace weft::services

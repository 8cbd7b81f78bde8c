#include "dataplane/services/dns.hpp"

#include <algorithm>

#include "dataplane/services/bytes.hpp"
#include "dataplane/services/dns_message.hpp"
#include "dataplane/services/name_table.hpp"

namespace weft::services {
namespace {

constexpr std::uint32_t kTimeToLive_s = 60;  // EC2's names may move within a minute [BK]
constexpr std::uint16_t kOurUdpSize = 4096;  // what we take and the most that we send over UDP
constexpr std::size_t kOptBytes = 11;        // kept free for the OPT record
constexpr std::uint16_t kPointerToQuestion = 0xc000 | kDnsHeaderBytes;

struct Counts {
  std::uint16_t answers = 0;
  std::uint16_t authorities = 0;
};

/// A record whose owner is the name that was asked.
void write_head(Writer& out, std::uint16_t type, std::size_t length) {
  out.u16(kPointerToQuestion);
  out.u16(type);
  out.u16(kClassInternet);
  out.u32(kTimeToLive_s);
  out.u16(static_cast<std::uint16_t>(length));
}

std::uint16_t write_addresses(Writer& out, std::span<const IpAddress> addresses, bool v4) {
  std::uint16_t count = 0;
  for (const IpAddress& ip : addresses) {
    if (ip.is_v4() != v4) continue;
    const auto data = std::as_bytes(std::span(ip.octets)).subspan(v4 ? 12 : 0);
    write_head(out, v4 ? kTypeA : kTypeAaaa, data.size());
    out.bytes(data);
    ++count;
  }
  return count;
}

std::uint16_t write_name_record(Writer& out, std::uint16_t type, std::string_view name) {
  if (name.empty()) return 0;
  write_head(out, type, name.size());
  out.text(name);
  return 1;
}

/// Data of an SOA record. Nobody transfers this zone; what counts is the last number, how long "no" may be remembered.
void write_soa_data(Writer& out, const NameTable& names) {
  out.u16(static_cast<std::uint16_t>(names.name_server().size() + names.mailbox().size() + 20));
  out.text(names.name_server());
  out.text(names.mailbox());
  out.u32(names.serial());
  out.u32(3600);
  out.u32(900);
  out.u32(604800);
  out.u32(kTimeToLive_s);
}

/// "No" with the SOA that says for how long (RFC 2308 3).
std::uint16_t write_authority(Writer& out, const NameTable& names, std::string_view zone) {
  if (zone.empty()) return 0;
  out.text(zone);
  out.u16(kTypeSoa);
  out.u16(kClassInternet);
  out.u32(kTimeToLive_s);
  write_soa_data(out, names);
  return 1;
}

std::uint16_t write_apex(Writer& out, const NameTable& names, std::uint16_t type) {
  if (type == kTypeNs) return write_name_record(out, kTypeNs, names.name_server());
  if (type != kTypeSoa && type != kTypeAny) return 0;
  out.u16(kPointerToQuestion);
  out.u16(kTypeSoa);
  out.u16(kClassInternet);
  out.u32(kTimeToLive_s);
  write_soa_data(out, names);
  return 1;
}

/// The records of the type that is asked for. ANY gets one kind only, the first there is (RFC 8482 4.1).
std::uint16_t write_answers(Writer& out, const NameTable& names, const NameTable::Found& found, std::uint16_t type) {
  const bool any = type == kTypeAny;
  std::uint16_t count = 0;
  if (found.kind == NameTable::Kind::kApex) count = write_apex(out, names, type);
  if (count == 0 && (any || type == kTypeA)) count = write_addresses(out, found.addresses, true);
  if (count == 0 && (any || type == kTypeAaaa)) count = write_addresses(out, found.addresses, false);
  if (count == 0 && (any || type == kTypePtr)) count = write_name_record(out, kTypePtr, found.pointer);
  return count;
}

void write_opt(Writer& out, const DnsQuery& query, DnsCode code) {
  out.u8(0);  // the root
  out.u16(kTypeOpt);
  out.u16(kOurUdpSize);
  out.u8(static_cast<std::uint8_t>(static_cast<std::uint16_t>(code) >> 4));
  out.u8(0);                                                            // version
  out.u16(query.dnssec_ok ? std::uint16_t{0x8000} : std::uint16_t{0});  // copied, RFC 3225 3
  out.u16(0);
}

/// Everything behind the question; says whether the name exists and whether we may know.
DnsCode look_up(const ServiceView& view, const DnsQuery& query, Writer& out, Counts& counts) {
  if (view.names == nullptr || query.type == kTypeAxfr || query.type == kTypeIxfr) return DnsCode::kRefused;
  if (query.record_class != kClassInternet && query.record_class != kClassAny) return DnsCode::kRefused;
  const NameTable::Found found = view.names->find(query.name.view());
  if (found.kind == NameTable::Kind::kForeign) return DnsCode::kRefused;
  counts.answers = write_answers(out, *view.names, found, query.type);
  if (counts.answers == 0 && out.ok()) counts.authorities = write_authority(out, *view.names, found.zone);
  return found.kind == NameTable::Kind::kNoName ? DnsCode::kNoSuchName : DnsCode::kNoError;
}

}  // namespace

Answer answer_dns(const ServiceView& view, std::span<const std::byte> message, std::span<std::byte> room,
                  DnsTransport transport) noexcept {
  if (!view.dns_support) return Answer::dropped(Refusal::kResolverOff);
  if (message.size() < sizeof(DnsHeader)) return Answer::dropped(Refusal::kMalformed);
  DnsQuery query;
  DnsCode code = read_dns(message, query);
  // To answer an answer is to start two machines talking for ever.
  if ((query.header.flags.host() & DnsHeader::kResponse) != 0) return Answer::dropped(Refusal::kNotARequest);

  const std::size_t most = transport == DnsTransport::kTcp ? 0xffff : std::min(query.udp_size, kOurUdpSize);
  room = room.first(std::min(room.size(), most));
  const std::size_t reserved = query.has_edns ? kOptBytes : 0;
  if (room.size() < sizeof(DnsHeader) + query.question.size() + reserved) return Answer::dropped(Refusal::kNoRoom);

  Writer out(room.first(room.size() - reserved));
  out.write(DnsHeader{});
  out.bytes(query.question);
  Counts counts;
  if (code == DnsCode::kNoError) code = look_up(view, query, out, counts);
  const bool truncated = !out.ok();
  if (truncated) {  // no half of a set of records (RFC 2181 9)
    out.rewind(sizeof(DnsHeader) + query.question.size());
    counts = {};
  }

  constexpr std::uint16_t kKept = DnsHeader::kOpcodeMask | DnsHeader::kRecursionDesired | DnsHeader::kCheckingDisabled;
  const bool known = code == DnsCode::kNoError || code == DnsCode::kNoSuchName;
  unsigned flags = (query.header.flags.host() & kKept) | DnsHeader::kResponse | DnsHeader::kRecursionAvailable;
  if (known) flags |= DnsHeader::kAuthoritative;
  if (truncated) flags |= DnsHeader::kTruncated;
  const DnsHeader header{query.header.id,
                         Be16(static_cast<std::uint16_t>(flags | (static_cast<unsigned>(code) & 0xf))),
                         Be16(query.has_question ? 1 : 0),
                         Be16(counts.answers),
                         Be16(counts.authorities),
                         Be16(query.has_edns ? 1 : 0)};
  const std::size_t end = out.size();
  Writer whole(room);
  whole.write(header);
  whole.rewind(end);
  if (query.has_edns) write_opt(whole, query, code);
  return Answer::answered(whole.size());
}

}  // namespace weft::services

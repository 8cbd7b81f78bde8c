// A DNS query as the resolver reads it.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/net/address.hpp"
#include "dataplane/services/dns_name.hpp"

namespace weft::services {

struct DnsHeader {
  static constexpr std::uint16_t kResponse = 0x8000;
  static constexpr std::uint16_t kOpcodeMask = 0x7800;
  static constexpr std::uint16_t kAuthoritative = 0x0400;
  static constexpr std::uint16_t kTruncated = 0x0200;
  static constexpr std::uint16_t kRecursionDesired = 0x0100;
  static constexpr std::uint16_t kRecursionAvailable = 0x0080;
  static constexpr std::uint16_t kCheckingDisabled = 0x0010;

  Be16 id;
  Be16 flags;  // with the response code in the last four bits
  Be16 questions;
  Be16 answers;
  Be16 authorities;
  Be16 additionals;
};
static_assert(sizeof(DnsHeader) == kDnsHeaderBytes && alignof(DnsHeader) == 1);

inline constexpr std::uint16_t kTypeA = 1;
inline constexpr std::uint16_t kTypeNs = 2;
inline constexpr std::uint16_t kTypeSoa = 6;
inline constexpr std::uint16_t kTypePtr = 12;
inline constexpr std::uint16_t kTypeAaaa = 28;
inline constexpr std::uint16_t kTypeOpt = 41;
inline constexpr std::uint16_t kTypeIxfr = 251;
inline constexpr std::uint16_t kTypeAxfr = 252;
inline constexpr std::uint16_t kTypeAny = 255;
inline constexpr std::uint16_t kClassInternet = 1;
inline constexpr std::uint16_t kClassAny = 255;

enum class DnsCode : std::uint16_t {
  kNoError = 0,
  kFormatError = 1,
  kNoSuchName = 3,
  kNotImplemented = 4,
  kRefused = 5,
  kBadVersion = 16,  // RFC 6891 6.1.3; the upper bits go into the OPT record
};

struct DnsQuery {
  DnsHeader header;
  Name name;
  std::uint16_t type = 0;
  std::uint16_t record_class = 0;
  std::span<const std::byte> question;  // as it was asked, upper and lower case kept
  bool has_question = false;
  bool has_edns = false;
  std::uint8_t edns_version = 0;
  bool dnssec_ok = false;
  std::uint16_t udp_size = 512;  // RFC 1035 2.3.4, unless EDNS says more
};

/// What to say to a message that has a header: kNoError when it is a query that can be looked up.
DnsCode read_dns(std::span<const std::byte> message, DnsQuery& query) noexcept;

}  // namespace weft::services

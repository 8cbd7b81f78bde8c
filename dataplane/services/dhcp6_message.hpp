// What of a client's DHCPv6 message the server looks at.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/net/address.hpp"
#include "dataplane/services/bytes.hpp"

namespace weft::services {

enum class Dhcp6Type : std::uint8_t {
  kSolicit = 1,
  kAdvertise = 2,
  kRequest = 3,
  kConfirm = 4,
  kRenew = 5,
  kRebind = 6,
  kReply = 7,
  kRelease = 8,
  kDecline = 9,
  kReconfigure = 10,
  kInformationRequest = 11,
  kRelayForward = 12,
  kRelayReply = 13,
};

// Options, RFC 8415 21 and the registry of IANA.
inline constexpr std::uint16_t kOption6ClientId = 1;
inline constexpr std::uint16_t kOption6ServerId = 2;
inline constexpr std::uint16_t kOption6IaNa = 3;
inline constexpr std::uint16_t kOption6IaTa = 4;
inline constexpr std::uint16_t kOption6IaAddress = 5;
inline constexpr std::uint16_t kOption6RequestList = 6;
inline constexpr std::uint16_t kOption6Status = 13;
inline constexpr std::uint16_t kOption6RapidCommit = 14;
inline constexpr std::uint16_t kOption6DnsServers = 23;  // RFC 3646
inline constexpr std::uint16_t kOption6DomainList = 24;  // RFC 3646
inline constexpr std::uint16_t kOption6IaPd = 25;
inline constexpr std::uint16_t kOption6IaPrefix = 26;
inline constexpr std::uint16_t kOption6SntpServers = 31;  // RFC 4075
inline constexpr std::uint16_t kOption6RefreshTime = 32;
inline constexpr std::uint16_t kOption6NtpServer = 56;  // RFC 5908

enum class Dhcp6Status : std::uint16_t {
  kSuccess = 0,
  kNoAddresses = 2,
  kNoBinding = 3,
  kNotOnLink = 4,
  kUseMulticast = 5,
  kNoPrefixes = 6,
};

/// An identity association: what the client calls one set of addresses or prefixes.
struct Dhcp6Association {
  std::uint16_t option = kOption6IaNa;  // or kOption6IaTa, kOption6IaPd
  std::uint32_t id = 0;
  std::span<const std::byte> options;
};

struct Dhcp6Message {
  static constexpr std::size_t kMostAssociations = 8;  // of those that are answered; real clients have one or two

  Dhcp6Type type = Dhcp6Type::kSolicit;
  std::array<std::byte, 3> transaction{};
  std::span<const std::byte> client_id;  // empty: none
  std::span<const std::byte> server_id;
  std::span<const std::byte> wanted;  // codes of two bytes each
  bool rapid_commit = false;
  std::array<Dhcp6Association, kMostAssociations> associations;
  std::size_t association_count = 0;

  std::span<const Dhcp6Association> asked() const noexcept { return std::span(associations).first(association_count); }
  bool wants(std::uint16_t option) const noexcept;
};

/// Nothing when it is not well-formed.
std::optional<Dhcp6Message> read_dhcp6(std::span<const std::byte> payload) noexcept;

/// One option of a list of them.
struct Dhcp6Option {
  std::uint16_t code = 0;
  std::span<const std::byte> data;
};

/// Calls `each(option)` until it says false. False as well when the list is not well-formed.
template <typename Each>
bool for_each_option(std::span<const std::byte> list, Each each) noexcept {
  Reader reader(list);
  while (reader.left() > 0) {
    Dhcp6Option option;
    option.code = reader.u16();
    const std::uint16_t length = reader.u16();
    option.data = reader.take(length);
    if (!reader.ok() || !each(option)) return false;
  }
  return true;
}

}  // namespace weft::services

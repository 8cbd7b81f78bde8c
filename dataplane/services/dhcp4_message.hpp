// A DHCPv4 message as it lies on the wire, and what of a client's message the server looks at.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/net/address.hpp"

namespace weft::services {

/// RFC 2131 2, with the magic cookie that makes BOOTP's vendor area DHCP options.
struct Dhcp4Header {
  static constexpr std::uint8_t kRequest = 1;
  static constexpr std::uint8_t kReply = 2;
  static constexpr std::uint8_t kEthernet = 1;
  static constexpr std::uint16_t kBroadcastFlag = 0x8000;
  static constexpr std::uint32_t kCookie = 0x63825363;

  std::uint8_t operation = 0;
  std::uint8_t hardware_type = kEthernet;
  std::uint8_t hardware_length = 6;
  std::uint8_t hops = 0;
  Be32 transaction;
  Be16 seconds;
  Be16 flags;
  Be32 client;  // ciaddr
  Be32 yours;   // yiaddr
  Be32 next_server;
  Be32 relay;  // giaddr
  MacAddress client_mac;
  std::array<std::uint8_t, 10> mac_padding{};
  std::array<std::uint8_t, 64> server_name{};
  std::array<std::uint8_t, 128> boot_file{};
  Be32 cookie;
};
static_assert(sizeof(Dhcp4Header) == 240 && alignof(Dhcp4Header) == 1);

enum class Dhcp4Type : std::uint8_t {
  kDiscover = 1,
  kOffer = 2,
  kRequest = 3,
  kDecline = 4,
  kAck = 5,
  kNak = 6,
  kRelease = 7,
  kInform = 8,
};

// RFC 2132's numbers; those that a client may ask for are also in dhcp4_options.cpp.
inline constexpr std::uint8_t kOptionPad = 0;
inline constexpr std::uint8_t kOptionSubnetMask = 1;
inline constexpr std::uint8_t kOptionRouter = 3;
inline constexpr std::uint8_t kOptionDomainNameServers = 6;
inline constexpr std::uint8_t kOptionHostName = 12;
inline constexpr std::uint8_t kOptionDomainName = 15;
inline constexpr std::uint8_t kOptionMtu = 26;
inline constexpr std::uint8_t kOptionBroadcast = 28;
inline constexpr std::uint8_t kOptionNtpServers = 42;
inline constexpr std::uint8_t kOptionRequestedAddress = 50;
inline constexpr std::uint8_t kOptionLeaseTime = 51;
inline constexpr std::uint8_t kOptionOverload = 52;
inline constexpr std::uint8_t kOptionMessageType = 53;
inline constexpr std::uint8_t kOptionServerId = 54;
inline constexpr std::uint8_t kOptionParameterList = 55;
inline constexpr std::uint8_t kOptionMessage = 56;
inline constexpr std::uint8_t kOptionMaxMessageSize = 57;
inline constexpr std::uint8_t kOptionRenewalTime = 58;
inline constexpr std::uint8_t kOptionRebindingTime = 59;
inline constexpr std::uint8_t kOptionClientId = 61;
inline constexpr std::uint8_t kOptionEnd = 255;

struct Dhcp4Message {
  Dhcp4Header header;
  Dhcp4Type type = Dhcp4Type::kDiscover;
  std::optional<Ipv4Address> requested;
  std::optional<Ipv4Address> server;
  std::span<const std::byte> parameters;  // codes that the client asks for; empty: it did not say
  std::span<const std::byte> client_id;
  std::uint16_t max_size = 576;  // of the IP datagram (RFC 2131 2); a client may only say more
};

/// Nothing when it is not a well-formed DHCP message of a client on Ethernet.
std::optional<Dhcp4Message> read_dhcp4(std::span<const std::byte> payload) noexcept;

}  // namespace weft::services

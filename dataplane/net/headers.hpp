// Headers as they lie on the wire. Every member has alignment 1 (Be16 and Be32 are packed), so a header may be read at
// any offset of a frame and the structs have no padding; the static_asserts hold that.
//
// Ethernet II, ARP (RFC 826), IPv4 (RFC 791), IPv6 (RFC 8200), TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792), ICMPv6
// (RFC 4443). net/ipv6_headers.hpp walks a chain of IPv6 extension headers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/net/address.hpp"

namespace weft {

// EtherTypes
inline constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherTypeArp = 0x0806;
inline constexpr std::uint16_t kEtherTypeVlan = 0x8100;
inline constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;

// IANA protocol numbers
inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolGre = 47;
inline constexpr std::uint8_t kProtocolIcmpv6 = 58;

// IPv6 extension headers share the numbers (RFC 8200 4.1, RFC 4302)
inline constexpr std::uint8_t kHopByHopOptions = 0;
inline constexpr std::uint8_t kRoutingHeader = 43;
inline constexpr std::uint8_t kFragmentHeader = 44;
inline constexpr std::uint8_t kAuthenticationHeader = 51;
inline constexpr std::uint8_t kNoNextHeader = 59;
inline constexpr std::uint8_t kDestinationOptions = 60;

struct EthernetHeader {
  MacAddress destination;
  MacAddress source;
  Be16 ether_type;
};

struct ArpHeader {  // Ethernet and IPv4 only
  static constexpr std::uint16_t kHardwareEthernet = 1;
  static constexpr std::uint16_t kRequest = 1;
  static constexpr std::uint16_t kReply = 2;

  Be16 hardware_type;
  Be16 protocol_type;  // kEtherTypeIpv4
  std::uint8_t hardware_length = 6;
  std::uint8_t protocol_length = 4;
  Be16 operation;
  MacAddress sender_mac;
  Be32 sender_ip;
  MacAddress target_mac;
  Be32 target_ip;
};

struct Ipv4Header {
  static constexpr std::uint16_t kDontFragment = 0x4000;
  static constexpr std::uint16_t kMoreFragments = 0x2000;
  static constexpr std::uint16_t kOffsetMask = 0x1fff;  // in units of 8 bytes

  std::uint8_t version_length = 0x45;
  std::uint8_t type_of_service = 0;
  Be16 total_length;
  Be16 identification;
  Be16 fragment;  // flags and offset
  std::uint8_t time_to_live = 64;
  std::uint8_t protocol = 0;
  Be16 checksum;
  Be32 source;
  Be32 destination;

  constexpr unsigned version() const { return version_length >> 4; }
  constexpr unsigned header_bytes() const { return (version_length & 0xfU) * 4; }
  constexpr bool is_fragment() const { return (fragment.host() & (kMoreFragments | kOffsetMask)) != 0; }
};

struct Ipv6Header {
  Be32 version_class_flow = Be32(0x60000000);
  Be16 payload_length;  // what follows this header, extension headers included
  std::uint8_t next_header = kNoNextHeader;
  std::uint8_t hop_limit = 64;
  IpAddress source;
  IpAddress destination;

  constexpr unsigned version() const { return version_class_flow.host() >> 28; }
};

/// How hop-by-hop options, a routing header, destination options and an authentication header begin.
struct Ipv6ExtensionHeader {
  std::uint8_t next_header = kNoNextHeader;
  std::uint8_t length = 0;  // in units of 8 bytes beyond the first 8; of an authentication header 4 bytes beyond 8
  std::uint8_t routing_type = 0;   // routing header only
  std::uint8_t segments_left = 0;  // routing header only
  Be32 content;
};

struct Ipv6FragmentHeader {
  static constexpr std::uint16_t kMoreFragments = 0x0001;
  static constexpr std::uint16_t kOffsetMask = 0xfff8;  // so masked, it counts bytes

  std::uint8_t next_header = kNoNextHeader;
  std::uint8_t reserved = 0;
  Be16 fragment;  // offset and flag
  Be32 identification;
};

struct TcpHeader {
  static constexpr std::uint8_t kFin = 0x01;
  static constexpr std::uint8_t kSyn = 0x02;
  static constexpr std::uint8_t kRst = 0x04;
  static constexpr std::uint8_t kPsh = 0x08;
  static constexpr std::uint8_t kAck = 0x10;

  Be16 source_port;
  Be16 destination_port;
  Be32 sequence;
  Be32 acknowledgment;
  std::uint8_t data_offset = 0x50;  // upper four bits, in units of 4 bytes
  std::uint8_t flags = 0;
  Be16 window;
  Be16 checksum;
  Be16 urgent;

  constexpr unsigned header_bytes() const { return (data_offset >> 4) * 4U; }
};

struct UdpHeader {
  Be16 source_port;
  Be16 destination_port;
  Be16 length;  // header and payload
  Be16 checksum;
};

struct IcmpHeader {
  static constexpr std::uint8_t kEchoReply = 0;
  static constexpr std::uint8_t kDestinationUnreachable = 3;
  static constexpr std::uint8_t kEchoRequest = 8;
  static constexpr std::uint8_t kTimeExceeded = 11;
  static constexpr std::uint8_t kFragmentationNeeded = 4;  // code of kDestinationUnreachable

  std::uint8_t type = 0;
  std::uint8_t code = 0;
  Be16 checksum;
  Be16 identifier;  // echo only
  Be16 sequence;    // echo; next-hop MTU of kFragmentationNeeded (RFC 1191)

  /// It quotes the packet that it is about (RFC 1122 3.2.2).
  constexpr bool is_error() const { return type == 3 || type == 4 || type == 5 || type == 11 || type == 12; }
};

struct Icmpv6Header {
  static constexpr std::uint8_t kDestinationUnreachable = 1;
  static constexpr std::uint8_t kPacketTooBig = 2;
  static constexpr std::uint8_t kTimeExceeded = 3;
  static constexpr std::uint8_t kParameterProblem = 4;
  static constexpr std::uint8_t kEchoRequest = 128;
  static constexpr std::uint8_t kEchoReply = 129;

  std::uint8_t type = 0;
  std::uint8_t code = 0;
  Be16 checksum;
  Be16 identifier;  // echo only; of kPacketTooBig the upper half of the MTU
  Be16 sequence;    // echo; of kPacketTooBig the lower half of the MTU

  constexpr bool is_error() const { return type < 128; }  // RFC 4443 2.1
};

static_assert(sizeof(EthernetHeader) == 14 && alignof(EthernetHeader) == 1);
static_assert(sizeof(ArpHeader) == 28 && alignof(ArpHeader) == 1);
static_assert(sizeof(Ipv4Header) == 20 && alignof(Ipv4Header) == 1);
static_assert(sizeof(Ipv6Header) == 40 && alignof(Ipv6Header) == 1);
static_assert(sizeof(Ipv6ExtensionHeader) == 8 && alignof(Ipv6ExtensionHeader) == 1);
static_assert(sizeof(Ipv6FragmentHeader) == 8 && alignof(Ipv6FragmentHeader) == 1);
static_assert(sizeof(TcpHeader) == 20 && alignof(TcpHeader) == 1);
static_assert(sizeof(UdpHeader) == 8 && alignof(UdpHeader) == 1);
static_assert(sizeof(IcmpHeader) == 8 && alignof(IcmpHeader) == 1);
static_assert(sizeof(Icmpv6Header) == 8 && alignof(Icmpv6Header) == 1);

// Where things are in an untagged frame without IP options, which is nearly every frame.
inline constexpr std::size_t kIpOffset = sizeof(EthernetHeader);
inline constexpr std::size_t kIpv4L4Offset = kIpOffset + sizeof(Ipv4Header);
inline constexpr std::size_t kIpv6L4Offset = kIpOffset + sizeof(Ipv6Header);
inline constexpr std::size_t kIpv4ChecksumOffset = offsetof(Ipv4Header, checksum);
inline constexpr std::size_t kTcpChecksumOffset = offsetof(TcpHeader, checksum);
inline constexpr std::size_t kUdpChecksumOffset = offsetof(UdpHeader, checksum);
inline constexpr std::size_t kIcmpChecksumOffset = offsetof(IcmpHeader, checksum);

}  // namespace weft

// Names of the DNS in wire form: labels with their length before them, ended by an empty one (RFC 1035 3.1). A label
// may hold any byte, a dot or a NUL too, so names are compared in this form and never as text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/net/address.hpp"

namespace weft::services {

inline constexpr std::size_t kDnsHeaderBytes = 12;

struct Name {
  static constexpr std::size_t kMost = 255;  // octets with the lengths, RFC 1035 2.3.4
  static constexpr std::size_t kMostLabel = 63;

  std::array<char, kMost> wire;  // ASCII letters in lower case; only the first `length` are set
  std::size_t length = 0;

  std::string_view view() const noexcept { return {wire.data(), length}; }
  bool append(std::string_view label) noexcept;  // false: too long, or empty
  bool finish() noexcept;                        // the empty label
};

/// Reads the name at `at`, following compression pointers. Gives the offset behind it, or 0 when it is not well-formed.
/// A pointer must lead before the piece of name that it ends, and not into the header: so every chain ends.
std::size_t read_name(std::span<const std::byte> message, std::size_t at, Name& name) noexcept;

/// "ec2.internal" or "ec2.internal."; false when a label is empty or something is too long. Of several names in one
/// text, as a DHCP domain name may hold them, the first.
bool to_wire(std::string_view text, Name& name) noexcept;

/// "ip-10-0-1-4", as EC2 calls an address (facts ec2 1.1).
std::string address_label(Ipv4Address address);

/// The first label, and what is behind it. Of the root, both are empty.
std::string_view first_label(std::string_view wire) noexcept;
std::string_view parent(std::string_view wire) noexcept;

/// `wire` is `zone` or ends in it at a label.
bool is_within(std::string_view wire, std::string_view zone) noexcept;

/// A name under in-addr.arpa or ip6.arpa: all of an address (a prefix of 128 bits), or its beginning.
std::optional<IpPrefix> reverse_of(std::string_view wire) noexcept;

/// The inverse, for a prefix that ends at an octet (IPv4) or at a nibble (IPv6); other lengths are cut to that.
std::string reverse_name(const IpPrefix& prefix);

}  // namespace weft::services

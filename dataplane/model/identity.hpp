// Ids and MACs as EC2's look, made from names, so that the same topology gives the same deployment on every machine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/net/address.hpp"

namespace weft {

/// `prefix` + 17 lower-case hexadecimal digits (facts ec2 1.1).
std::string make_id(std::string_view prefix, std::string_view seed);

/// What an id says as a number, for choices that are to differ from one id to the next.
std::uint64_t id_number(std::string_view id);

/// Unicast and locally administered, 02:... (facts ec2 1.1).
MacAddress make_mac(std::string_view seed);

/// One RFC 1123 label: letters, digits and inner hyphens, at most 63.
bool is_host_name(std::string_view name);

/// Looks like something weft gives out itself: "i-0123456789abcdef0".
bool looks_like_id(std::string_view name);

}  // namespace weft

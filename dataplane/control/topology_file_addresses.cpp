#include "dataplane/control/topology_file_addresses.hpp"

#include <fmt/format.h>

#include "dataplane/model/suggest.hpp"

namespace weft::topology_file {

IpPrefix read_cidr(const Value& value) {
  const std::string text = value.text();
  const auto prefix = text.find('/') == std::string::npos ? std::nullopt : IpPrefix::parse(text);
  if (prefix) return *prefix;
  if (const auto address = IpAddress::parse(text))
    value.refuse("InvalidParameterValue", fmt::format("CIDR block {} is malformed; for this one address write {}/{}",
                                                      text, text, address->is_v4() ? 32 : 128));
  value.refuse("InvalidParameterValue",
               fmt::format("CIDR block {} is malformed; write one as 10.0.0.0/16", in_quotes(text)));
}

IpPrefix read_ipv4_cidr(const Value& value) {
  const IpPrefix prefix = read_cidr(value);
  if (!prefix.is_v4())
    value.refuse("InvalidParameterValue",
                 fmt::format("an IPv4 block belongs here, such as 10.0.1.16/28, not {}", prefix.to_string()));
  return prefix;
}

IpPrefix read_ipv6_cidr(const Value& value) {
  const IpPrefix prefix = read_cidr(value);
  if (prefix.is_v4())
    value.refuse("InvalidParameterValue",
                 fmt::format("an IPv6 block belongs here, such as 2001:db8:1::/56, not {}", prefix.to_string()));
  return prefix;
}

Ipv4Address read_ipv4(const Value& value) {
  const std::string text = value.text();
  if (const auto address = Ipv4Address::parse(text)) return *address;
  value.refuse("InvalidParameterValue", fmt::format("{} is no IPv4 address; write one as 10.0.1.20", in_quotes(text)));
}

IpAddress read_ip(const Value& value) {
  const std::string text = value.text();
  if (const auto address = IpAddress::parse(text)) return *address;
  value.refuse("InvalidParameterValue",
               fmt::format("{} is no IP address; write one as 198.51.100.10 or 2001:db8::10", in_quotes(text)));
}

IpAddress read_ipv6(const Value& value) {
  const std::string text = value.text();
  if (const auto address = IpAddress::parse(text); address && !address->is_v4()) return *address;
  value.refuse("InvalidParameterValue",
               fmt::format("{} is no IPv6 address; write one as 2001:db8:1::20", in_quotes(text)));
}

}  // namespace weft::topology_file

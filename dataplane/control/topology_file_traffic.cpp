#include "dataplane/control/topology_file_traffic.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "dataplane/model/describe.hpp"
#include "dataplane/model/suggest.hpp"
#include "dataplane/net/headers.hpp"

namespace weft::topology_file {

const std::vector<std::string> kTrafficKeys = {"protocol", "port", "ports", "from", "to", "type", "code"};

namespace {

std::optional<int> whole_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

IpProtocol read_protocol(const Value& value) {
  const std::string text = value.text();
  for (const auto& [name, number] : std::initializer_list<std::pair<std::string_view, int>>{{"all", kAllProtocols},
                                                                                            {"-1", kAllProtocols},
                                                                                            {"tcp", kProtocolTcp},
                                                                                            {"udp", kProtocolUdp},
                                                                                            {"icmp", kProtocolIcmp},
                                                                                            {"icmpv6", kProtocolIcmpv6}})
    if (text == name) return number;
  if (const auto number = whole_number(text); number && *number >= 0 && *number <= 255) return *number;
  value.refuse(
      "InvalidParameterValue",
      fmt::format("{} is no protocol; use tcp, udp, icmp, icmpv6, all (or -1), or an IANA number from 0 to 255{}",
                  in_quotes(text), [&] {
                    const std::string meant = nearest(text, {"tcp", "udp", "icmp", "icmpv6", "all"});
                    return meant.empty() ? "" : fmt::format("; did you mean {}?", meant);
                  }()));
}

/// "22", "80-443" or "all".
void read_ports(const Value& value, Traffic& traffic) {
  std::string text = value.text();
  if (text == "all") text = "0-65535";
  const std::size_t dash = text.find('-');
  auto trimmed = [](std::string_view part) {
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    return part;
  };
  const auto from = whole_number(trimmed(std::string_view(text).substr(0, dash)));
  const auto to = dash == std::string::npos ? from : whole_number(trimmed(std::string_view(text).substr(dash + 1)));
  if (!from || !to || *from < 0 || *from > 65535 || *to < 0 || *to > 65535)
    value.refuse("InvalidParameterValue",
                 fmt::format("{} is no port; write one as 22, a range as 80-443, or all, with ports from 0 to 65535",
                             in_quotes(text)));
  if (*from > *to)
    value.refuse("InvalidParameterValue",
                 fmt::format("the port range {} is empty; write the lower port first: {}-{}", text, *to, *from));
  traffic.from_port = *from;
  traffic.to_port = *to;
}

void refuse_keys(const Section& section, std::initializer_list<const char*> keys, IpProtocol protocol,
                 std::string_view what, std::string_view instead) {
  for (const char* key : keys)
    if (const Value* value = section.find(key))
      value->note("InvalidParameterCombination",
                  fmt::format("{} for {} has no '{}'; {}", what,
                              protocol == kAllProtocols ? "all protocols" : protocol_name(protocol), key, instead));
}

void read_port_keys(const Section& section, std::string_view what, Traffic& traffic) {
  refuse_keys(section, {"type", "code"}, traffic.protocol, what,
              "those are ICMP's; use port, ports, or from and to");
  const Value* port = section.find("port");
  const Value* ports = section.find("ports");
  const Value* from = section.find("from");
  const Value* to = section.find("to");
  if (port != nullptr && ports != nullptr)
    ports->refuse("InvalidParameterCombination", "'port' and 'ports' are both given; keep one");
  const Value* both = port != nullptr ? port : ports;
  if (both != nullptr && (from != nullptr || to != nullptr))
    both->refuse("InvalidParameterCombination", "ports are given twice; keep either this or 'from' and 'to'");
  if (both != nullptr) return read_ports(*both, traffic);
  if (from == nullptr && to == nullptr) {
    if (section.has("type") || section.has("code") || section.misspelt({"port", "ports", "from", "to"})) return;
    section.self().refuse("MissingParameter", fmt::format("{} for {} needs its ports: port: 22, ports: 80-443, or "
                                                          "port: all for every one",
                                                          what, protocol_name(traffic.protocol)));
  }
  if ((from == nullptr || to == nullptr) && section.misspelt({"from", "to"})) return;
  if (from == nullptr || to == nullptr)
    (from == nullptr ? to : from)
        ->refuse("MissingParameter", "'from' and 'to' belong together; for one port use 'port'");
  traffic.from_port = from->number(0, 65535);
  traffic.to_port = to->number(0, 65535);
  if (traffic.from_port > traffic.to_port)
    to->refuse("InvalidParameterValue",
               fmt::format("the port range {}-{} is empty; 'from' is the lower one", traffic.from_port,
                           traffic.to_port));
}

void read_icmp_keys(const Section& section, std::string_view what, Traffic& traffic) {
  refuse_keys(section, {"port", "ports", "from", "to"}, traffic.protocol, what,
              "ICMP has type and code, such as type: 8 for an echo request");
  const Value* code = section.find("code");
  section.read_number("type", -1, 255, traffic.from_port);
  section.read_number("code", -1, 255, traffic.to_port);
  if (!section.has("type") && code != nullptr && traffic.to_port >= 0)
    code->refuse("InvalidParameterCombination", "a code needs a type; give the ICMP type too");
  if (section.has("type") && traffic.from_port < 0 && traffic.to_port >= 0)  // facts ec2 2.2
    code->note("InvalidParameterCombination", "a code needs a type; with any type, the code is any too");
}

}  // namespace

Traffic read_traffic(const Section& section, std::string_view what) {
  Traffic traffic;
  section.self().attempt([&] {
    traffic.protocol = read_protocol(section.required("protocol", "protocol: tcp"));
    if (traffic.protocol == kProtocolTcp || traffic.protocol == kProtocolUdp)
      read_port_keys(section, what, traffic);
    else if (traffic.protocol == kProtocolIcmp || traffic.protocol == kProtocolIcmpv6)
      read_icmp_keys(section, what, traffic);
    else  // EC2 takes ports here and ignores them; who writes one expects it to count
      refuse_keys(section, {"port", "ports", "from", "to", "type", "code"}, traffic.protocol, what,
                  "it is about all of them; leave the key out, or name tcp, udp or icmp");
  });
  return traffic;
}

}  // namespace weft::topology_file

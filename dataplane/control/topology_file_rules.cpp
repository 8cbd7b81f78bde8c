#include "dataplane/control/topology_file_rules.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "dataplane/model/describe.hpp"
#include "dataplane/model/suggest.hpp"
#include "dataplane/net/headers.hpp"

namespace weft::topology_file {
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
void read_ports(const Value& value, RuleDeclaration& rule) {
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
  rule.from_port = *from;
  rule.to_port = *to;
}

void refuse_keys(const Section& section, std::initializer_list<const char*> keys, IpProtocol protocol,
                 std::string_view instead) {
  for (const char* key : keys)
    if (const Value* value = section.find(key))
      value->refuse("InvalidParameterCombination",
                    fmt::format("a rule for {} has no '{}'; {}",
                                protocol == kAllProtocols ? "all protocols" : protocol_name(protocol), key, instead));
}

void read_port_keys(const Section& section, RuleDeclaration& rule) {
  refuse_keys(section, {"type", "code"}, rule.protocol, "those are ICMP's; use port, ports, or from and to");
  const Value* port = section.find("port");
  const Value* ports = section.find("ports");
  const Value* from = section.find("from");
  const Value* to = section.find("to");
  if (port != nullptr && ports != nullptr)
    ports->refuse("InvalidParameterCombination", "'port' and 'ports' are both given; keep one");
  const Value* both = port != nullptr ? port : ports;
  if (both != nullptr && (from != nullptr || to != nullptr))
    both->refuse("InvalidParameterCombination", "ports are given twice; keep either this or 'from' and 'to'");
  if (both != nullptr) return read_ports(*both, rule);
  if (from == nullptr && to == nullptr)
    section.self().refuse("MissingParameter", fmt::format("a {} rule needs its ports: port: 22, ports: 80-443, or "
                                                          "port: all for every one",
                                                          protocol_name(rule.protocol)));
  if (from == nullptr || to == nullptr)
    (from == nullptr ? to : from)
        ->refuse("MissingParameter", "'from' and 'to' belong together; for one port use 'port'");
  rule.from_port = from->number(0, 65535);
  rule.to_port = to->number(0, 65535);
  if (rule.from_port > rule.to_port)
    to->refuse("InvalidParameterValue",
               fmt::format("the port range {}-{} is empty; 'from' is the lower one", rule.from_port, rule.to_port));
}

void read_icmp_keys(const Section& section, RuleDeclaration& rule) {
  refuse_keys(section, {"port", "ports", "from", "to"}, rule.protocol,
              "ICMP has type and code, such as type: 8 for an echo request");
  const Value* type = section.find("type");
  const Value* code = section.find("code");
  if (type != nullptr) rule.from_port = type->number(-1, 255);
  if (code != nullptr) rule.to_port = code->number(-1, 255);
  if (rule.from_port < 0 && rule.to_port >= 0)
    code->refuse("InvalidParameterCombination", "a code needs a type; give the ICMP type too");
}

RulePeer read_peer(const Section& section, const std::string& own_group) {
  const Value* cidr = section.find("cidr");
  const Value* group = section.find("group");
  if (cidr != nullptr && group != nullptr)
    group->refuse("InvalidParameterCombination",
                  "a rule has one peer, but 'cidr' and 'group' are both given; make two rules");
  if (cidr != nullptr) return read_cidr(*cidr);
  if (group == nullptr)
    section.self().refuse("MissingParameter", "a rule needs its peer: cidr: 0.0.0.0/0 or group: NAME");
  const std::string name = group->text();
  return GroupReference{name == "self" ? own_group : name};
}

}  // namespace

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

RuleDeclaration read_rule(const Value& value, const std::string& own_group) {
  const Section section = value.section(
      "a rule", {"protocol", "port", "ports", "from", "to", "type", "code", "cidr", "group", "description"});
  RuleDeclaration rule;
  rule.line = value.line();
  rule.protocol = read_protocol(section.required("protocol", "protocol: tcp"));
  if (rule.protocol == kProtocolTcp || rule.protocol == kProtocolUdp)
    read_port_keys(section, rule);
  else if (rule.protocol == kProtocolIcmp || rule.protocol == kProtocolIcmpv6)
    read_icmp_keys(section, rule);
  else  // EC2 takes ports here and ignores them; who writes one expects it to count
    refuse_keys(section, {"port", "ports", "from", "to", "type", "code"}, rule.protocol,
                "it is about all of them; leave the key out, or name tcp, udp or icmp");
  rule.peer = read_peer(section, own_group);
  rule.description = section.text_or("description", "");
  return rule;
}

}  // namespace weft::topology_file

#include "tools/weft/packet_question.hpp"

#include <fmt/format.h>

#include "dataplane/net/headers.hpp"

namespace weft::cli {
namespace {

using nlohmann::json;

constexpr std::uint32_t kLongestPacket = 9001;

Error not_explained(std::string why) { return {"InvalidParameterValue", "this packet " + std::move(why), {}}; }

/// The interface of the MAC address, or null.
const json* interface_of(const MacAddress& mac, const json& interfaces) {
  for (const json& one : interfaces)
    if (one.value("mac", "") == mac.to_string()) return &one;
  return nullptr;
}

bool in_vpc(const IpAddress& address, const json& deployment) {
  const json vpc = deployment.value("vpc", json::object());
  for (const char* key : {"cidr", "ipv6_cidr"}) {
    if (!vpc.contains(key) || !vpc[key].is_string()) continue;
    const std::optional<IpPrefix> prefix = IpPrefix::parse(vpc[key].get<std::string>());
    if (prefix && prefix->contains(address)) return true;
  }
  return false;
}

/// What those outside know it by: its Elastic IP, else the public address of its interface.
std::string public_address_of(const std::string& address, const json& interface, const json& deployment) {
  for (const json& elastic : deployment.value("elastic_ips", json::array()))
    if (elastic.contains("private_ip") && elastic["private_ip"] == address) return elastic.value("address", address);
  const bool primary = interface.contains("private_ip") && interface["private_ip"] == address;
  if (primary && interface.contains("public_ip") && interface["public_ip"].is_string())
    return interface["public_ip"].get<std::string>();
  return address;
}

void add_ends(const FrameSummary& frame, const json& interfaces, const json& deployment, json& question) {
  const json* const sender = interface_of(frame.source_mac, interfaces);
  question["source"] = frame.source.to_string();
  question["destination"] = frame.destination.to_string();
  if (sender != nullptr) {
    question["source"] = sender->value("id", "");
    question["source_address"] = frame.source.to_string();
    return;
  }
  const json* const receiver = interface_of(frame.destination_mac, interfaces);
  if (receiver != nullptr && !in_vpc(frame.source, deployment))
    question["destination"] = public_address_of(frame.destination.to_string(), *receiver, deployment);
}

}  // namespace

Result<json> question_about(const FrameSummary& frame, const json& interfaces, const json& deployment) {
  switch (frame.kind) {
    case FrameSummary::Kind::kIp: break;
    case FrameSummary::Kind::kTooShort: return not_explained("is too short for an Ethernet header");
    case FrameSummary::Kind::kArp: return not_explained("is ARP, which the fabric answers itself and no rule is asked about");
    case FrameSummary::Kind::kOther:
      return not_explained(fmt::format("is no whole IPv4, IPv6 or ARP header (EtherType 0x{:04x})", frame.ether_type));
  }
  if (frame.later_fragment)
    return not_explained("is a later IP fragment, without ports; it goes the way of its first one: explain that");
  const bool needs_l4 = frame.has_ports() || frame.is_icmp();
  if (needs_l4 && !frame.has_l4)
    return not_explained("is cut before its ports, or its type; capture with a larger --snaplen");

  json question;
  add_ends(frame, interfaces, deployment, question);
  question["protocol"] = static_cast<int>(frame.protocol);
  question["dont_fragment"] = frame.dont_fragment;
  // A longer one of TCP is a super-segment, which the card cuts (facts ec2 1.8: no packet has more than 9001 bytes).
  const bool super_segment = frame.protocol == kProtocolTcp && frame.ip_bytes > kLongestPacket;
  if (frame.ip_bytes > 0 && frame.ip_bytes <= 65535 && !super_segment) question["size"] = frame.ip_bytes;
  if (frame.has_ports()) {
    question["port"] = frame.destination_port;
    question["source_port"] = frame.source_port;
  } else if (frame.is_icmp()) {
    question["icmp_type"] = frame.type;
    question["icmp_code"] = frame.code;
  }
  return question;
}

}  // namespace weft::cli

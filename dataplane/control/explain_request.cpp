#include "dataplane/control/explain_request.hpp"

#include <fmt/format.h>

#include "dataplane/net/headers.hpp"

namespace weft {

namespace {

constexpr int kSomeClientPort = 32768;  // where Linux begins to choose ephemeral ports; no rule looks at it
constexpr int kEchoRequest = 8, kEchoRequestV6 = 128;

Error wrong(const char* field, std::string message, const char* code = "InvalidParameterValue") {
  return {code, std::move(message), {"", 0, field}};
}

/// One end of the question: an interface, or only an address, which nobody needs to have.
struct Endpoint {
  const Eni* eni = nullptr;
  bool internet = false;             // the guest behind the internet gateway
  std::optional<IpAddress> address;  // as it was written
};

Error missing_endpoint(const char* field) {
  return wrong(
      field,
      fmt::format("'{}' is missing; it is the name or id of an instance, the id of an ENI, or an address", field),
      "InvalidRequest");
}

/// The name or id of an instance (its eth0), an ENI id, the internet's name, or an address.
Result<Endpoint> endpoint(const Json& request, const char* field, const Deployment& deployment) {
  if (!request.contains(field) || !request[field].is_string()) return missing_endpoint(field);
  const std::string text = request[field].get<std::string>();
  Endpoint found;
  found.address = IpAddress::parse(text);
  if (found.address) return found;
  found.eni = deployment.find_eni(text);
  if (found.eni != nullptr) return found;
  if (const Instance* instance = deployment.find_instance(text)) {
    if (instance->enis.empty()) return wrong(field, fmt::format("the instance '{}' has no network interface", text));
    found.eni = &instance->enis.front();
    return found;
  }
  found.internet = deployment.internet_gateway && deployment.internet_gateway->guest == text;
  if (found.internet) return found;
  if (text.starts_with("eni-"))
    return wrong(field, fmt::format("the network interface '{}' does not exist; `weft vf` lists them", text),
                 "InvalidNetworkInterfaceID.NotFound");
  return wrong(
      field,
      fmt::format("there is no instance '{}', and it is no ENI id and no address; `weft ps` lists the instances", text),
      "InvalidInstanceID.NotFound");
}

/// The address that the packet has for this end. Seen from the internet an interface is its public IPv4, where it has
/// one; its private one leads nowhere from there, and the answer says so.
Result<IpAddress> address_of(const Endpoint& end, bool ipv6, bool seen_from_internet, const char* field,
                             const Deployment& deployment) {
  if (end.address) return *end.address;
  if (end.internet) {
    for (const IpAddress& address : deployment.internet_gateway->addresses)
      if (address.is_v4() != ipv6) return address;
    return wrong(field, fmt::format("the internet has no {} address", ipv6 ? "IPv6" : "IPv4"));
  }
  if (ipv6 && !end.eni->ipv6_addresses.empty()) return end.eni->ipv6_addresses.front();
  if (ipv6) return wrong(field, fmt::format("the interface {} has no IPv6 address", end.eni->id));
  if (end.eni->private_ip == IpAddress{})
    return wrong(field, fmt::format("the interface {} is an EFA-only one and has no address", end.eni->id));
  if (seen_from_internet) return public_address_of(deployment, end.eni->private_ip).value_or(end.eni->private_ip);
  return end.eni->private_ip;
}

Result<bool> flag(const Json& request, const char* field, bool fallback) {
  if (!request.contains(field)) return fallback;
  if (!request[field].is_boolean())
    return wrong(field, fmt::format("'{}' is {}; it is true or false", field, request[field].dump()));
  return request[field].get<bool>();
}

Result<int> protocol_of(const Json& request) {
  const char* right = "it is tcp, udp, icmp, icmpv6, or a number from 0 to 255";
  if (!request.contains("protocol"))
    return wrong("protocol", fmt::format("'protocol' is missing; {}", right), "InvalidRequest");
  const Json& field = request["protocol"];
  std::optional<IpProtocol> protocol;
  if (field.is_string()) protocol = protocol_from_text(field.get<std::string>());
  if (field.is_number_integer()) protocol = protocol_from_text(field.dump());
  if (!protocol || *protocol == kAllProtocols)
    return wrong("protocol", fmt::format("{} is no protocol that a packet can have; {}", field.dump(), right));
  return *protocol;
}

/// A number within 0..limit. `fallback` < 0: the field is needed.
Result<std::uint16_t> number(const Json& request, const char* field, int limit, int fallback) {
  if (!request.contains(field) || request[field].is_null()) {
    if (fallback < 0)
      return wrong(field, fmt::format("'{}' is missing; tcp and udp need a number from 0 to {}", field, limit),
                   "InvalidRequest");
    return static_cast<std::uint16_t>(fallback);
  }
  const Json& value = request[field];
  if (!value.is_number_integer() || value < 0 || value > limit)
    return wrong(field, fmt::format("'{}' is {}; it is a number from 0 to {}", field, value.dump(), limit));
  return value.get<std::uint16_t>();
}

/// Protocol, ports, type and code.
Result<void> read_traffic(const Json& request, int protocol, PacketTuple& packet) {
  packet.protocol = static_cast<std::uint8_t>(protocol);
  if (protocol == kProtocolTcp || protocol == kProtocolUdp) {
    Result<std::uint16_t> port = number(request, "port", 65535, -1);
    if (!port) return port.error();
    Result<std::uint16_t> source_port = number(request, "source_port", 65535, kSomeClientPort);
    if (!source_port) return source_port.error();
    packet.destination_port = *port;
    packet.source_port = *source_port;
  } else if (protocol == kProtocolIcmp || protocol == kProtocolIcmpv6) {
    Result<std::uint16_t> type =
        number(request, "icmp_type", 255, protocol == kProtocolIcmp ? kEchoRequest : kEchoRequestV6);
    if (!type) return type.error();
    Result<std::uint16_t> code = number(request, "icmp_code", 255, 0);
    if (!code) return code.error();
    packet.destination_port = static_cast<std::uint16_t>(*type << 8 | *code);
  }
  return {};
}

/// The address that an interface sends from though it need not be its own.
Result<std::optional<IpAddress>> source_address(const Json& request) {
  const char* field = "source_address";
  if (!request.contains(field)) return std::optional<IpAddress>();
  std::optional<IpAddress> address;
  if (request[field].is_string()) address = IpAddress::parse(request[field].get<std::string>());
  if (!address) return wrong(field, fmt::format("{} is no IP address", request[field].dump()));
  return address;
}

/// Both ends, of one family: IPv6 when it is asked for, when the protocol is ICMPv6, or when an address says so.
Result<void> read_addresses(const Json& request, const Endpoint& source, const Endpoint& destination, int protocol,
                            const Deployment& deployment, ExplainQuestion& question) {
  Result<bool> ipv6 = flag(request, "ipv6", false);
  if (!ipv6) return ipv6.error();
  Result<std::optional<IpAddress>> claimed = source_address(request);
  if (!claimed) return claimed.error();
  if (*claimed && source.eni == nullptr)
    return wrong("source_address", "'source_address' is what an instance or ENI sends from; name it as the 'source'",
                 "InvalidParameterCombination");
  bool v6 = *ipv6 || protocol == kProtocolIcmpv6;
  for (const std::optional<IpAddress>& written : {source.address, destination.address, *claimed})
    v6 = v6 || (written && !written->is_v4());

  Result<IpAddress> from =
      *claimed ? Result<IpAddress>(**claimed) : address_of(source, v6, false, "source", deployment);
  if (!from) return from.error();
  Result<IpAddress> to = address_of(destination, v6, source.internet, "destination", deployment);
  if (!to) return to.error();
  if (from->is_v4() != to->is_v4())
    return wrong("destination",
                 fmt::format("{} and {} are of different address families", from->to_string(), to->to_string()),
                 "InvalidParameterCombination");
  question.packet.source = *from;
  question.packet.destination = *to;
  if (*claimed) question.source_eni = source.eni->id;
  return {};
}

Result<void> read_size(const Json& request, ExplainQuestion& question) {
  Result<std::uint16_t> size = number(request, "size", 65535, 0);
  if (!size) return size.error();
  Result<bool> fragment = flag(request, "dont_fragment", true);
  if (!fragment) return fragment.error();
  question.size = *size;
  question.dont_fragment = *fragment;
  return {};
}

/// EFA's ends are interfaces: an address stands for the one that has it.
void read_efa_ends(const Endpoint& source, const Endpoint& destination, ExplainQuestion& question) {
  question.efa = true;
  if (source.address) question.packet.source = *source.address;
  if (destination.address) question.packet.destination = *destination.address;
  if (source.eni != nullptr) {
    question.source_eni = source.eni->id;
    question.packet.source = source.eni->private_ip;
  }
  if (destination.eni != nullptr) {
    question.destination_eni = destination.eni->id;
    question.packet.destination = destination.eni->private_ip;
  }
}

}  // namespace

Result<Explanation> explain_request(const Json& request, const Deployment& deployment) {
  Result<Endpoint> source = endpoint(request, "source", deployment);
  if (!source) return source.error();
  Result<Endpoint> destination = endpoint(request, "destination", deployment);
  if (!destination) return destination.error();
  Result<bool> efa = flag(request, "efa", false);
  if (!efa) return efa.error();

  ExplainQuestion question;
  if (*efa) {
    read_efa_ends(*source, *destination, question);
    return explain(deployment, question);
  }
  Result<int> protocol = protocol_of(request);
  if (!protocol) return protocol.error();
  if (auto read = read_addresses(request, *source, *destination, *protocol, deployment, question); !read)
    return read.error();
  if (auto read = read_traffic(request, *protocol, question.packet); !read) return read.error();
  if (auto read = read_size(request, question); !read) return read.error();
  return explain(deployment, question);
}

}  // namespace weft

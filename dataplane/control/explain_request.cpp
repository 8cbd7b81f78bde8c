#include "dataplane/control/explain_request.hpp"

#include <fmt/format.h>

#include "dataplane/net/headers.hpp"

namespace weft {

namespace {

constexpr int kSomeClientPort = 32768;  // where Linux begins to choose ephemeral ports; no rule looks at it
constexpr int kEchoRequest = 8;

Error wrong(const char* field, std::string message, const char* code = "InvalidParameterValue") {
  return {code, std::move(message), {"", 0, field}};
}

/// The name or id of an instance (its primary address), an ENI id, or an address, which nobody needs to have.
Result<IpAddress> endpoint(const Json& request, const char* field, const Deployment& deployment) {
  if (!request.contains(field) || !request[field].is_string())
    return wrong(
        field,
        fmt::format("'{}' is missing; it is the name or id of an instance, the id of an ENI, or an address", field),
        "InvalidRequest");
  const std::string text = request[field].get<std::string>();
  if (std::optional<IpAddress> address = IpAddress::parse(text)) return *address;
  if (const Eni* eni = deployment.find_eni(text)) return eni->private_ip;
  if (const Instance* instance = deployment.find_instance(text)) {
    if (instance->enis.empty()) return wrong(field, fmt::format("the instance '{}' has no network interface", text));
    return instance->enis.front().private_ip;
  }
  if (text.starts_with("eni-"))
    return wrong(field, fmt::format("the network interface '{}' does not exist; `weft vf` lists them", text),
                 "InvalidNetworkInterfaceID.NotFound");
  return wrong(
      field,
      fmt::format("there is no instance '{}', and it is no ENI id and no address; `weft ps` lists the instances", text),
      "InvalidInstanceID.NotFound");
}

Result<int> protocol_of(const Json& request) {
  const char* right = "it is tcp, udp, icmp, or a number from 0 to 255";
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

}  // namespace

Result<Explanation> explain_request(const Json& request, const Deployment& deployment) {
  PacketTuple packet;
  Result<IpAddress> source = endpoint(request, "source", deployment);
  if (!source) return source.error();
  Result<IpAddress> destination = endpoint(request, "destination", deployment);
  if (!destination) return destination.error();
  packet.source = *source;
  packet.destination = *destination;

  if (request.contains("efa") && !request["efa"].is_boolean())
    return wrong("efa", fmt::format("'efa' is {}; it is true or false", request["efa"].dump()));
  if (request.value("efa", false)) return explain(deployment, packet, true);

  Result<int> protocol = protocol_of(request);
  if (!protocol) return protocol.error();
  packet.protocol = static_cast<std::uint8_t>(*protocol);
  if (*protocol == kProtocolTcp || *protocol == kProtocolUdp) {
    Result<std::uint16_t> port = number(request, "port", 65535, -1);
    if (!port) return port.error();
    Result<std::uint16_t> source_port = number(request, "source_port", 65535, kSomeClientPort);
    if (!source_port) return source_port.error();
    packet.destination_port = *port;
    packet.source_port = *source_port;
  } else if (*protocol == kProtocolIcmp) {
    Result<std::uint16_t> type = number(request, "icmp_type", 255, kEchoRequest);
    if (!type) return type.error();
    Result<std::uint16_t> code = number(request, "icmp_code", 255, 0);
    if (!code) return code.error();
    packet.destination_port = static_cast<std::uint16_t>(*type << 8 | *code);
  }
  return explain(deployment, packet, false);
}

}  // namespace weft

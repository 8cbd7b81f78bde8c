// GuestInstance as JSON, and the checks of everything that a name, an interface or a route will be made from.
#include <net/if.h>

#include <algorithm>
#include <cctype>

#include "instances/protocol.hpp"
#include "instances/system_error.hpp"

namespace weft::holder {
namespace {

constexpr std::size_t kMaxInterfaces = 68;  // the most any EC2 type has (facts ec2 1.5)
constexpr std::size_t kMaxAddresses = 256;  // the most is 50 of each family (facts ec2 1.5)
constexpr int kMaxDeviceIndex = 255;        // a routing table each

bool is_interface_name(const std::string& name) {
  return !name.empty() && name.size() < IFNAMSIZ &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; });
}

std::string text_of(const GuestAddress& address) {
  return address.ip.to_string() + "/" + std::to_string(address.prefix_length);
}

std::optional<GuestAddress> parse_address(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) return {};
  const auto ip = IpAddress::parse(text.substr(0, slash));
  const auto network = IpPrefix::parse(text);  // its check of the length; the host bits that it clears are wanted here
  if (!ip || !network || network->length == 0 || (ip->is_v4() && network->length <= 96)) return {};
  return GuestAddress{*ip, static_cast<std::uint8_t>(ip->is_v4() ? network->v4_length() : network->length)};
}

bool is_link_local(const IpAddress& ip) { return ip.octets[0] == 0xfe && (ip.octets[1] & 0xc0) == 0x80; }

Result<void> decode_addresses(const nlohmann::json& body, GuestInterface& interface) {
  const auto& addresses = body.at("addresses");
  const auto& prefixes = body.at("prefixes");
  if (!addresses.is_array() || addresses.empty() || addresses.size() > kMaxAddresses || !prefixes.is_array() ||
      prefixes.size() > kMaxAddresses)
    return holder_error(interface.name + ": an interface has 1 to 256 addresses and at most 256 prefixes");
  for (const auto& described : addresses) {
    const auto address = parse_address(described.get<std::string>());
    if (!address) return holder_error(interface.name + ": an address is like 10.0.1.4/24 or 2001:db8::4/64");
    interface.addresses.push_back(*address);
  }
  for (const auto& described : prefixes) {
    const auto prefix = IpPrefix::parse(described.get<std::string>());
    if (!prefix) return holder_error(interface.name + ": a delegated prefix is a CIDR block");
    interface.prefixes.push_back(*prefix);
  }
  return {};
}

Result<void> decode_routers(const nlohmann::json& body, GuestInterface& interface) {
  if (body.contains("router")) {
    interface.router = IpAddress::parse(body.at("router").get<std::string>());
    if (!interface.router || !interface.router->is_v4())
      return holder_error(interface.name + ": the router must be an IPv4 address");
  }
  if (body.contains("ipv6_router")) {
    interface.ipv6_router = IpAddress::parse(body.at("ipv6_router").get<std::string>());
    if (!interface.ipv6_router || !is_link_local(*interface.ipv6_router))
      return holder_error(interface.name + ": the IPv6 router must be a link-local address");
  }
  if (body.contains("router_mac")) {
    interface.router_mac = MacAddress::parse(body.at("router_mac").get<std::string>());
    if (!interface.router_mac || interface.router_mac->is_multicast())
      return holder_error(interface.name + ": the router's MAC must be a unicast address");
  }
  return {};
}

Result<GuestInterface> decode_interface(const nlohmann::json& body) {
  GuestInterface interface;
  interface.name = body.at("name").get<std::string>();
  interface.eni_id = body.at("eni_id").get<std::string>();
  if (!is_interface_name(interface.name))
    return holder_error("an interface name is 1 to 15 letters, digits or '-', like eth0");
  const auto mac = MacAddress::parse(body.at("mac").get<std::string>());
  interface.device_index = body.at("device_index").get<int>();
  interface.mtu = body.at("mtu").get<int>();
  if (!mac || mac->is_multicast()) return holder_error(interface.name + ": the MAC must be a unicast address");
  if (interface.device_index < 0 || interface.device_index > kMaxDeviceIndex)
    return holder_error(interface.name + ": the device index must be 0 to 255");
  if (interface.mtu < 576 || interface.mtu > 65521)
    return holder_error(interface.name + ": the MTU must be 576 to 65521");
  interface.mac = *mac;
  if (auto decoded = decode_addresses(body, interface); !decoded) return decoded.error();
  if (auto decoded = decode_routers(body, interface); !decoded) return decoded.error();
  return interface;
}

nlohmann::json encode_interface(const GuestInterface& interface) {
  nlohmann::json addresses = nlohmann::json::array(), prefixes = nlohmann::json::array();
  for (const GuestAddress& address : interface.addresses) addresses.push_back(text_of(address));
  for (const IpPrefix& prefix : interface.prefixes) prefixes.push_back(prefix.to_string());
  nlohmann::json body{{"name", interface.name},
                      {"eni_id", interface.eni_id},
                      {"mac", interface.mac.to_string()},
                      {"device_index", interface.device_index},
                      {"addresses", std::move(addresses)},
                      {"prefixes", std::move(prefixes)},
                      {"mtu", interface.mtu}};
  if (interface.router) body["router"] = interface.router->to_string();
  if (interface.ipv6_router) body["ipv6_router"] = interface.ipv6_router->to_string();
  if (interface.router_mac) body["router_mac"] = interface.router_mac->to_string();
  return body;
}

}  // namespace

bool is_instance_name(const std::string& name) {
  return !name.empty() && name.size() <= 63 && name[0] != '.' && name[0] != '-' &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_'; });
}

nlohmann::json encode(const GuestInstance& instance) {
  nlohmann::json interfaces = nlohmann::json::array();
  for (const GuestInterface& interface : instance.interfaces) interfaces.push_back(encode_interface(interface));
  return {{"name", instance.name}, {"interfaces", interfaces}, {"efa", instance.efa}, {"outside", instance.outside}};
}

Result<GuestInstance> decode_instance(const nlohmann::json& body) {
  try {
    GuestInstance instance;
    instance.name = body.at("name").get<std::string>();
    if (!is_instance_name(instance.name))
      return holder_error("an instance name is a host name: 1 to 63 letters, digits, '-', '_' or '.'");
    instance.efa = body.at("efa").get<bool>();
    instance.outside = body.at("outside").get<bool>();
    const auto& interfaces = body.at("interfaces");
    if (!interfaces.is_array() || interfaces.size() > kMaxInterfaces)
      return holder_error(instance.name + ": an instance has at most 68 interfaces");
    for (const auto& described : interfaces) {
      auto interface = decode_interface(described);
      if (!interface) return holder_error(instance.name + ": " + interface.error().message);
      for (const GuestInterface& other : instance.interfaces)
        if (other.name == interface->name || other.eni_id == interface->eni_id)
          return holder_error(instance.name + ": two interfaces are the same: " + other.name + ", " + other.eni_id);
      instance.interfaces.push_back(std::move(*interface));
    }
    return instance;
  } catch (const nlohmann::json::exception& e) {
    return holder_error(std::string("an instance's description cannot be read: ") + e.what());
  }
}

}  // namespace weft::holder

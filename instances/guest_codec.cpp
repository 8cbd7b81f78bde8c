// GuestInstance as JSON, and the checks of everything that a name, an interface or a route will be made from.
#include <net/if.h>

#include <algorithm>
#include <cctype>

#include "instances/protocol.hpp"
#include "instances/system_error.hpp"

namespace weft::holder {
namespace {

constexpr std::size_t kMaxInterfaces = 15;  // the most any EC2 type has (facts ec2)

bool is_interface_name(const std::string& name) {
  return !name.empty() && name.size() < IFNAMSIZ &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; });
}

Result<GuestInterface> decode_interface(const nlohmann::json& body) {
  GuestInterface interface;
  interface.name = body.at("name").get<std::string>();
  interface.eni_id = body.at("eni_id").get<std::string>();
  if (!is_interface_name(interface.name))
    return holder_error("an interface name is 1 to 15 letters, digits or '-', like eth0");

  const auto mac = MacAddress::parse(body.at("mac").get<std::string>());
  const auto address = IpAddress::parse(body.at("address").get<std::string>());
  const auto router = IpAddress::parse(body.at("router").get<std::string>());
  const int prefix = body.at("prefix_length").get<int>();
  interface.mtu = body.at("mtu").get<int>();
  if (!mac || mac->is_multicast()) return holder_error(interface.name + ": the MAC must be a unicast address");
  if (!address || !router || !address->is_v4() || !router->is_v4())
    return holder_error(interface.name + ": address and router must be IPv4 addresses");
  if (prefix < 1 || prefix > 32) return holder_error(interface.name + ": the prefix length must be 1 to 32");
  if (interface.mtu < 576 || interface.mtu > 65521)
    return holder_error(interface.name + ": the MTU must be 576 to 65521");
  interface.mac = *mac;
  interface.address = *address;
  interface.router = *router;
  interface.prefix_length = static_cast<std::uint8_t>(prefix);
  return interface;
}

}  // namespace

bool is_instance_name(const std::string& name) {
  return !name.empty() && name.size() <= 63 && name[0] != '.' && name[0] != '-' &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_'; });
}

nlohmann::json encode(const GuestInstance& instance) {
  nlohmann::json interfaces = nlohmann::json::array();
  for (const GuestInterface& i : instance.interfaces)
    interfaces.push_back({{"name", i.name},
                          {"eni_id", i.eni_id},
                          {"mac", i.mac.to_string()},
                          {"address", i.address.to_string()},
                          {"prefix_length", i.prefix_length},
                          {"router", i.router.to_string()},
                          {"mtu", i.mtu}});
  return {{"name", instance.name}, {"interfaces", interfaces}, {"efa", instance.efa}};
}

Result<GuestInstance> decode_instance(const nlohmann::json& body) {
  try {
    GuestInstance instance;
    instance.name = body.at("name").get<std::string>();
    if (!is_instance_name(instance.name))
      return holder_error("an instance name is a host name: 1 to 63 letters, digits, '-', '_' or '.'");
    instance.efa = body.at("efa").get<bool>();
    const auto& interfaces = body.at("interfaces");
    if (!interfaces.is_array() || interfaces.size() > kMaxInterfaces)
      return holder_error(instance.name + ": an instance has at most 15 interfaces");
    for (const auto& described : interfaces) {
      auto interface = decode_interface(described);
      if (!interface) return holder_error(instance.name + ": " + interface.error().message);
      instance.interfaces.push_back(std::move(*interface));
    }
    return instance;
  } catch (const nlohmann::json::exception& e) {
    return holder_error(std::string("an instance's description cannot be read: ") + e.what());
  }
}

}  // namespace weft::holder

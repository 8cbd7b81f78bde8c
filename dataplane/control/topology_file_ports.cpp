// `port:` of an interface: what its virtual function is connected to.
#include <fmt/format.h>

#include <algorithm>

#include "dataplane/control/topology_file_parts.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft::topology_file {
namespace {

using Driver = PortBackend::Driver;

Driver read_driver(const Value& value) {
  const std::string word = value.text();
  std::vector<std::string> words;
  for (const Driver driver : {Driver::kTap, Driver::kVhostUser, Driver::kEthdev, Driver::kMemif}) {
    if (word == driver_name(driver)) return driver;
    words.push_back(driver_name(driver));
  }
  value.refuse("InvalidParameterValue",
               fmt::format("{} is no port driver{}", in_quotes(word), hint(word, words)));
}

std::vector<std::string> keys_of(Driver driver) {
  switch (driver) {
    case Driver::kTap: return {};
    case Driver::kVhostUser: return {"socket", "mode", "queues"};
    case Driver::kEthdev: return {"device", "queues"};
    case Driver::kMemif: return {"socket", "mode", "id", "queues"};
  }
  return {};
}

bool read_mode(const Value& value) {
  const std::string word = value.text();
  if (word != "server" && word != "client")
    value.refuse("InvalidParameterValue",
                 fmt::format("the mode of a socket is server (weftd listens) or client (weftd connects), not {}",
                             in_quotes(word)));
  return word == "server";
}

}  // namespace

PortBackend read_port(const Value& value) {
  constexpr int kMostIds = 1 << 30;
  PortBackend port;
  const Section section = value.section("a port", {"driver", "socket", "mode", "device", "id", "queues"});
  port.driver = read_driver(section.required("driver", "driver: vhost-user"));
  const std::vector<std::string> keys = keys_of(port.driver);
  const auto has_key = [&](const char* key) { return std::ranges::find(keys, key) != keys.end(); };
  for (const char* key : {"socket", "mode", "device", "id", "queues"})
    if (const Value* found = section.find(key); found != nullptr && !has_key(key))
      found->note("InvalidParameterCombination",
                  fmt::format("a port of driver {} has no {}", driver_name(port.driver), in_quotes(key)));
  if (has_key("socket"))
    section.read_required("socket", "socket: /run/weft/{instance}.sock",
                          [&](const Value& path) { port.socket = path.text(); });
  if (has_key("device"))
    section.read_required("device", "device: 0000:03:00.0, or device: 'net_af_packet,iface=eth1'",
                          [&](const Value& device) { port.device = device.text(); });
  if (has_key("mode")) section.read("mode", [&](const Value& mode) { port.server = read_mode(mode); });
  int id = 0, queues = 1;
  if (has_key("id")) section.read_number("id", 0, kMostIds, id);
  if (has_key("queues")) section.read_number("queues", 1, kMostQueues, queues);
  port.id = static_cast<std::uint32_t>(id);
  port.queues = static_cast<std::uint16_t>(queues);
  return port;
}

}  // namespace weft::topology_file

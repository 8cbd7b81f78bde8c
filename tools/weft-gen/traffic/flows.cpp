#include "tools/weft-gen/traffic/flows.hpp"

#include <algorithm>
#include <charconv>
#include <random>

#include <fmt/format.h>

namespace weft::gen {
namespace {

std::pair<std::string, std::string> ends_of(const std::string& text) {
  const std::size_t dash = text.find('-');
  return dash == std::string::npos ? std::pair(text, text) : std::pair(text.substr(0, dash), text.substr(dash + 1));
}

std::optional<std::uint16_t> port(const std::string& text) {
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

FlowFields flow_at(const FlowRanges& r, std::uint64_t number, bool mirrored) {
  const auto take = [&number](std::uint64_t size) {
    const std::uint64_t digit = number % size;
    number /= size;
    return digit;
  };
  // Ports first: few flows then have few addresses, which is what devices that learn addresses like.
  const auto source_port = static_cast<std::uint16_t>(r.source_port.first + take(r.source_port.size()));
  const auto source = static_cast<std::uint32_t>(AddressRange::host(r.source.first) + take(r.source.size()));
  const auto destination = static_cast<std::uint32_t>(AddressRange::host(r.destination.first) + take(r.destination.size()));
  const auto destination_port = static_cast<std::uint16_t>(r.destination_port.first + take(r.destination_port.size()));
  return mirrored ? make_flow(destination, source, destination_port, source_port)
                  : make_flow(source, destination, source_port, destination_port);
}

}  // namespace

Result<AddressRange> AddressRange::parse(const std::string& text) {
  const auto [first, last] = ends_of(text);
  const auto from = IpAddress::parse(first), to = IpAddress::parse(last);
  const auto bad = [&](const std::string& why) {
    return Error{"InvalidParameterValue",
                 "'" + text + "' is no range of addresses: " + why + "; right is for example 10.0.0.1-10.0.3.254",
                 {}};
  };
  if (!from) return bad("'" + first + "' is no address");
  if (!to) return bad("'" + last + "' is no address");
  if (!std::equal(from->octets.begin(), from->octets.begin() + 12, to->octets.begin()))
    return bad("the ends may differ in their last four octets only");
  if (*to < *from) return bad("it ends before it begins");
  return AddressRange{*from, *to};
}

Result<PortRange> PortRange::parse(const std::string& text) {
  const auto [first, last] = ends_of(text);
  const auto from = port(first), to = port(last);
  if (!from || !to || *to < *from)
    return Error{"InvalidParameterValue", "'" + text + "' is no range of ports; right is for example 1024-65535", {}};
  return PortRange{*from, *to};
}

std::uint64_t FlowRanges::size() const {
  constexpr std::uint64_t kEnough = std::uint64_t{1} << 63;
  std::uint64_t product = 1;
  for (const std::uint64_t size : {source.size(), destination.size(), source_port.size(), destination_port.size()})
    product = product > kEnough / size ? kEnough : product * size;
  return product;
}

Result<std::vector<FlowFields>> make_flows(const FlowRanges& ranges, std::uint32_t count, std::uint64_t seed, bool mirrored) {
  if (count == 0 || count > kMostFlows)
    return Error{"InvalidParameterValue", fmt::format("{} flows; right is 1 to {}", count, kMostFlows), {}};
  if (count > ranges.size())
    return Error{"InvalidParameterValue",
                 fmt::format("{} flows, but the ranges of addresses and ports have only {} different ones; widen "
                             "--source, --destination, --source-port or --destination-port",
                             count, ranges.size()),
                 {}};
  std::vector<FlowFields> flows;
  flows.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) flows.push_back(flow_at(ranges, i, mirrored));
  // The same order for both directions, and for every run with this seed: std::shuffle's is the library's business.
  std::mt19937_64 random(seed);
  for (std::uint32_t i = count; i > 1; --i) std::swap(flows[i - 1], flows[random() % i]);
  return flows;
}

}  // namespace weft::gen

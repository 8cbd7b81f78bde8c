// The flows of a run: tuples out of four ranges, in an order that a seed decides.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/model/result.hpp"
#include "tools/weft-gen/traffic/frame.hpp"

namespace weft::gen {

/// Addresses differ in their last four octets only.
struct AddressRange {
  IpAddress first, last;
  static Result<AddressRange> parse(const std::string& text);  // "10.0.0.1", "10.0.0.1-10.0.3.254", "2001:db8::1-2001:db8::ff"
  std::uint64_t size() const { return std::uint64_t{host(last)} - host(first) + 1; }
  static std::uint32_t host(const IpAddress& address) { return static_cast<std::uint32_t>(address.word(1)); }
};

struct PortRange {
  std::uint16_t first = 0, last = 0;
  static Result<PortRange> parse(const std::string& text);  // "1024", "1024-65535"
  std::uint64_t size() const { return std::uint64_t{last} - first + 1U; }
};

struct FlowRanges {
  AddressRange source, destination;
  PortRange source_port, destination_port;
  std::uint64_t size() const;  // different flows that they have room for; at most 2^63
};

/// Different flows, of which the reverse direction has the mirror images: its answers, in a device that tracks them.
/// Too few in the ranges: an error that says how many there are.
Result<std::vector<FlowFields>> make_flows(const FlowRanges& ranges, std::uint32_t count, std::uint64_t seed, bool mirrored);

inline constexpr std::uint32_t kMostFlows = 1U << 24;

}  // namespace weft::gen

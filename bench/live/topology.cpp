#include "bench/live/topology.hpp"

#include <fmt/format.h>

#include <iterator>

namespace weft::bench {
namespace {

constexpr unsigned kEntries = 1000;  // of a prefix list: EC2's most (facts ec2 2.3)

/// 11.0.0.0/24 and on: nobody's here.
std::string elsewhere(unsigned n) { return fmt::format("{}.{}.{}.0/24", 11 + n / 65536, n / 256 % 256, n % 256); }

void add_rules(std::string& text, const NetworkSize& size, unsigned edit) {
  auto out = std::back_inserter(text);
  fmt::format_to(out, "  - name: many\n    egress: []\n    ingress:\n");
  for (unsigned n = 1; n < size.rules; ++n)
    fmt::format_to(out, "      - {{protocol: {}, ports: {}-{}, cidr: {}}}\n", n % 2 == 0 ? "tcp" : "udp", 1000 + n,
                   1010 + n, elsewhere(n));
  if (size.rules != 0) fmt::format_to(out, "      - {{protocol: udp, port: {}, group: probe}}\n", probe_port(edit));
  if (size.lists != 0)
    fmt::format_to(out, "      - {{protocol: udp, port: {}, prefix_list: list-{}}}\n", probe_port(edit), size.lists - 1);
}

void add_lists(std::string& text, unsigned lists, unsigned edit) {
  if (lists == 0) return;
  auto out = std::back_inserter(text);
  fmt::format_to(out, "prefix_lists:\n");
  for (unsigned list = 0; list < lists; ++list) {
    fmt::format_to(out, "  - name: list-{}\n    entries:\n", list);
    const bool last = list + 1 == lists;
    for (unsigned n = 0; n + (last ? 2U : 0U) < kEntries; ++n)
      fmt::format_to(out, "      - {}\n", elsewhere(list * kEntries + n));
    if (last) fmt::format_to(out, "      - 10.0.0.0/16\n      - 10.{}.0.0/16\n", 1 + edit % 200);
  }
}

}  // namespace

std::uint16_t probe_port(unsigned edit) { return static_cast<std::uint16_t>(30'000 + edit); }

std::string make_topology(const NetworkSize& size, unsigned edit) {
  std::string text =
      "version: 1\n"
      "vpc: {cidr: 10.0.0.0/16}\n"
      "parameters: {rules_per_security_group: 1000}\n"
      "subnets:\n"
      "  - {name: bench, cidr: 10.0.0.0/16}\n";
  add_lists(text, size.lists, edit);
  text +=
      "security_groups:\n"
      "  - {name: load, ingress: [{protocol: udp, port: all, group: self}], egress: [{protocol: udp, port: all, group: self}]}\n"
      "  - {name: probe, ingress: []}\n";
  add_rules(text, size, edit);
  text += fmt::format(
      "instances:\n"
      "  - {{name: load, count: {}, interfaces: [{{subnet: bench, security_groups: [load]}}]}}\n"
      "  - {{name: probe, interfaces: [{{subnet: bench, security_groups: [probe]}}]}}\n"
      "  - {{name: many, interfaces: [{{subnet: bench, security_groups: [many]}}]}}\n",
      2 * size.pairs);
  if (size.visitor) text += "  - {name: visitor, interfaces: [{subnet: bench, security_groups: [load]}]}\n";
  return text;
}

}  // namespace weft::bench

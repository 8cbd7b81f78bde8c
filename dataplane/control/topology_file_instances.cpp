// Instances and interfaces.
#include <fmt/format.h>

#include "dataplane/control/topology_file_addresses.hpp"
#include "dataplane/control/topology_file_parts.hpp"
#include "dataplane/model/suggest.hpp"
#include "dataplane/model/vf.hpp"

namespace weft::topology_file {
namespace {

constexpr int kMostCount = 5000;
constexpr int kHighestDeviceIndex = 63;  // the types of facts ec2 1.5 have at most 64 interfaces over all cards
constexpr int kHighestNetworkCard = 31;  // and at most 32 cards
constexpr int kMostHops = 64;  // facts ec2 7.4
constexpr double kMostGbps = 100'000;
constexpr int kMostPerSecond = 1'000'000'000;

const std::vector<std::string> kInterfaceKeys = {
    "subnet",        "type",          "security_groups",     "private_ip",         "secondary_private_ips",
    "ipv6_addresses", "ipv4_prefixes", "ipv6_prefixes",       "source_dest_check",  "description",
    "device_index",  "network_card",  "associate_public_ip", "connection_tracking", "delete_on_termination",
    "enable_frag_bypass", "ena_srd",      "ena_srd_udp", "port", "vf"};

/// The subnet that is meant when none is named: the only one.
std::string read_subnet_name(const Section& section, const std::vector<SubnetDeclaration>& subnets) {
  if (!section.has("subnet") && subnets.size() == 1) return subnets[0].name;
  // The subnets themselves could not be read, perhaps; that is said then, and this would only follow from it.
  if (!section.has("subnet") && subnets.empty() && section.self().file_has_errors()) return "";
  const bool named = !subnets.empty() && !subnets[0].name.empty();
  return section.required("subnet", named ? "subnet: " + subnets[0].name : "subnet: hpc").text();
}

InterfaceType read_type(const Value& value) {
  const std::string word = value.text();
  if (word == "interface") return InterfaceType::kInterface;
  if (word == "efa") return InterfaceType::kEfa;
  if (word == "efa-only") return InterfaceType::kEfaOnly;
  value.refuse("InvalidParameterValue",
               fmt::format("{} is no interface type{}", in_quotes(word), hint(word, {"interface", "efa", "efa-only"})));
}

/// The ranges are EC2's (facts ec2 2.4).
ConnectionTracking read_connection_tracking(const Value& value) {
  const Section section = value.section("connection_tracking",
                                        {"tcp_established_timeout", "udp_timeout", "udp_stream_timeout"});
  ConnectionTracking tracking;
  section.read_number("tcp_established_timeout", 60, 432'000, tracking.tcp_established_timeout);
  section.read_number("udp_timeout", 30, 60, tracking.udp_timeout);
  section.read_number("udp_stream_timeout", 60, 180, tracking.udp_stream_timeout);
  return tracking;
}

/// `rate`, `spoof_check`, `trust` and `link`, as `weft vf set` has them.
VfSettings read_vf(const Value& value) {
  const Section section = value.section("vf", {"rate", "spoof_check", "trust", "link"});
  VfSettings settings;
  section.read("rate", [&](const Value& rate) {
    const std::optional<std::uint32_t> mbps = parse_vf_rate(rate.text());
    if (!mbps) rate.refuse("InvalidParameterValue", fmt::format("{} {}", in_quotes(rate.text()), kIsNoVfRate));
    settings.max_tx_rate_mbps = *mbps;
  });
  section.read_truth("spoof_check", settings.spoof_check);
  section.read_truth("trust", settings.trust);
  section.read("link", [&](const Value& link) {
    const std::optional<VfLink> word = parse_vf_link(link.text());
    if (!word)
      link.refuse("InvalidParameterValue", fmt::format("link is auto, enable or disable, not {}{}", in_quotes(link.text()),
                                                       hint(link.text(), {"auto", "enable", "disable"})));
    settings.link = *word;
  });
  return settings;
}

InterfaceDeclaration interface_of(const Section& section, const std::vector<SubnetDeclaration>& subnets) {
  InterfaceDeclaration interface;
  interface.line = section.line();
  section.self().attempt([&] { interface.subnet = read_subnet_name(section, subnets); });
  section.read("type", [&](const Value& type) { interface.type = read_type(type); });
  section.read("security_groups", [&](const Value& groups) {
    groups.each("security group names",
                [&](const Value& group) { interface.security_groups.push_back(group.text()); });
  });
  section.read("private_ip", [&](const Value& address) { interface.private_ip = read_ipv4(address); });
  read_list_or_count(section, "secondary_private_ips", "IPv4 addresses", interface.secondary_private_ips,
                     interface.secondary_private_ip_count, read_ipv4);
  read_list_or_count(section, "ipv6_addresses", "IPv6 addresses", interface.ipv6_addresses,
                     interface.ipv6_address_count, read_ipv6);
  read_list_or_count(section, "ipv4_prefixes", "IPv4 blocks", interface.ipv4_prefixes, interface.ipv4_prefix_count,
                     read_ipv4_cidr);
  read_list_or_count(section, "ipv6_prefixes", "IPv6 blocks", interface.ipv6_prefixes, interface.ipv6_prefix_count,
                     read_ipv6_cidr);
  section.read_truth("source_dest_check", interface.source_dest_check);
  section.read_text("description", interface.description);
  section.read("associate_public_ip", [&](const Value& value) { interface.associate_public_ip = value.truth(); });
  section.read("connection_tracking",
               [&](const Value& value) { interface.connection_tracking = read_connection_tracking(value); });
  section.read_number("device_index", 0, kHighestDeviceIndex, interface.device_index);
  section.read_number("network_card", 0, kHighestNetworkCard, interface.network_card);
  section.read_truth("delete_on_termination", interface.delete_on_termination);
  section.read_truth("enable_frag_bypass", interface.enable_frag_bypass);
  section.read_truth("ena_srd", interface.ena_srd);
  section.read_truth("ena_srd_udp", interface.ena_srd_udp);
  section.read("port", [&](const Value& port) { interface.port = read_port(port); });
  section.read("vf", [&](const Value& vf) { interface.vf = read_vf(vf); });
  return interface;
}

LimitsDeclaration read_limits(const Value& value) {
  const Section section =
      value.section("limits", {"baseline_gbps", "peak_gbps", "pps", "connections", "flow_gbps"});
  LimitsDeclaration limits;
  for (const auto& [key, rate] : {std::pair{"baseline_gbps", &limits.baseline_gbps},
                                  std::pair{"peak_gbps", &limits.peak_gbps},
                                  std::pair{"flow_gbps", &limits.flow_gbps}})
    section.read(key, [into = rate](const Value& gbps) { *into = gbps.decimal(0, kMostGbps); });
  for (const auto& [key, count] : {std::pair{"pps", &limits.pps}, std::pair{"connections", &limits.connections}})
    section.read(key, [into = count](const Value& number) {
      *into = static_cast<std::uint64_t>(number.number(0, kMostPerSecond));
    });
  if (limits.baseline_gbps && limits.peak_gbps && *limits.peak_gbps > 0 && *limits.baseline_gbps > *limits.peak_gbps)
    section.find("baseline_gbps")
        ->note("InvalidParameterCombination",
               fmt::format("the baseline of {:g} Gbps is above the peak of {:g}; a burst goes from the lower to the "
                           "higher",
                           *limits.baseline_gbps, *limits.peak_gbps));
  return limits;
}

/// One of two words: true for the first.
bool read_word(const Value& value, const char* what, const std::string& first, const std::string& second) {
  const std::string word = value.text();
  if (word != first && word != second)
    value.refuse("InvalidParameterValue", fmt::format("{} is {} or {}, not {}{}", what, first, second, in_quotes(word),
                                                      hint(word, {first, second})));
  return word == first;
}

MetadataOptions read_metadata_options(const Value& value) {
  const Section section = value.section(
      "metadata_options", {"http_tokens", "http_put_response_hop_limit", "http_endpoint", "http_protocol_ipv6"});
  MetadataOptions options;
  section.read("http_tokens", [&](const Value& word) {
    options.tokens_required = read_word(word, "http_tokens", "required", "optional");
  });
  section.read_number("http_put_response_hop_limit", 1, kMostHops, options.put_response_hop_limit);
  section.read("http_endpoint", [&](const Value& word) {
    options.endpoint_enabled = read_word(word, "http_endpoint", "enabled", "disabled");
  });
  section.read("http_protocol_ipv6", [&](const Value& word) {
    options.ipv6_enabled = read_word(word, "http_protocol_ipv6", "enabled", "disabled");
  });
  return options;
}

}  // namespace

InstanceDeclaration read_instance(const Value& value, const std::vector<SubnetDeclaration>& subnets) {
  const Section section = value.section(
      "an instance",
      {"name", "count", "type", "placement_group", "partition", "limits", "metadata_options", "interfaces"});
  InstanceDeclaration instance;
  instance.line = section.line();
  section.read_name("name: node", instance.name);
  instance.counted = section.has("count");
  section.read_number("count", 1, kMostCount, instance.count);
  section.read_text("type", instance.type);
  section.read_text("placement_group", instance.placement_group);
  section.read_number("partition", 1, kMostPartitions, instance.partition);
  section.read("limits", [&](const Value& limits) { instance.limits = read_limits(limits); });
  section.read("metadata_options",
               [&](const Value& options) { instance.metadata_options = read_metadata_options(options); });
  section.read_required("interfaces", "interfaces: [{subnet: hpc}]", [&](const Value& list) {
    list.each("interfaces", [&](const Value& item) {
      instance.interfaces.push_back(interface_of(item.section("an interface", kInterfaceKeys), subnets));
    });
  });
  return instance;
}

NetworkInterfaceDeclaration read_network_interface(const Value& value, const std::vector<SubnetDeclaration>& subnets) {
  std::vector<std::string> keys = {"name", "instance"};
  keys.insert(keys.end(), kInterfaceKeys.begin(), kInterfaceKeys.end());
  const Section section = value.section("a network interface", keys);
  NetworkInterfaceDeclaration declared;
  declared.line = section.line();
  section.read_name("name: spare", declared.name);
  section.read_text("instance", declared.instance);
  declared.interface = interface_of(section, subnets);
  // Not made by a launch, so it outlives the instance unless asked otherwise (facts ec2 1.2).
  if (!section.has("delete_on_termination")) declared.interface.delete_on_termination = false;
  if (section.has("instance") && !section.has("device_index"))
    value.note("MissingParameter", "an attachment needs the key 'device_index', such as device_index: 1");
  return declared;
}

}  // namespace weft::topology_file

#include "bench/engine/network.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/flow/rss.hpp"
#include "dataplane/net/checksum.hpp"
#include "dataplane/net/headers.hpp"

namespace weft::bench {
namespace {

constexpr std::size_t kFrame6Bytes = 62;  // the smallest of UDP
constexpr std::size_t kFcsBytes = 4;
constexpr std::uint32_t kInternetHost = 0xc633640a;  // 198.51.100.10

std::uint32_t ipv4_of(unsigned end) { return 0x0a000100 + (end / 200 << 8) + 4 + end % 200; }  // 10.0.1.4 and on

IpAddress ipv6_of(unsigned end) {
  IpAddress ip = *IpAddress::parse("2001:db8:0:1::");
  ip.octets[14] = static_cast<std::uint8_t>(end >> 8);
  ip.octets[15] = static_cast<std::uint8_t>(0x10 + end);
  return ip;
}

MacAddress mac_of(unsigned end) {
  return {{0x02, 0, 0x0a, 0, static_cast<std::uint8_t>(end >> 8), static_cast<std::uint8_t>(end)}};
}
const MacAddress kInternetMac = {{0x02, 0, 0xc6, 0x33, 0x64, 0x0a}};

unsigned peer_of(const NetworkOptions& options, unsigned end) {
  return end < options.pairs ? end + options.pairs : end - options.pairs;
}

// Apart from each other, or two flows that begin at different ends could be one.
std::uint16_t source_port(std::uint32_t flow) { return static_cast<std::uint16_t>(1024 + flow % 50'000); }
std::uint16_t destination_port(std::uint32_t flow) { return static_cast<std::uint16_t>(60'000 + flow / 50'000); }

RuleDeclaration udp_rule(RulePeer peer, int from, int to) {
  RuleDeclaration rule;
  rule.protocol = kProtocolUdp;
  rule.from_port = from;
  rule.to_port = to;
  rule.peer = std::move(peer);
  return rule;
}

std::vector<RuleDeclaration> make_rules(const NetworkOptions& options) {
  std::vector<RuleDeclaration> rules;
  if (options.rules == Rules::kUntracked) {
    for (const char* everywhere : {"0.0.0.0/0", "::/0"}) rules.emplace_back().peer = *IpPrefix::parse(everywhere);
    return rules;
  }
  for (unsigned i = 0; i < options.rules_in_vain; ++i) {
    const IpPrefix host{IpAddress::from({0xac100000 + i}), 32};  // 172.16.0.0 and on
    rules.push_back(udp_rule(host, static_cast<int>(i % 60'000), static_cast<int>(i % 60'000 + 100)));
  }
  rules.push_back(udp_rule(GroupReference{"bench"}, 0, 65535));
  if (options.internet) rules.push_back(udp_rule(*IpPrefix::parse("198.51.100.0/24"), 0, 65535));
  return rules;
}

Instance make_instance(const NetworkOptions& options, unsigned end) {
  Eni eni;
  eni.id = eni_id(end);
  eni.instance = "node-" + std::to_string(end);
  eni.subnet = "bench";
  eni.mac = mac_of(end);
  eni.private_ip = IpAddress::from({ipv4_of(end)});
  if (options.ipv6) eni.ipv6_addresses = {ipv6_of(end)};
  eni.security_groups = {"bench"};
  Instance instance;
  instance.id = "i-" + eni.instance;
  instance.name = eni.instance;
  if (options.limits)
    instance.allowances = {.baseline_gbps = 200, .peak_gbps = 200, .pps = 500'000'000, .connections = 50'000'000,
                           .flow_gbps = 200};
  instance.enis = {eni};
  return instance;
}

void add_internet(Deployment& deployment) {
  deployment.internet_gateway = InternetGateway{.id = "igw-bench",
                                                .guest = "internet",
                                                .mac = kInternetMac,
                                                .addresses = {IpAddress::from({kInternetHost})},
                                                .public_pool = *IpPrefix::parse("203.0.113.0/24")};
  RouteTable& table = deployment.route_tables.emplace_back();
  table.id = "rtb-bench";
  table.name = "bench";
  table.routes = {{deployment.vpc_cidr, RouteTargetKind::kLocal, ""},
                  {*IpPrefix::parse("0.0.0.0/0"), RouteTargetKind::kInternetGateway, ""}};
  deployment.subnets[0].route_table = "bench";
  ElasticIp& eip = deployment.elastic_ips.emplace_back();
  eip.id = "eipalloc-bench";
  eip.association_id = "eipassoc-bench";
  eip.name = "bench";
  eip.address = *IpAddress::parse("203.0.113.7");
  eip.eni_id = eni_id(0);
  eip.private_ip = IpAddress::from({ipv4_of(0)});
}

NormalisedKey4 key4_of(const NetworkOptions& options, unsigned end, std::uint32_t flow) {
  const std::uint32_t to = options.internet ? kInternetHost : ipv4_of(peer_of(options, end));
  return normalise(0, ipv4_of(end), to, kProtocolUdp, source_port(flow), destination_port(flow));
}

std::size_t frame_bytes(const NetworkOptions& options) {
  return std::max(options.wire_bytes - kFcsBytes, options.ipv6 ? kFrame6Bytes : std::size_t{60});
}

void build_ipv4(std::byte* bytes, const NetworkOptions& options, unsigned end) {
  auto& ip = *reinterpret_cast<Ipv4Header*>(bytes + kIpOffset);
  ip = Ipv4Header{};
  ip.total_length = Be16(static_cast<std::uint16_t>(frame_bytes(options) - kIpOffset));
  ip.protocol = kProtocolUdp;
  ip.source = Be32(ipv4_of(end));
  ip.destination = Be32(options.internet ? kInternetHost : ipv4_of(peer_of(options, end)));
  ip.checksum = checksum_finish(checksum_add({bytes + kIpOffset, sizeof ip}));
}

void build_ipv6(std::byte* bytes, const NetworkOptions& options, unsigned end) {
  auto& ip = *reinterpret_cast<Ipv6Header*>(bytes + kIpOffset);
  ip = Ipv6Header{};
  ip.payload_length = Be16(static_cast<std::uint16_t>(frame_bytes(options) - kIpv6L4Offset));
  ip.next_header = kProtocolUdp;
  ip.source = ipv6_of(end);
  ip.destination = ipv6_of(peer_of(options, end));
}

}  // namespace

std::string eni_id(unsigned end) { return "eni-" + std::to_string(end); }

Deployment make_network(const NetworkOptions& options) {
  Deployment deployment;
  deployment.vpc_id = "vpc-bench";
  deployment.vpc_cidr = *IpPrefix::parse("10.0.0.0/16");
  Subnet& subnet = deployment.subnets.emplace_back();
  subnet.id = "subnet-bench";
  subnet.name = "bench";
  subnet.cidr = *IpPrefix::parse("10.0.0.0/16");
  subnet.az = "use1-az1";
  if (options.ipv6) {
    deployment.vpc_ipv6_cidr = IpPrefix::parse("2001:db8::/56");
    subnet.ipv6_cidr = IpPrefix::parse("2001:db8:0:1::/64");
  }
  const std::vector<RuleDeclaration> rules = make_rules(options);
  deployment.security_groups.push_back(
      {.id = "sg-bench", .name = "bench", .description = "", .ingress = rules, .egress = rules});
  const unsigned ends = options.internet ? 1 : 2 * options.pairs;
  for (unsigned end = 0; end < ends; ++end) deployment.instances.push_back(make_instance(options, end));
  if (options.internet) add_internet(deployment);
  if (options.logged)
    deployment.flow_logs = {{"fl-bench", "all", deployment.vpc_id, TrafficType::kAll, 60, "${bytes}", "/tmp"}};
  return deployment;
}

std::uint16_t flow_rss(const NetworkOptions& options, unsigned end, std::uint32_t flow) {
  if (!options.ipv6) return rss_of(key4_of(options, end, flow).key);
  const auto key = normalise(0, ipv6_of(end), ipv6_of(peer_of(options, end)), kProtocolUdp, source_port(flow),
                             destination_port(flow));
  return rss_of(key.key);
}

void build_frame(rte_mbuf* packet, const NetworkOptions& options, unsigned end, std::uint32_t flow) {
  const std::size_t size = frame_bytes(options);
  packet->data_len = static_cast<std::uint16_t>(size);
  packet->pkt_len = static_cast<std::uint32_t>(size);
  auto* const bytes = rte_pktmbuf_mtod(packet, std::byte*);
  std::memset(bytes, 0, size);
  auto& ethernet = *reinterpret_cast<EthernetHeader*>(bytes);
  ethernet = {mac_of(peer_of(options, end)), mac_of(end), Be16(options.ipv6 ? kEtherTypeIpv6 : kEtherTypeIpv4)};
  options.ipv6 ? build_ipv6(bytes, options, end) : build_ipv4(bytes, options, end);
  const std::size_t l4 = options.ipv6 ? kIpv6L4Offset : kIpv4L4Offset;
  auto& udp = *reinterpret_cast<UdpHeader*>(bytes + l4);
  udp.source_port = Be16(source_port(flow));
  udp.destination_port = Be16(destination_port(flow));
  udp.length = Be16(static_cast<std::uint16_t>(size - l4));
}

}  // namespace weft::bench

#include "tools/weft-gen/device/engine_device.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "dataplane/model/deployment.hpp"
#include "drivers/ring/ring_port.hpp"

namespace weft::gen {
namespace {

constexpr std::uint32_t kSinkRing = 8192;  // so long that a sink that was away for a moment loses nothing
constexpr const char* kIds[] = {"eni-a", "eni-b"};

MacAddress mac_of(unsigned end) { return {{0x02, 0x77, 0x67, 0, 0, static_cast<std::uint8_t>(end + 1)}}; }
IpAddress ipv4_of(unsigned end) { return IpAddress::from({0x0a000104U + end}); }  // 10.0.1.4 and .5
IpAddress ipv6_of(unsigned end) {
  IpAddress ip = *IpAddress::parse("2001:db8:0:1::10");
  ip.octets[15] = static_cast<std::uint8_t>(ip.octets[15] + end);
  return ip;
}

Instance make_instance(unsigned end, const EngineDeviceOptions& options) {
  Eni eni;
  eni.id = kIds[end];
  eni.instance = end == 0 ? "a" : "b";
  eni.subnet = "wire";
  eni.mac = mac_of(end);
  eni.private_ip = ipv4_of(end);
  eni.ipv6_addresses = {ipv6_of(end)};
  eni.security_groups = {"wire"};
  Instance instance;
  instance.id = "i-" + eni.instance;
  instance.name = eni.instance;
  instance.allowances.pps = options.pps_limit;
  instance.enis = {eni};
  return instance;
}

Deployment make_deployment(const EngineDeviceOptions& options) {
  Deployment deployment;
  deployment.vpc_id = "vpc-gen";
  deployment.vpc_cidr = *IpPrefix::parse("10.0.0.0/16");
  deployment.vpc_ipv6_cidr = IpPrefix::parse("2001:db8::/56");
  Subnet& subnet = deployment.subnets.emplace_back();
  subnet.id = "subnet-gen";
  subnet.name = "wire";
  subnet.cidr = *IpPrefix::parse("10.0.0.0/16");
  subnet.az = "use1-az1";
  subnet.ipv6_cidr = IpPrefix::parse("2001:db8:0:1::/64");
  SecurityGroup group{.id = "sg-gen", .name = "wire", .description = "", .ingress = {}, .egress = {}};
  // By the group itself and not by everywhere: EC2 would not track that, and tracking is what there is to measure.
  RuleDeclaration own;
  own.peer = GroupReference{"wire"};
  group.egress = {own};
  if (!options.refuse) group.ingress = {own};
  deployment.security_groups.push_back(group);
  for (unsigned end = 0; end < 2; ++end) deployment.instances.push_back(make_instance(end, options));
  return deployment;
}

}  // namespace

class EngineDevice::RingLink final : public Link {
 public:
  RingLink(unsigned end, std::uint32_t ring_size)
      : end_(end), to_engine_(std::make_shared<PacketRing>(ring_size)), from_engine_(std::make_shared<PacketRing>(kSinkRing)) {}

  std::unique_ptr<Port> port() const { return std::make_unique<RingPort>(to_engine_, from_engine_, PortCapabilities{}); }
  std::uint16_t transmit(std::span<rte_mbuf* const> burst) noexcept override {
    const std::uint16_t taken = to_engine_->push(burst);
    for (rte_mbuf* const frame : burst.subspan(taken)) rte_pktmbuf_free(frame);
    refused_ += burst.size() - taken;
    return static_cast<std::uint16_t>(burst.size());
  }
  std::uint16_t receive(std::span<rte_mbuf*> burst) noexcept override { return from_engine_->pop(burst); }
  LinkCounters counters() override { return {0, refused_}; }
  double line_bps() const override { return 0; }
  MacAddress mac() const override { return mac_of(end_); }
  std::string describe() const override {
    return fmt::format("weft engine, {} ({}), ring", kIds[end_], ipv4_of(end_).to_string());
  }

 private:
  unsigned end_;
  std::shared_ptr<PacketRing> to_engine_, from_engine_;
  std::uint64_t refused_ = 0;
};

EngineDevice::EngineDevice() = default;
EngineDevice::~EngineDevice() {
  if (engine_) engine_->stop();
}

Result<std::unique_ptr<EngineDevice>> EngineDevice::create(const EngineDeviceOptions& options) {
  std::unique_ptr<EngineDevice> device(new EngineDevice);
  device->options_ = options;
  EngineOptions engine_options;
  engine_options.workers = 1;
  engine_options.poll = options.poll && !options.cpus.empty();
  engine_options.cpus = options.cpus;
  engine_options.packets = 4095;
  engine_options.flow_capacity = std::max<std::uint32_t>(4 * options.flows, 65536);
  engine_options.flow_capacity6 = engine_options.flow_capacity;
  auto engine = Engine::create(engine_options);
  if (!engine) return engine.error();
  device->engine_ = std::move(*engine);
  std::vector<Engine::Attachment> ports;
  for (unsigned end = 0; end < 2; ++end) {
    device->links_[end] = std::make_unique<RingLink>(end, options.ring_size);
    ports.push_back({kIds[end], device->links_[end]->port()});
  }
  if (auto applied = device->engine_->apply(std::make_shared<const Deployment>(make_deployment(options)), std::move(ports));
      !applied)
    return applied.error();
  device->engine_->start();
  return device;
}

Link& EngineDevice::link(unsigned end) { return *links_[end]; }

Encapsulation EngineDevice::encapsulation(bool tcp) const {
  return {mac_of(0), mac_of(1), options_.ipv6 ? ipv6_of(0) : ipv4_of(0), options_.ipv6 ? ipv6_of(1) : ipv4_of(1), tcp};
}

std::string EngineDevice::drops() const {
  std::vector<std::pair<std::uint64_t, std::string>> counts;
  std::uint64_t sums[kDropReasons] = {};
  for (const EniStatistics& eni : engine_->statistics())
    for (std::size_t i = 0; i < kDropReasons; ++i) sums[i] += eni.drops[i];
  for (std::size_t i = 0; i < kDropReasons; ++i)
    if (sums[i] != 0) counts.emplace_back(sums[i], name(static_cast<DropReason>(i)));
  std::ranges::sort(counts, std::greater<>());
  std::string text;
  for (const auto& [count, reason] : counts) text += (text.empty() ? "" : ", ") + fmt::format("{} {}", reason, count);
  return text;
}

}  // namespace weft::gen

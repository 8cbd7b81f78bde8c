#include "dataplane/policy/services.hpp"

#include <algorithm>

#include "dataplane/net/headers.hpp"

namespace weft {
namespace {

bool is_icmp(int protocol) { return protocol == kProtocolIcmp || protocol == kProtocolIcmpv6; }
bool has_ports(int protocol) { return protocol == kProtocolTcp || protocol == kProtocolUdp; }

}  // namespace

Service service_of(const PacketTuple& packet) noexcept {
  const Service base = Service{packet.protocol} << 16;
  return has_ports(packet.protocol) || is_icmp(packet.protocol) ? base | packet.destination_port : base;
}

std::optional<ServiceRange> service_range(const RuleDeclaration& rule) {
  if (rule.protocol == kAllProtocols) return kAllServices;
  if (rule.protocol < 0 || rule.protocol > 255) return std::nullopt;
  const ServiceRange every = all_ports(static_cast<std::uint8_t>(rule.protocol));
  if (has_ports(rule.protocol)) {
    const int from = std::max(rule.from_port, 0);
    const int to = std::min(rule.to_port, 0xffff);
    if (from > to) return std::nullopt;
    return ServiceRange{every.first + static_cast<Service>(from), every.first + static_cast<Service>(to)};
  }
  if (is_icmp(rule.protocol) && rule.from_port >= 0) {
    if (rule.from_port > 0xff || rule.to_port > 0xff) return std::nullopt;
    const Service type = every.first + (static_cast<Service>(rule.from_port) << 8);
    if (rule.to_port < 0) return ServiceRange{type, type + 0xff};
    return ServiceRange{type + static_cast<Service>(rule.to_port), type + static_cast<Service>(rule.to_port)};
  }
  return every;
}

ServiceSet::ServiceSet(std::vector<ServiceRange> ranges) : ranges_(std::move(ranges)) {
  std::sort(ranges_.begin(), ranges_.end(), [](ServiceRange a, ServiceRange b) { return a.first < b.first; });
  std::size_t kept = 0;
  for (const ServiceRange range : ranges_) {
    if (kept > 0 && range.first <= ranges_[kept - 1].last + 1) {
      ranges_[kept - 1].last = std::max(ranges_[kept - 1].last, range.last);
    } else {
      ranges_[kept++] = range;
    }
  }
  ranges_.resize(kept);
  ranges_.shrink_to_fit();
}

bool ServiceSet::contains(Service service) const noexcept {
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), service,
                                      [](Service wanted, ServiceRange range) { return wanted < range.first; });
  return after != ranges_.begin() && service <= std::prev(after)->last;
}

}  // namespace weft

#include "dataplane/observe/flow_log_aggregator.hpp"

#include <algorithm>

#include "dataplane/net/headers.hpp"

namespace weft {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;

std::string mac_of(const IpAddress& address) {
  MacAddress mac;
  std::copy(address.octets.end() - 6, address.octets.end(), mac.octets.begin());
  return mac.to_string();
}

/// srcaddr and dstaddr of the ENI's own side are its primary address, whatever the packet says: a secondary address, or
/// a foreign one that it forwards. pkt-srcaddr and pkt-dstaddr are the packet's.
std::string address(const FlowLogEni& eni, const FlowLogRecord& record, bool source, bool of_packet) {
  const IpAddress& packet = source ? record.key.source : record.key.destination;
  if (record.key.efa != 0) return mac_of(packet);
  const bool own = source == (record.key.direction == FlowLogDirection::kEgress);
  if (own && !of_packet && packet.is_v4() && eni.primary_ip) return eni.primary_ip->to_string();
  return packet.to_string();
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

std::string_view type_of(const FlowLogRecord& record) {
  if (record.key.efa != 0) return "EFA";
  return record.key.source.is_v4() ? "IPv4" : "IPv6";
}

/// "1: another resource of the VPC, 8: an internet gateway", of egress only.
std::string_view traffic_path(const FlowLogRecord& record) {
  if (record.key.direction == FlowLogDirection::kIngress || record.key.action == FlowLogAction::kReject) return "-";
  return record.key.internet != 0 ? "8" : "1";
}

/// What only a record has; "-" in NODATA and SKIPDATA lines.
std::string record_value(FlowLogField field, const FlowLogEni& eni, const FlowLogRecord& record) {
  switch (field) {
    case FlowLogField::kSrcAddr: return address(eni, record, true, false);
    case FlowLogField::kDstAddr: return address(eni, record, false, false);
    case FlowLogField::kPktSrcAddr: return address(eni, record, true, true);
    case FlowLogField::kPktDstAddr: return address(eni, record, false, true);
    case FlowLogField::kSrcPort: return std::to_string(record.key.source_port);
    case FlowLogField::kDstPort: return std::to_string(record.key.destination_port);
    case FlowLogField::kProtocol: return std::to_string(record.key.protocol);
    case FlowLogField::kPackets: return std::to_string(record.packets);
    case FlowLogField::kBytes: return std::to_string(record.bytes);
    case FlowLogField::kAction: return record.key.action == FlowLogAction::kAccept ? "ACCEPT" : "REJECT";
    case FlowLogField::kTcpFlags: return record.key.protocol == kProtocolTcp ? std::to_string(record.tcp_flags) : "0";
    case FlowLogField::kType: return std::string(type_of(record));
    case FlowLogField::kFlowDirection: return record.key.direction == FlowLogDirection::kIngress ? "ingress" : "egress";
    case FlowLogField::kTrafficPath: return std::string(traffic_path(record));
    default: return "-";  // Outposts, Wavelength and AWS's own services: there are none here
  }
}

}  // namespace

std::uint64_t FlowLogAggregator::seconds(std::uint64_t ns) const {
  return (ns + static_cast<std::uint64_t>(options_.wall_offset_ns)) / kSecondNs;
}

FlowLogAggregator::Interface* FlowLogAggregator::interface_of(FlowLogEniKey key) {
  const auto found = interfaces_.find(key);
  return found == interfaces_.end() ? nullptr : &found->second;
}

void FlowLogAggregator::add(FlowLogEniKey key, FlowLogEni eni) {
  Interface& interface = interfaces_[key];
  interface.eni = std::move(eni);
  interface.gone = false;
}

void FlowLogAggregator::remove(FlowLogEniKey key) {
  if (Interface* const interface = interface_of(key)) interface->gone = true;
}

std::vector<FlowLogEniKey> FlowLogAggregator::enis() const {
  std::vector<FlowLogEniKey> keys;
  for (const auto& [key, interface] : interfaces_)
    if (!interface.gone) keys.push_back(key);
  return keys;
}

void FlowLogAggregator::collect(const FlowLogBatch& batch) {
  for (const FlowLogRecord& record : batch.records) {
    Interface* const interface = interface_of({record.key.slot, record.key.born});
    if (interface == nullptr || (static_cast<std::uint8_t>(record.key.action) & options_.actions) == 0) continue;
    const auto found = records_.find(record.key);
    if (found != records_.end()) {
      found->second.add(record);
    } else if (records_.size() < options_.max_records) {
      records_.emplace(record.key, record);
    } else {
      interface->skipped = true;
    }
    interface->traffic = true;
  }
  for (const std::uint16_t slot : batch.skipped_slots)
    for (auto at = interfaces_.lower_bound({slot, 0}); at != interfaces_.end() && at->first.slot == slot; ++at)
      at->second.skipped = true;
}

std::vector<std::string> FlowLogAggregator::close(std::uint64_t now_ns) {
  std::vector<const FlowLogRecord*> order;
  order.reserve(records_.size());
  for (const auto& [key, record] : records_) order.push_back(&record);
  std::ranges::sort(order, [](const FlowLogRecord* a, const FlowLogRecord* b) {
    if (a->first_ns != b->first_ns) return a->first_ns < b->first_ns;
    return std::memcmp(&a->key, &b->key, sizeof(FlowLogKey)) < 0;
  });
  std::vector<std::string> lines;
  for (const FlowLogRecord* record : order)
    lines.push_back(line(*interface_of({record->key.slot, record->key.born}), record, Status::kOk, now_ns));
  for (auto& [key, interface] : interfaces_) {
    if (interface.skipped) {
      ++skipped_;
      lines.push_back(line(interface, nullptr, Status::kSkipData, now_ns));
    } else if (!interface.traffic && !interface.gone) {
      lines.push_back(line(interface, nullptr, Status::kNoData, now_ns));
    }
    interface.skipped = interface.traffic = false;
  }
  std::erase_if(interfaces_, [](const auto& one) { return one.second.gone; });
  records_.clear();
  begun_ns_ = now_ns;
  return lines;
}

std::string FlowLogAggregator::line(const Interface& interface, const FlowLogRecord* record, Status status,
                          std::uint64_t now_ns) const {
  std::string text;
  for (const FlowLogField field : options_.format.fields) {
    if (!text.empty()) text += ' ';
    text += value(field, interface, record, status, now_ns);
  }
  return text;
}

std::string FlowLogAggregator::value(FlowLogField field, const Interface& interface, const FlowLogRecord* record, Status status,
                           std::uint64_t now_ns) const {
  switch (field) {
    case FlowLogField::kVersion: return std::to_string(options_.format.version);
    case FlowLogField::kAccountId: return or_dash(options_.account_id);
    case FlowLogField::kInterfaceId: return or_dash(interface.eni.interface_id);
    case FlowLogField::kVpcId: return or_dash(options_.vpc_id);
    case FlowLogField::kSubnetId: return or_dash(interface.eni.subnet_id);
    case FlowLogField::kInstanceId: return or_dash(interface.eni.instance_id);
    case FlowLogField::kRegion: return or_dash(options_.region);
    case FlowLogField::kAzId: return or_dash(interface.eni.az_id);
    case FlowLogField::kStart: return std::to_string(seconds(record == nullptr ? begun_ns_ : record->first_ns));
    case FlowLogField::kEnd: return std::to_string(seconds(record == nullptr ? now_ns : record->last_ns));
    case FlowLogField::kLogStatus:
      return status == Status::kOk ? "OK" : status == Status::kNoData ? "NODATA" : "SKIPDATA";
    default: return record == nullptr ? "-" : record_value(field, interface.eni, *record);
  }
}

std::string FlowLogAggregator::header() const {
  std::string text;
  for (const FlowLogField field : options_.format.fields) {
    if (!text.empty()) text += ' ';
    text += name(field);
  }
  return text;
}

}  // namespace weft

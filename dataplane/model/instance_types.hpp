// What weft knows of EC2's instance types (facts ec2 1.5). A type that is not listed here is taken without limits.
#pragma once

#include <string_view>

namespace weft {

struct InstanceType {
  std::string_view name;
  int vcpus;
  double baseline_gbps;  // of the whole instance, each direction: of its card, or of all cards together
  double peak_gbps;
  int cards;       // MaximumNetworkCards
  int interfaces;  // MaximumNetworkInterfaces, of all cards together
  int interfaces_per_card;
  int ips_per_interface;  // Ipv4AddressesPerInterface; as many IPv6 ones
  int efa_interfaces;     // EfaInfo.MaximumEfaInterfaces
  int queues;             // DefaultEnaQueueCountPerInterface
  bool ena_express;       // EnaSrdSupported
  int tcp_established_timeout_s;
  bool rdma_read, rdma_write;
};

/// Null for a type weft does not know.
const InstanceType* find_instance_type(std::string_view name);

/// "family.size", as every type is written.
bool is_instance_type_name(std::string_view name);

/// Burstable types, flex types and Macs may not be in a cluster placement group, nor the oldest families (facts
/// ec2 4.1).
bool may_join_cluster(std::string_view type);

inline constexpr int kMostIpsPerInterface = 64;  // of any type; the limit of an interface whose type is not known
inline constexpr int kVcpusPerHost = 192;        // the largest type fills a host

}  // namespace weft

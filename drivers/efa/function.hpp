// One EFA function: what weftd declares, and what the worker counts.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "dataplane/net/address.hpp"
#include "drivers/port.hpp"

namespace weft {

/// An ENI of interface type `efa`, as the EFA server must know it.
struct EfaFunction {
  std::string eni_id;    // at most 31 characters
  std::string instance;  // at most 63 characters; its processes may use the function
  MacAddress mac;
  IpAddress address;                // what peers send to; unique in its VPC
  std::uint8_t prefix_length = 24;  // of the subnet, in IPv4 bits
  std::uint16_t device_index = 0;
  EniSlot slot = kNoEni;            // for the gate and for counters()
  std::uint64_t link_speed_bps = 100'000'000'000;  // EFA's answer where nothing is reported (facts ec2 6.3)
  bool rdma_read = true, rdma_write = true;  // whether the real device would have them (facts ec2 1.5)
  std::uint32_t vpc = 0;            // addresses of different VPCs may be equal
};

}  // namespace weft

namespace weft::efa {

/// A statistic with one writer, the worker, and readers on any thread.
class Counter {
 public:
  void add(std::uint64_t n) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// EfaCounters (drivers/efa_counters.hpp) while they are being counted.
struct FunctionCounters {
  Counter tx_pkts, tx_bytes, rx_pkts, rx_bytes, rx_drops;
  Counter delivered, group_egress, group_ingress, unreachable, bad_qpn, rnr, bad_descriptor;
  Counter on_wire, wire_drops;

  EfaCounters read() const noexcept {
    EfaCounters all;
    all.tx_pkts = tx_pkts.get(), all.tx_bytes = tx_bytes.get();
    all.rx_pkts = rx_pkts.get(), all.rx_bytes = rx_bytes.get(), all.rx_drops = rx_drops.get();
    all.delivered = delivered.get(), all.group_egress = group_egress.get(), all.group_ingress = group_ingress.get();
    all.unreachable = unreachable.get(), all.bad_qpn = bad_qpn.get(), all.rnr = rnr.get();
    all.bad_descriptor = bad_descriptor.get();
    all.on_wire = on_wire.get(), all.wire_drops = wire_drops.get();
    return all;
  }
};

/// Shared by the server's thread, which makes and destroys it, and the worker, which counts.
struct Function {
  explicit Function(EfaFunction function) : declared(std::move(function)) {}

  const EfaFunction declared;
  alignas(64) FunctionCounters counters;
  Function* next_in_bucket = nullptr;  // the worker's (destination_table.hpp)
};

}  // namespace weft::efa

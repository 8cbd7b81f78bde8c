// What is counted of one EFA function, and the names under which EFA's users look for it.
#pragma once

#include <array>
#include <cstdint>

namespace weft {

/// What happened to one function's messages since it was made.
struct EfaCounters {
  std::uint64_t tx_pkts = 0, tx_bytes = 0;  // read from this function's send queues
  std::uint64_t rx_pkts = 0, rx_bytes = 0;  // delivered into this function's receive queues
  std::uint64_t rx_drops = 0;               // RNR seen by senders to this function
  // By the sender, one for each way a message was not delivered: tx_pkts = delivered + on_wire + the sum of these.
  std::uint64_t delivered = 0, group_egress = 0, group_ingress = 0, unreachable = 0, bad_qpn = 0, rnr = 0,
                bad_descriptor = 0;
  std::uint64_t on_wire = 0;     // given to the emulated fabric: only the peer knows whether they came
  std::uint64_t wire_drops = 0;  // packets and copies of them that the fabric lost, or that found nobody where they arrived
  // What the function's clients say of their reads and writes of memory; the last four are the packets that carried them.
  std::uint64_t rdma_read_wrs = 0, rdma_read_bytes = 0, rdma_read_wr_err = 0, rdma_read_resp_bytes = 0;
  std::uint64_t rdma_write_wrs = 0, rdma_write_bytes = 0, rdma_write_wr_err = 0, rdma_write_recv_bytes = 0;
  std::uint64_t rdma_tx_pkts = 0, rdma_tx_bytes = 0, rdma_rx_pkts = 0, rdma_rx_bytes = 0;
  // And of their transport, where packets cross the emulated fabric: what was lost and sent again, which is in tx_pkts, too;
  // time-outs; peers given up because nothing was heard of them; peers to whom a path was left.
  std::uint64_t retrans_pkts = 0, retrans_bytes = 0, retrans_timeout_events = 0;
  std::uint64_t unresponsive_remotes = 0, impaired_remotes = 0;
};

struct EfaHwCounter {
  const char* name;
  std::uint64_t value;
};

/// The hw_counters of the real device's port, all of them, in its order and under its names (facts ec2 6.6). A work
/// request that is a send is one packet, for an SRD message never exceeds the MTU (facts ec2 6.5), however often it is sent.
/// A packet that a gate refuses is a remote that never responds.
inline std::array<EfaHwCounter, 22> efa_hw_counters(const EfaCounters& c) {
  const auto less = [](std::uint64_t all, std::uint64_t part) { return all > part ? all - part : 0; };  // read apart
  return {{{"tx_bytes", c.tx_bytes},
           {"tx_pkts", c.tx_pkts},
           {"rx_bytes", c.rx_bytes},
           {"rx_pkts", c.rx_pkts},
           {"rx_drops", c.rx_drops},
           {"send_bytes", less(c.tx_bytes, c.rdma_tx_bytes + c.retrans_bytes)},
           {"send_wrs", less(c.tx_pkts, c.rdma_tx_pkts + c.retrans_pkts)},
           {"recv_bytes", less(c.rx_bytes, c.rdma_rx_bytes)},
           {"recv_wrs", less(c.rx_pkts, c.rdma_rx_pkts)},
           {"rdma_read_wrs", c.rdma_read_wrs},
           {"rdma_read_bytes", c.rdma_read_bytes},
           {"rdma_read_wr_err", c.rdma_read_wr_err},
           {"rdma_read_resp_bytes", c.rdma_read_resp_bytes},
           {"rdma_write_wrs", c.rdma_write_wrs},
           {"rdma_write_bytes", c.rdma_write_bytes},
           {"rdma_write_wr_err", c.rdma_write_wr_err},
           {"rdma_write_recv_bytes", c.rdma_write_recv_bytes},
           {"retrans_bytes", c.retrans_bytes},
           {"retrans_pkts", c.retrans_pkts},
           {"retrans_timeout_events", c.retrans_timeout_events},
           {"unresponsive_remote_events",
            c.group_egress + c.group_ingress + c.unreachable + c.unresponsive_remotes},
           {"impaired_remote_conn_events", c.impaired_remotes}}};
}

}  // namespace weft

// The worker's part of flow logs: which ENIs are logged, and what their packets add up to since the control thread last
// asked. Off, a worker has one load for a burst; on, a packet costs one hash and one line.
//
// A table has two halves. The worker adds to one; the control thread takes the other away, after it has swapped them
// and the worker has passed a quiescent point (worker/publication.hpp). A half that is full notes which ENIs lost a
// record: their lines say SKIPDATA. Thread: as noted at each method.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/net/address.hpp"

namespace weft {

enum class FlowLogAction : std::uint8_t { kAccept = 1, kReject = 2 };
enum class FlowLogDirection : std::uint8_t { kIngress, kEgress };  // seen from the ENI

/// What makes packets one record: an ENI, the packet's addresses as the guest sees them, and what became of it.
struct FlowLogKey {
  IpAddress source;  // EFA: a MAC address in the last six bytes
  IpAddress destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint16_t slot = 0;  // of the ENI
  std::uint8_t protocol = 0;
  FlowLogAction action = FlowLogAction::kAccept;
  FlowLogDirection direction = FlowLogDirection::kIngress;
  std::uint8_t efa = 0;
  std::uint8_t internet = 0;      // by the internet gateway
  std::uint8_t reserved[5] = {};  // always 0: compared and hashed as bytes
  bool operator==(const FlowLogKey& other) const noexcept { return std::memcmp(this, &other, sizeof *this) == 0; }
};
static_assert(sizeof(FlowLogKey) == 48);

struct FlowLogRecord {
  FlowLogKey key;
  std::uint64_t packets = 0;  // 0: an unused record
  std::uint64_t bytes = 0;
  std::uint64_t first_ns = 0;
  std::uint64_t last_ns = 0;
  std::uint8_t tcp_flags = 0;  // FIN, SYN, RST, and ACK of a SYN-ACK: 1, 2, 4, 16

  void add(const FlowLogRecord& other) noexcept;
};

std::uint64_t hash(const FlowLogKey& key) noexcept;
/// AWS's bits of one packet: an ACK counts with a SYN only.
constexpr std::uint8_t flow_log_tcp_flags(std::uint8_t flags) noexcept {
  return (flags & 0x02) != 0 ? flags & 0x17 : flags & 0x05;
}

/// Which ENIs are logged. One for all workers.
class FlowLogInterest {
 public:
  FlowLogInterest();
  // Control. `actions`: bits of FlowLogAction; 0 ends it.
  void set(std::uint16_t slot, std::uint8_t actions) noexcept;
  // Workers.
  bool any() const noexcept { return logged_.load(std::memory_order_relaxed) != 0; }
  bool wants(std::uint16_t slot, FlowLogAction action) const noexcept {
    return (actions_[slot].load(std::memory_order_relaxed) & static_cast<std::uint8_t>(action)) != 0;
  }

 private:
  std::atomic<std::uint32_t> logged_{0};
  std::unique_ptr<std::atomic<std::uint8_t>[]> actions_;
};

class FlowLogTable {
 public:
  /// `records` of each half, a power of two.
  explicit FlowLogTable(std::size_t records = 65536);

  // Worker.
  void account(const FlowLogKey& key, std::uint64_t bytes, std::uint64_t packets, std::uint8_t tcp_flags,
               std::uint64_t now_ns) noexcept;

  // Control: swap(), wait for a quiescent point of the worker, read, clear(), and so on.
  void swap() noexcept { active_.store(1 - active_.load(std::memory_order_relaxed), std::memory_order_release); }
  /// Those of the half that is not in use.
  std::vector<FlowLogRecord> read() const;
  /// ENIs that lost a record there.
  std::vector<std::uint16_t> skipped() const;
  void clear() noexcept;

 private:
  static constexpr unsigned kProbes = 32;
  static constexpr std::size_t kSlotWords = 65536 / 64;
  struct Half {
    std::vector<FlowLogRecord> records;
    std::vector<std::uint32_t> used;  // where, so that reading and clearing cost what there is
    std::vector<std::uint64_t> skipped_slots = std::vector<std::uint64_t>(kSlotWords);
    bool skipped = false;
  };
  const std::size_t mask_;
  Half halves_[2];
  std::atomic<unsigned> active_{0};
};

}  // namespace weft

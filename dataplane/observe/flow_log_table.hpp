// The worker's part of flow logs: what the packets of logged ENIs add up to since the control thread last asked. A packet
// costs one hash and one line at each logged end.
//
// A table has two halves. The worker adds to one; the control thread takes the other away, after the worker has swapped
// them between two bursts (Worker::run_job). A half that is full notes which ENIs lost a record: their lines say
// SKIPDATA. Thread: as noted at each method.
#pragma once

#include <compare>
#include <cstdint>
#include <cstring>
#include <vector>

#include "dataplane/net/address.hpp"

namespace weft {

enum class FlowLogAction : std::uint8_t { kAccept = 1, kReject = 2 };
enum class FlowLogDirection : std::uint8_t { kIngress, kEgress };  // seen from the ENI

/// An ENI, for as long as it has its slot.
struct FlowLogEniKey {
  std::uint16_t slot = 0;
  std::uint32_t born = 0;
  auto operator<=>(const FlowLogEniKey&) const = default;
};

/// What makes packets one record: an ENI, the packet's addresses as the guest sees them, and what became of it.
struct FlowLogKey {
  IpAddress source;  // EFA: a MAC address in the last six bytes
  IpAddress destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t born = 0;  // epoch at which the ENI took its slot: the next one there is another
  std::uint16_t slot = 0;  // of the ENI
  std::uint8_t protocol = 0;
  FlowLogAction action = FlowLogAction::kAccept;
  FlowLogDirection direction = FlowLogDirection::kIngress;
  std::uint8_t efa = 0;
  std::uint8_t internet = 0;      // by the internet gateway
  std::uint8_t reserved[1] = {};  // always 0: compared and hashed as bytes
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

/// What tables held, of all workers together.
struct FlowLogBatch {
  std::vector<FlowLogRecord> records;
  std::vector<std::uint16_t> skipped_slots;  // their ENIs lost a record
};

class FlowLogTable {
 public:
  /// `records` of each half, a power of two.
  explicit FlowLogTable(std::size_t records = 65536);

  // Worker.
  void account(const FlowLogKey& key, std::uint64_t bytes, std::uint64_t packets, std::uint8_t tcp_flags,
               std::uint64_t now_ns) noexcept;

  /// Of what it has added up since the last time the rest is the control thread's, until the next.
  void swap() noexcept { active_ = 1 - active_; }

  // Control, after a swap() and before the next.
  /// Adds the half that is not in use to the batch, and empties it.
  void take(FlowLogBatch& batch);

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
  unsigned active_ = 0;
};

}  // namespace weft

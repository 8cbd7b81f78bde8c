// The worker's part of flow logs: what the packets of logged ENIs add up to since the control thread last asked. A packet
// of a known flow costs one line at each logged end (FlowLogPlaces), another a hash and a probe as well.
//
// A table has two halves. The worker adds to one; the control thread takes the other away, after the worker has swapped
// them between two bursts (Worker::run_job). A half that is full notes which ENIs lost a record: their lines say
// SKIPDATA. Thread: as noted at each method.
#pragma once

#include <compare>
#include <cstdint>
#include <cstring>
#include <memory>
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

struct alignas(64) FlowLogRecord {
  FlowLogKey key;
  alignas(64) std::uint64_t packets = 0;  // 0: an unused record
  std::uint64_t bytes = 0;
  std::uint64_t first_ns = 0;
  std::uint64_t last_ns = 0;
  std::uint32_t flow = 0;      // whose packets find it by place; 0: nobody's
  std::uint8_t tcp_flags = 0;  // FIN, SYN, RST, and ACK of a SYN-ACK: 1, 2, 4, 16

  void add(const FlowLogRecord& other) noexcept;
};

std::uint64_t hash(const FlowLogKey& key) noexcept;
/// AWS's bits of one packet: an ACK counts with a SYN only.
constexpr std::uint8_t flow_log_tcp_flags(std::uint8_t flags) noexcept {
  return (flags & 0x02) != 0 ? flags & 0x17 : flags & 0x05;
}

/// What one packet adds to a record.
struct FlowLogAmount {
  std::uint64_t packets = 0, bytes = 0;
  std::uint8_t tcp_flags = 0;  // of the header
  std::uint64_t now_ns = 0;
};

/// Where the records are of what one end of a flow sends, at each of its two ends. 0: not known.
struct FlowLogPlace {
  std::uint32_t at_sender = 0, at_receiver = 0;
};

/// The places of a worker's flows, beside its flow table: by the index of an entry, 16 bytes each. A place is a hint:
/// the record that is there knows whose it is, so a half that was emptied, or a record that another flow shares, only
/// sends its flow the long way. Whoever makes an entry forgets the places of the one before. Address space, until used.
class FlowLogPlaces {
 public:
  static constexpr std::size_t kBytesPerFlow = 2 * sizeof(FlowLogPlace);

  /// `family`: 0 or 1, so that no two flows of a worker have one name.
  FlowLogPlaces(std::size_t entries, unsigned family);  // throws std::bad_alloc

  FlowLogPlace& of(std::uint32_t entry, unsigned direction) noexcept { return places_[2 * std::size_t{entry} + direction]; }
  void forget(std::uint32_t entry) noexcept { of(entry, 0) = of(entry, 1) = {}; }
  /// Never 0. An entry's index has 28 bits (flow/table.hpp).
  std::uint32_t name_of(std::uint32_t entry, unsigned direction) const noexcept {
    return family_ << 30 | (2 * entry + direction + 1);
  }

 private:
  struct Unmap {
    std::size_t bytes = 0;
    void operator()(FlowLogPlace* places) const noexcept;
  };
  std::unique_ptr<FlowLogPlace[], Unmap> places_;
  std::uint32_t family_;
};

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
  /// Returns the record's place, for add(); 0 when there was no room. `flow` is whose it is from now on; 0 changes nothing.
  std::uint32_t account(const FlowLogKey& key, const FlowLogAmount& amount, std::uint32_t flow = 0) noexcept;
  /// The same, to the record at the place; false, and nothing is done, when it is not `flow`'s.
  bool add(std::uint32_t place, std::uint32_t flow, const FlowLogAmount& amount) noexcept {
    if (place == 0) return false;
    FlowLogRecord& record = halves_[active_].records[place - 1];
    if (record.flow != flow) return false;
    record.packets += amount.packets;
    record.bytes += amount.bytes;
    record.last_ns = amount.now_ns;
    record.tcp_flags = static_cast<std::uint8_t>(record.tcp_flags | flow_log_tcp_flags(amount.tcp_flags));
    return true;
  }

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

// The last few hundred drops of one worker, for `weft flows --drops` and `weft explain`.
//
// Equal drops merge into one record with a count, and new records are rate limited, so a flood costs the worker a few
// compares a packet and leaves the interesting records in place. Every record is a small seqlock: the worker never
// waits, and a reader that meets a record being written reads it again.
// Thread: note() by the worker, read() by anybody.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <vector>

#include "dataplane/net/address.hpp"
#include "dataplane/observe/drop_reason.hpp"

namespace weft {

/// A dropped packet. Ends are slots of the engine's tables at `epoch`; 0xffff: none known.
struct DropRecord {
  std::uint64_t when_ns = 0;  // of the last one
  std::uint64_t count = 1;
  std::uint32_t epoch = 0;
  std::uint16_t source = 0xffff;
  std::uint16_t destination = 0xffff;
  IpAddress source_address;
  IpAddress destination_address;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t protocol = 0;
  DropReason reason{};
  std::uint8_t efa = 0;
  std::uint8_t reserved = 0;

  bool same_drop(const DropRecord& other) const noexcept;
};
static_assert(sizeof(DropRecord) % sizeof(std::uint64_t) == 0);

class DropLog {
 public:
  static constexpr std::uint32_t kRecords = 256;
  static constexpr std::uint64_t kNewRecordsPerSecond = 256;

  void note(const DropRecord& drop) noexcept;
  /// Oldest first.
  std::vector<DropRecord> read() const;
  /// Drops that found no token and are in no record. The counters have them all.
  std::uint64_t suppressed() const noexcept { return suppressed_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kWords = sizeof(DropRecord) / sizeof(std::uint64_t);
  static constexpr std::uint32_t kMergeWindow = 8;  // so that a few denied flows at a time still merge
  struct Cell {
    std::atomic<std::uint32_t> sequence{0};  // odd while it is written
    std::array<std::atomic<std::uint64_t>, kWords> words{};
  };
  void write(std::uint32_t at, const DropRecord& drop) noexcept;
  bool merge(const DropRecord& drop) noexcept;
  bool take_token(std::uint64_t now_ns) noexcept;

  std::array<DropRecord, kRecords> own_{};  // the worker's copy, to compare with
  std::array<Cell, kRecords> cells_{};      // what readers see
  std::atomic<std::uint32_t> written_{0};   // records ever
  std::atomic<std::uint64_t> suppressed_{0};
  std::uint64_t tokens_ = kRecords;
  std::uint64_t token_time_ns_ = 0;
};

}  // namespace weft

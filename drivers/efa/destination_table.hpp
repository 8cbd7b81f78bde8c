// Where a packet goes: (VPC, address) to a function, (function, QPN) to a queue pair. Two chained hashes whose links sit
// in the objects, so that the worker inserts without allocating.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace weft::efa {

struct Function;
class QueuePair;

/// The 16 bytes of IpAddress::octets.
using AddressBytes = std::array<std::uint8_t, 16>;

class DestinationTable {
 public:
  void insert(Function& function) noexcept;
  void remove(Function& function) noexcept;
  void insert(QueuePair& queue_pair) noexcept;
  void remove(QueuePair& queue_pair) noexcept;

  Function* find(std::uint32_t vpc, const AddressBytes& address) const noexcept;
  QueuePair* find(const Function& function, std::uint32_t qpn) const noexcept;

  /// Changes with every insert and remove: what was found under another version must be looked up again.
  std::uint64_t version() const noexcept { return version_; }

 private:
  static constexpr std::size_t kFunctionBuckets = 1024, kQueuePairBuckets = 4096;
  static std::size_t bucket(std::uint32_t vpc, const AddressBytes& address) noexcept;
  static std::size_t bucket(const Function& function, std::uint32_t qpn) noexcept;

  std::array<Function*, kFunctionBuckets> functions_{};
  std::array<QueuePair*, kQueuePairBuckets> queue_pairs_{};
  std::uint64_t version_ = 1;
};

}  // namespace weft::efa

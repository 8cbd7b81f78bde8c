// The memory that peers may read and write: registered regions by key. One table per domain, shared by its endpoints.
//
// A key, an address and a length come from a peer and are hostile until found here. Every packet is looked up anew, also
// in the middle of an operation: a region that was closed meanwhile is not touched any more.
//
// Thread: the domain's lock.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "fabric/rdm/endpoint.hpp"
#include "fabric/rdm/iov.hpp"

namespace weft::rdm {

enum RegionAccess : std::uint8_t {
  kRemoteRead = 1,
  kRemoteWrite = 2,
};

struct Region {
  IovList memory;            // its pieces, one behind the other
  std::uint64_t start = 0;   // what peers call its first byte: its virtual address, or 0
  std::uint64_t size = 0;
  std::uint8_t access = 0;
  void* owner = nullptr;     // provider's use: comes back in Completion::region
};

/// How an operation ended at its target; on the wire.
enum class RemoteStatus : std::uint32_t {
  kOk = 0,
  kBadKey = 1,      // no region has this key: never had, or it was closed
  kBadAddress = 2,  // outside the region
  kNoAccess = 3,    // the region does not allow it
  kBadAtomic = 4,   // no such combination of operation and type
  kNotDirect = 5,   // the initiator's memory cannot be reached: by packets, please. Nothing counts as done
};

class RegionTable {
 public:
  /// False when the key is in use.
  bool add(std::uint64_t key, const Region& region) { return regions_.emplace(key, region).second; }
  void remove(std::uint64_t key) { regions_.erase(key); }
  std::size_t size() const { return regions_.size(); }

  struct Place {
    RemoteStatus status = RemoteStatus::kOk;
    const Region* region = nullptr;
    std::size_t offset = 0;  // into region->memory
  };
  Place find(const RemotePiece& piece, std::uint8_t access) const {
    const auto found = regions_.find(piece.key);
    if (found == regions_.end()) return {RemoteStatus::kBadKey, nullptr, 0};
    const Region& region = found->second;
    const std::uint64_t offset = piece.address - region.start;
    if (piece.address < region.start || offset > region.size || piece.length > region.size - offset) {
      return {RemoteStatus::kBadAddress, nullptr, 0};
    }
    if ((region.access & access) != access) return {RemoteStatus::kNoAccess, nullptr, 0};
    return {RemoteStatus::kOk, &region, static_cast<std::size_t>(offset)};
  }

 private:
  std::unordered_map<std::uint64_t, Region> regions_;
};

}  // namespace weft::rdm

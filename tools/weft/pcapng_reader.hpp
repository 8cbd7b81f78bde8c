// Reads the blocks of a pcapng stream as weftd writes it (dataplane/observe/pcapng.hpp), piece by piece as they come.
// Files of other programs go through libpcap (packet_file.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace weft::cli {

struct CapturedPacket {
  std::string interface;      // "web/eth0"
  std::uint64_t when_ns = 0;  // since 1970
  std::uint32_t original = 0;
  bool outbound = false;
  std::span<const std::byte> bytes;
  std::string comment;
};

/// What the statistics at the end say, of all interfaces.
struct CaptureTotals {
  std::uint64_t received = 0;  // with those missed
  std::uint64_t missed = 0;
  std::uint64_t written = 0;
};

class PcapngReader {
 public:
  virtual ~PcapngReader() = default;

  /// Any number of bytes. False: this is no pcapng of ours, and nothing more is read.
  bool read(std::span<const std::byte> bytes);
  /// The statistics have come, and no block is cut off: this is a whole file.
  bool complete() const { return summed_up_ != 0 && summed_up_ == interfaces_.size() && rest_.empty() && !broken_; }
  const CaptureTotals& totals() const { return totals_; }
  const std::vector<std::string>& interfaces() const { return interfaces_; }

 protected:
  virtual void packet(const CapturedPacket& packet) = 0;

 private:
  bool block(std::uint32_t type, std::span<const std::byte> body);
  bool packet_block(std::span<const std::byte> body);

  std::vector<std::byte> rest_;  // the beginning of a block
  std::vector<std::string> interfaces_;
  CaptureTotals totals_;
  bool begun_ = false, broken_ = false;
  std::size_t summed_up_ = 0;  // interfaces whose statistics have come, the last that comes
};

}  // namespace weft::cli

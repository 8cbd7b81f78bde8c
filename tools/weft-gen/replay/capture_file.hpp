// A capture to be sent again, read whole: pcap or pcapng, as libpcap reads it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dataplane/model/result.hpp"

namespace weft::gen {

struct CaptureFile {
  std::vector<std::byte> bytes;           // all frames, one behind the other
  std::vector<std::size_t> begins;        // of each, and the end of the last
  std::vector<std::uint64_t> offsets_ns;  // of each from the first; never falling
  std::size_t cut = 0;                    // frames of which the capture has a part only; that part is sent

  std::size_t frames() const { return offsets_ns.size(); }
  std::span<const std::byte> frame(std::size_t i) const {
    return std::span(bytes).subspan(begins[i], begins[i + 1] - begins[i]);
  }

  /// No Ethernet, no frame, a frame longer than kLargestFrame, or more than `most_bytes`: an error.
  static Result<CaptureFile> read(const std::string& path, std::size_t most_bytes = std::size_t{1} << 30);
};

}  // namespace weft::gen

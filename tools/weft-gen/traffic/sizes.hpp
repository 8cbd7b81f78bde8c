// Frame sizes: one, or a mix of several in fixed shares.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/model/result.hpp"

namespace weft::gen {

/// RFC 2544 9.1 for Ethernet.
inline constexpr std::size_t kRfc2544Sizes[] = {64, 128, 256, 512, 1024, 1280, 1518};

struct SizeShare {
  std::size_t frame_bytes = 64;  // with the FCS
  unsigned share = 1;
};

class SizeMix {
 public:
  /// "64", "imix" (7:4:1 of 64, 570 and 1518 bytes), or shares of one's own: "64:7,570:4,1518:1".
  static Result<SizeMix> parse(const std::string& text);
  static SizeMix one(std::size_t frame_bytes);

  const std::vector<SizeShare>& shares() const { return shares_; }
  std::size_t smallest() const;
  std::size_t largest() const;
  double average() const;
  std::string name() const { return name_; }

  /// The order in which sizes are sent, as indices of shares(): one round, each as often as its share says, spread as
  /// evenly as they can be (so that a large frame is not followed by the next at once).
  std::vector<std::uint8_t> round() const;

 private:
  std::string name_;
  std::vector<SizeShare> shares_;
};

}  // namespace weft::gen

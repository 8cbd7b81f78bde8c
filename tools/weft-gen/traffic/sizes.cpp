#include "tools/weft-gen/traffic/sizes.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

#include <fmt/format.h>

#include "tools/weft-gen/traffic/frame.hpp"

namespace weft::gen {
namespace {

constexpr unsigned kMostShare = 1000;
constexpr std::size_t kMostSizes = 16;

bool read_number(std::string_view text, auto& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

Error bad(const std::string& text, const std::string& why) {
  return {"InvalidParameterValue",
          fmt::format("'{}' is no frame size: {}; right is a number of bytes with the FCS, {} to {}, or imix, or shares "
                      "such as 64:7,570:4,1518:1",
                      text, why, kSmallestFrame, kLargestFrame),
          {}};
}

}  // namespace

SizeMix SizeMix::one(std::size_t frame_bytes) {
  SizeMix mix;
  mix.name_ = std::to_string(frame_bytes);
  mix.shares_ = {{frame_bytes, 1}};
  return mix;
}

Result<SizeMix> SizeMix::parse(const std::string& text) {
  if (text == "imix") {
    SizeMix mix;
    mix.name_ = text;
    mix.shares_ = {{64, 7}, {570, 4}, {1518, 1}};
    return mix;
  }
  SizeMix mix;
  mix.name_ = text;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const std::size_t colon = part.find(':');
    SizeShare share;
    if (!read_number(std::string_view(part).substr(0, colon), share.frame_bytes))
      return bad(text, "'" + part + "' does not begin with a number");
    if (colon != std::string::npos && !read_number(std::string_view(part).substr(colon + 1), share.share))
      return bad(text, "the share of '" + part + "' is no number");
    if (share.frame_bytes < kSmallestFrame || share.frame_bytes > kLargestFrame)
      return bad(text, std::to_string(share.frame_bytes) + " is out of range");
    if (share.share == 0 || share.share > kMostShare)
      return bad(text, fmt::format("the share of '{}' is not from 1 to {}", part, kMostShare));
    mix.shares_.push_back(share);
  }
  if (mix.shares_.empty()) return bad(text, "it is empty");
  if (mix.shares_.size() > kMostSizes) return bad(text, fmt::format("more than {} sizes", kMostSizes));
  return mix;
}

std::size_t SizeMix::smallest() const { return std::ranges::min_element(shares_, {}, &SizeShare::frame_bytes)->frame_bytes; }

std::size_t SizeMix::largest() const { return std::ranges::max_element(shares_, {}, &SizeShare::frame_bytes)->frame_bytes; }

double SizeMix::average() const {
  double bytes = 0, frames = 0;
  for (const SizeShare& s : shares_) {
    bytes += static_cast<double>(s.frame_bytes * s.share);
    frames += s.share;
  }
  return bytes / frames;
}

std::vector<std::uint8_t> SizeMix::round() const {
  // Whoever is furthest behind its share is next.
  unsigned frames = 0;
  for (const SizeShare& s : shares_) frames += s.share;
  std::vector<std::uint8_t> order;
  std::vector<unsigned> given(shares_.size());
  for (unsigned place = 1; place <= frames; ++place) {
    std::size_t next = 0;
    std::int64_t most = std::numeric_limits<std::int64_t>::min();
    for (std::size_t i = 0; i < shares_.size(); ++i) {
      const std::int64_t behind = std::int64_t{place} * shares_[i].share - std::int64_t{given[i]} * frames;
      if (behind > most) most = behind, next = i;
    }
    ++given[next];
    order.push_back(static_cast<std::uint8_t>(next));
  }
  return order;
}

}  // namespace weft::gen

#include "tools/weft/pcapng_reader.hpp"

#include <cstring>
#include <map>
#include <optional>

namespace weft::cli {
namespace {

using Bytes = std::span<const std::byte>;

// draft-ietf-opsawg-pcapng, sections 4 and 3.5
constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a, kInterfaceDescription = 1, kInterfaceStatistics = 5,
                        kEnhancedPacket = 6;
constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr std::uint16_t kComment = 1, kIfName = 2, kEpbFlags = 2, kReceived = 4, kDropped = 5, kDelivered = 8;
constexpr std::uint32_t kOutbound = 2;
constexpr std::size_t kFrameOfBlock = 12;            // its type and its two lengths
constexpr std::size_t kLongestBlock = 1U << 20;      // a packet of 256 KiB and its comment are far below

template <typename Number>
std::optional<Number> number_at(Bytes bytes, std::size_t at) {
  if (bytes.size() < sizeof(Number) || at > bytes.size() - sizeof(Number)) return std::nullopt;
  Number value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

using Options = std::map<std::uint16_t, Bytes>;

/// Those behind the fixed part; nothing when they are not inside.
std::optional<Options> options_from(Bytes body, std::size_t at) {
  Options options;
  while (at < body.size()) {
    const auto code = number_at<std::uint16_t>(body, at), length = number_at<std::uint16_t>(body, at + 2);
    if (!code || !length) return std::nullopt;
    at += 4;
    if (*code == 0) break;
    const std::size_t padded = (*length + 3U) / 4 * 4;
    if (padded > body.size() - at) return std::nullopt;
    options[*code] = body.subspan(at, *length);
    at += padded;
  }
  return options;
}

std::string text_of(const Options& options, std::uint16_t code) {
  const auto found = options.find(code);
  if (found == options.end()) return {};
  return {reinterpret_cast<const char*>(found->second.data()), found->second.size()};
}

template <typename Number>
Number number_of(const Options& options, std::uint16_t code) {
  const auto found = options.find(code);
  return found == options.end() ? Number{} : number_at<Number>(found->second, 0).value_or(Number{});
}

}  // namespace

bool PcapngReader::read(Bytes bytes) {
  if (broken_) return false;
  rest_.insert(rest_.end(), bytes.begin(), bytes.end());
  std::size_t at = 0;
  for (Bytes all = rest_; all.size() - at >= 8;) {
    const std::uint32_t type = *number_at<std::uint32_t>(all, at), length = *number_at<std::uint32_t>(all, at + 4);
    broken_ = length < kFrameOfBlock || length % 4 != 0 || length > kLongestBlock || (!begun_ && type != kSectionHeader);
    if (broken_ || all.size() - at < length) break;
    broken_ = number_at<std::uint32_t>(all, at + length - 4) != length ||
              !block(type, all.subspan(at + 8, length - kFrameOfBlock));
    if (broken_) break;
    at += length;
  }
  rest_.erase(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(at));
  return !broken_;
}

bool PcapngReader::block(std::uint32_t type, Bytes body) {
  switch (type) {
    case kSectionHeader:
      begun_ = true;
      return number_at<std::uint32_t>(body, 0) == kByteOrderMagic;
    case kInterfaceDescription: {
      const std::optional<Options> options = options_from(body, 8);
      if (options) interfaces_.push_back(text_of(*options, kIfName));
      return options.has_value();
    }
    case kEnhancedPacket: return packet_block(body);
    case kInterfaceStatistics: {
      const std::optional<Options> options = options_from(body, 12);
      if (!options) return false;
      totals_.received += number_of<std::uint64_t>(*options, kReceived);
      totals_.missed += number_of<std::uint64_t>(*options, kDropped);
      totals_.written += number_of<std::uint64_t>(*options, kDelivered);
      ++summed_up_;
      return true;
    }
    default: return true;  // one that a later weftd may write
  }
}

bool PcapngReader::packet_block(Bytes body) {
  constexpr std::size_t kFixed = 20;
  if (body.size() < kFixed) return false;
  const auto word = [&](std::size_t n) { return *number_at<std::uint32_t>(body, 4 * n); };
  const std::uint32_t interface = word(0), captured = word(3);
  const std::size_t padded = (std::size_t{captured} + 3) / 4 * 4;
  if (interface >= interfaces_.size() || padded > body.size() - kFixed) return false;
  const std::optional<Options> options = options_from(body, kFixed + padded);
  if (!options) return false;
  packet({.interface = interfaces_[interface],
          .when_ns = std::uint64_t{word(1)} << 32 | word(2),
          .original = word(4),
          .outbound = (number_of<std::uint32_t>(*options, kEpbFlags) & 3U) == kOutbound,
          .bytes = body.subspan(kFixed, captured),
          .comment = text_of(*options, kComment)});
  return true;
}

}  // namespace weft::cli

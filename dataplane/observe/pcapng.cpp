#include "dataplane/observe/pcapng.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace weft {
namespace {

// Block types and option codes, sections 4 and 3.5 of the draft.
constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kInterfaceStatistics = 5;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr std::uint16_t kLinkTypeEthernet = 1;

constexpr std::uint16_t kComment = 1;
constexpr std::uint16_t kShbUserApplication = 4;
constexpr std::uint16_t kIfName = 2;
constexpr std::uint16_t kIfDescription = 3;
constexpr std::uint16_t kIfMacAddress = 6;
constexpr std::uint16_t kIfTsResolution = 9;
constexpr std::uint16_t kEpbFlags = 2;
constexpr std::uint16_t kIsbStartTime = 2;
constexpr std::uint16_t kIsbEndTime = 3;
constexpr std::uint16_t kIsbReceived = 4;
constexpr std::uint16_t kIsbDropped = 5;
constexpr std::uint16_t kIsbDelivered = 8;

constexpr std::uint32_t kInbound = 1;
constexpr std::uint32_t kOutbound = 2;

static_assert(std::endian::native == std::endian::little, "the magic would say otherwise");

}  // namespace

std::size_t PcapngBlocks::begin(std::uint32_t type) {
  const std::size_t at = bytes_.size();
  number(type);
  number(std::uint32_t{0});  // the length: end() knows it
  return at;
}

void PcapngBlocks::end(std::size_t at) {
  const auto length = static_cast<std::uint32_t>(bytes_.size() - at + sizeof(std::uint32_t));
  std::memcpy(bytes_.data() + at + sizeof(std::uint32_t), &length, sizeof length);
  number(length);
}

void PcapngBlocks::append(const void* data, std::size_t size) {
  const auto* const from = static_cast<const std::byte*>(data);
  bytes_.insert(bytes_.end(), from, from + size);
}

void PcapngBlocks::pad() { bytes_.resize((bytes_.size() + 3) & ~std::size_t{3}); }

template <typename Number>
void PcapngBlocks::number(Number value) {
  append(&value, sizeof value);
}

void PcapngBlocks::time(std::uint64_t ns) {  // upper half first
  number(static_cast<std::uint32_t>(ns >> 32));
  number(static_cast<std::uint32_t>(ns));
}

void PcapngBlocks::option(std::uint16_t code, const void* data, std::size_t size) {
  const auto length = static_cast<std::uint16_t>(std::min<std::size_t>(size, UINT16_MAX));
  number(code);
  number(length);
  append(data, length);
  pad();
}

void PcapngBlocks::text_option(std::uint16_t code, std::string_view text) {
  if (!text.empty()) option(code, text.data(), text.size());
}

void PcapngBlocks::end_of_options() { number(std::uint32_t{0}); }

void PcapngBlocks::section_header(std::string_view application) {
  const std::size_t at = begin(kSectionHeader);
  number(kByteOrderMagic);
  number(std::uint16_t{1});  // version 1.0
  number(std::uint16_t{0});
  number(std::int64_t{-1});  // length of the section: not known
  text_option(kShbUserApplication, application);
  end_of_options();
  end(at);
}

void PcapngBlocks::interface_description(std::string_view name, std::string_view description, const MacAddress& mac,
                                         std::uint32_t snap_length) {
  const std::size_t at = begin(kInterfaceDescription);
  number(kLinkTypeEthernet);
  number(std::uint16_t{0});
  number(snap_length);
  text_option(kIfName, name);
  text_option(kIfDescription, description);
  option(kIfMacAddress, mac.octets.data(), mac.octets.size());
  const std::uint8_t nanoseconds = 9;
  option(kIfTsResolution, &nanoseconds, sizeof nanoseconds);
  end_of_options();
  end(at);
}

void PcapngBlocks::packet(const Packet& packet) {
  const std::size_t at = begin(kEnhancedPacket);
  number(packet.interface);
  time(packet.when_ns);
  number(static_cast<std::uint32_t>(packet.bytes.size()));
  number(packet.original);
  append(packet.bytes.data(), packet.bytes.size());
  pad();
  const std::uint32_t flags = packet.outbound ? kOutbound : kInbound;
  option(kEpbFlags, &flags, sizeof flags);
  text_option(kComment, packet.comment);
  end_of_options();
  end(at);
}

void PcapngBlocks::interface_statistics(std::uint32_t interface, const Statistics& statistics) {
  const std::size_t at = begin(kInterfaceStatistics);
  number(interface);
  time(statistics.end_ns);
  const auto time_option = [&](std::uint16_t code, std::uint64_t ns) {
    const std::uint32_t halves[2] = {static_cast<std::uint32_t>(ns >> 32), static_cast<std::uint32_t>(ns)};
    option(code, halves, sizeof halves);
  };
  time_option(kIsbStartTime, statistics.start_ns);
  time_option(kIsbEndTime, statistics.end_ns);
  option(kIsbReceived, &statistics.received, sizeof statistics.received);
  option(kIsbDropped, &statistics.missed, sizeof statistics.missed);
  option(kIsbDelivered, &statistics.written, sizeof statistics.written);
  end_of_options();
  end(at);
}

}  // namespace weft

// Blocks of a pcapng file (draft-ietf-opsawg-pcapng), as bytes: section header, interface descriptions, packets with
// their direction and a comment, statistics at the end. Little endian, which the magic says; times in nanoseconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/net/address.hpp"

namespace weft {

class PcapngBlocks {
 public:
  struct Packet {
    std::uint32_t interface = 0;  // the file's number: the first interface description is 0
    std::uint64_t when_ns = 0;    // since 1970
    std::uint32_t original = 0;
    bool outbound = false;
    std::span<const std::byte> bytes;
    std::string_view comment;  // empty: none
  };

  void section_header(std::string_view application);
  void interface_description(std::string_view name, std::string_view description, const MacAddress& mac,
                             std::uint32_t snap_length);
  void packet(const Packet& packet);
  struct Statistics {
    std::uint64_t start_ns = 0, end_ns = 0;
    std::uint64_t received = 0;  // with those that were missed
    std::uint64_t missed = 0;
    std::uint64_t written = 0;  // are in the file: what was not missed, and no filter left out
  };
  void interface_statistics(std::uint32_t interface, const Statistics& statistics);

  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  void clear() noexcept { bytes_.clear(); }

 private:
  std::size_t begin(std::uint32_t type);
  void end(std::size_t at);
  void append(const void* data, std::size_t size);
  void pad();
  template <typename Number>
  void number(Number value);
  void time(std::uint64_t ns);
  void option(std::uint16_t code, const void* data, std::size_t size);
  void text_option(std::uint16_t code, std::string_view text);
  void end_of_options();

  std::vector<std::byte> bytes_;
};

}  // namespace weft

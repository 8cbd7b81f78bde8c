// A reader of pcapng files, written from the draft and not from our writer: what it cannot read is an error.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace weft::test {

struct PcapngBlock {
  std::uint32_t type = 0;
  std::string body;  // fixed part and packet data
  std::multimap<std::uint16_t, std::string> options;

  std::string option(std::uint16_t code) const {
    const auto found = options.find(code);
    if (found == options.end()) throw std::runtime_error("no option " + std::to_string(code));
    return found->second;
  }
  template <typename Number>
  Number at(std::size_t offset) const {
    Number value;
    if (offset + sizeof value > body.size()) throw std::runtime_error("a field outside of its block");
    std::memcpy(&value, body.data() + offset, sizeof value);
    return value;
  }
  std::uint64_t time(std::size_t offset) const {
    return std::uint64_t{at<std::uint32_t>(offset)} << 32 | at<std::uint32_t>(offset + 4);
  }
};

inline std::vector<PcapngBlock> read_pcapng(std::string_view file) {
  const auto word = [&](std::size_t at) {
    std::uint32_t value;
    if (at + 4 > file.size()) throw std::runtime_error("the file ends inside a block");
    std::memcpy(&value, file.data() + at, 4);
    return value;
  };
  const std::map<std::uint32_t, std::size_t> fixed = {{0x0a0d0d0a, 16}, {1, 8}, {5, 12}, {6, 20}};
  std::vector<PcapngBlock> blocks;
  for (std::size_t at = 0; at < file.size();) {
    PcapngBlock block{.type = word(at), .body = {}, .options = {}};
    const std::size_t length = word(at + 4);
    if (length % 4 != 0 || length < 12 || at + length > file.size() || word(at + length - 4) != length)
      throw std::runtime_error("a block's two lengths differ, or it is not whole");
    if (!fixed.contains(block.type)) throw std::runtime_error("unknown block");
    std::size_t size = fixed.at(block.type);
    if (block.type == 6) size += (word(at + 8 + 12) + 3) / 4 * 4;
    block.body = std::string(file.substr(at + 8, size));
    if (blocks.empty() && (block.type != 0x0a0d0d0a || block.at<std::uint32_t>(0) != 0x1a2b3c4d))
      throw std::runtime_error("no section header");
    std::size_t option = at + 8 + size;
    const std::size_t end = at + length - 4;
    if (option > end) throw std::runtime_error("the fixed part is larger than the block");
    while (option < end) {
      const std::uint16_t code = static_cast<std::uint16_t>(word(option));
      const std::uint16_t bytes = static_cast<std::uint16_t>(word(option) >> 16);
      option += 4;
      if (code == 0) break;
      if (option + bytes > end) throw std::runtime_error("an option outside of its block");
      block.options.emplace(code, file.substr(option, bytes));
      option += (bytes + 3U) / 4 * 4;
    }
    if (option != end) throw std::runtime_error("bytes after the end of the options");
    blocks.push_back(std::move(block));
    at += length;
  }
  return blocks;
}

}  // namespace weft::test

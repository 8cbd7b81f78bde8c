// What one instance's metadata says: paths and values, and the folders that follow from the paths. Made once, on the
// control thread; immutable afterwards, and looking something up does not allocate.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/services/bytes.hpp"

namespace weft::services {

class MetadataTree {
 public:
  static constexpr std::size_t kMostPathBytes = 240;

  /// `path` without slashes at its ends, "meta-data/instance-id"; longer ones than kMostPathBytes are nothing's.
  void add(std::string_view path, std::string_view value);
  /// After the last add(), before the first find().
  void finish();

  struct Found {
    enum class Kind : std::uint8_t { kNothing, kValue, kFolder };
    Kind kind = Kind::kNothing;
    std::string_view value;  // of kValue
  };
  /// The empty path is the folder of everything.
  Found find(std::string_view path) const noexcept;
  /// What a folder holds, a line each without an end after the last. `slashes`: folders end in one.
  void list(std::string_view folder, bool slashes, Writer& writer) const noexcept;

 private:
  struct Entry {
    std::uint32_t at = 0;  // in text_: the path, and the value behind it
    std::uint32_t value = 0;
    std::uint16_t path = 0;
  };
  std::string_view path_of(const Entry& entry) const noexcept {
    return std::string_view(text_).substr(entry.at, entry.path);
  }
  std::string_view value_of(const Entry& entry) const noexcept {
    return std::string_view(text_).substr(entry.at + entry.path, entry.value);
  }
  std::size_t first_in(std::string_view folder) const noexcept;  // entries_.size(): nothing is in it
  bool is_in(const Entry& entry, std::string_view folder) const noexcept;

  std::string text_;
  std::vector<Entry> entries_;  // by path
};

}  // namespace weft::services

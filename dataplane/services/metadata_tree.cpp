#include "dataplane/services/metadata_tree.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace weft::services {

void MetadataTree::add(std::string_view path, std::string_view value) {
  if (path.size() > kMostPathBytes) return;
  entries_.push_back({static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(value.size()),
                      static_cast<std::uint16_t>(path.size())});
  text_.append(path).append(value);
}

void MetadataTree::finish() {
  std::ranges::sort(entries_, {}, [this](const Entry& entry) { return path_of(entry); });
  text_.shrink_to_fit();
  entries_.shrink_to_fit();
}

MetadataTree::Found MetadataTree::find(std::string_view path) const noexcept {
  const auto found =
      std::ranges::lower_bound(entries_, path, {}, [this](const Entry& entry) { return path_of(entry); });
  if (found != entries_.end() && path_of(*found) == path) return {Found::Kind::kValue, value_of(*found)};
  if (first_in(path) != entries_.size()) return {Found::Kind::kFolder, {}};
  return {};
}

bool MetadataTree::is_in(const Entry& entry, std::string_view folder) const noexcept {
  const std::string_view path = path_of(entry);
  return folder.empty() || (path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/');
}

std::size_t MetadataTree::first_in(std::string_view folder) const noexcept {
  if (folder.size() > kMostPathBytes) return entries_.size();
  std::array<char, kMostPathBytes + 1> sought;  // with the slash: "a-b" stands between "a" and "a/b"
  if (!folder.empty()) std::memcpy(sought.data(), folder.data(), folder.size());
  sought[folder.size()] = '/';
  const std::string_view prefix(sought.data(), folder.empty() ? 0 : folder.size() + 1);
  const auto found =
      std::ranges::lower_bound(entries_, prefix, {}, [this](const Entry& entry) { return path_of(entry); });
  return found != entries_.end() && is_in(*found, folder) ? static_cast<std::size_t>(found - entries_.begin())
                                                          : entries_.size();
}

void MetadataTree::list(std::string_view folder, bool slashes, Writer& writer) const noexcept {
  std::string_view last;
  for (std::size_t i = first_in(folder); i < entries_.size() && is_in(entries_[i], folder); ++i) {
    const std::string_view rest = path_of(entries_[i]).substr(folder.empty() ? 0 : folder.size() + 1);
    const std::string_view name = rest.substr(0, rest.find('/'));
    if (name == last) continue;
    if (!last.empty()) writer.text("\n");
    writer.text(name);
    if (slashes && name.size() < rest.size()) writer.text("/");
    last = name;
  }
}

}  // namespace weft::services

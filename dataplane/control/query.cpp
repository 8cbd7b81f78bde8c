#include "dataplane/control/query.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace weft {
namespace {

int hexadecimal(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// RFC 3986 2.1; nothing when a '%' stands alone.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hexadecimal(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hexadecimal(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return decoded;
}

}  // namespace

Result<Query> query_of(std::string_view target) {
  Query query;
  std::string_view rest = target.substr(std::min(target.find('?'), target.size()));
  rest.remove_prefix(std::min<std::size_t>(rest.size(), 1));
  while (!rest.empty()) {
    const std::string_view field = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), field.size() + 1));
    const std::string_view key = field.substr(0, field.find('='));
    std::optional<std::string> value = percent_decoded(field.substr(std::min(field.size(), key.size() + 1)));
    if (!value) return Error{"InvalidRequest", fmt::format("'{}' is not percent-encoded", field), {}};
    query.emplace_back(key, std::move(*value));
  }
  return query;
}

}  // namespace weft

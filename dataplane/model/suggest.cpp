#include "dataplane/model/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace weft {
namespace {

constexpr std::size_t kLongestWord = 64;  // longer ones are not typing errors, and the distance is quadratic

std::string folded(std::string_view text) {
  std::string result;
  for (unsigned char c : text)
    if (c != '-' && c != '_' && c != ' ') result += static_cast<char>(std::tolower(c));
  return result;
}

// Damerau-Levenshtein, optimal string alignment.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i)
    for (std::size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string wanted = folded(word);
  if (wanted.empty() || wanted.size() > kLongestWord) return "";
  std::string best;
  std::size_t best_distance = 0;
  for (const std::string& candidate : candidates) {
    const std::string other = folded(candidate);
    if (other.size() > kLongestWord) continue;
    const std::size_t far = distance(wanted, other);
    if (far > std::max<std::size_t>(1, std::max(wanted.size(), other.size()) / 3)) continue;
    if (far >= std::min(wanted.size(), other.size())) continue;  // nothing in common
    if (best.empty() || far < best_distance) {
      best = candidate;
      best_distance = far;
    }
  }
  return best;
}

std::string hint(std::string_view word, const std::vector<std::string>& candidates) {
  if (candidates.empty()) return "; there is none";
  if (const std::string meant = nearest(word, candidates); !meant.empty())
    return fmt::format("; did you mean {}?", in_quotes(meant));
  constexpr std::size_t kMost = 8;
  std::vector<std::string> some(candidates.begin(),
                                candidates.begin() + static_cast<long>(std::min(kMost, candidates.size())));
  return fmt::format("; there is: {}{}", fmt::join(some, ", "), candidates.size() > kMost ? ", ..." : "");
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  std::string result = "'";
  for (unsigned char c : text.substr(0, kLongest)) {
    if (c < 0x20 || c == 0x7f)
      result += fmt::format("\\x{:02x}", c);
    else
      result += static_cast<char>(c);
  }
  return result + (text.size() > kLongest ? "...'" : "'");
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace weft

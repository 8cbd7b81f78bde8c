// "did you mean": the nearest of the names that would have been right.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weft {

/// The candidate a user most likely meant, or "" when none is near: equal but for case, '-' and '_', or at most a third
/// of its letters away (insertions, deletions, replacements and swapped neighbours).
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// "; did you mean 'efa'?" or, when nothing is near, "; there is: a, b, c" (at most eight), or "; there is none".
std::string hint(std::string_view word, const std::vector<std::string>& candidates);

/// A text from a file as it may stand in a message: control characters and quotes escaped, shortened to 60 characters.
std::string in_quotes(std::string_view text);

/// ASCII letters in lower case: how EC2 compares the names of groups, and DNS the names of hosts.
std::string lower(std::string text);

}  // namespace weft

// What follows the '?' of a request's target. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/model/result.hpp"

namespace weft {

/// Keys and values in the order in which they stand, values percent-decoded (RFC 3986 2.1). "a" and "a=" have an empty one.
using Query = std::vector<std::pair<std::string, std::string>>;

/// `target`: "/v1/paths?from=a&to=b". Empty without a '?'. InvalidRequest: a '%' without its two digits.
Result<Query> query_of(std::string_view target);

}  // namespace weft

// What the label of an availability zone says: "us-east-1a" is a name and "use1-az1" an id (facts ec2 1.6).
#pragma once

#include <string>
#include <string_view>

namespace weft {

/// What the label does not tell is empty.
struct ZoneLabel {
  std::string name, id, region;
};

/// Which name stands for which id differs from account to account; here "a" is az1, as in some account it is.
ZoneLabel zone_of(std::string_view label);

}  // namespace weft

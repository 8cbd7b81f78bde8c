// What to say about a key that no place of the file has. Inside topology_file only.
#pragma once

#include <string>
#include <vector>

namespace weft::topology_file {

/// The one of `keys` that was probably meant by `key`, also where that is a word of EC2's API, Terraform or
/// CloudFormation; or "".
std::string meant_key(const std::string& key, const std::vector<std::string>& keys);

}  // namespace weft::topology_file

// The topology file, YAML to values (docs/topology.md). Every key is known or refused: a typing error never goes
// unnoticed. Whether the values make a network is not decided here but by resolve() (dataplane/model/deployment.hpp).
#pragma once

#include <string>

#include "dataplane/model/result.hpp"
#include "dataplane/model/topology.hpp"

namespace weft {

/// `file_name` is what errors call the text. An error carries file, line and key path; further mistakes
/// of the file are its `others`. Never throws.
Result<Topology> parse_topology(const std::string& text, const std::string& file_name);

/// One of `faults:` alone, as the API takes it: the name may be left out. Errors carry the key.
Result<underlay::Fault> parse_fault(const std::string& text);

/// Reads the file and parses it.
Result<Topology> load_topology(const std::string& path);

/// The text of a file, at most kLargestTopology bytes.
Result<std::string> read_topology_text(const std::string& path);

/// 100,000 IPv6 prefixes, the longest there are, one a line, take 5.4 MB; ten thousand instances 1 MB.
inline constexpr std::size_t kLargestTopology = 8 << 20;

}  // namespace weft

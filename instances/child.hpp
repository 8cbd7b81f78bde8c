// Work in a forked child, which may enter namespaces: the holder's own never change, so it cannot get stuck between two.
#pragma once

#include <functional>
#include <vector>

#include "instances/holder.hpp"

namespace weft::holder {

/// Runs `work` in a child and gives the descriptors that it returned, or its error. A child that takes over ten seconds
/// is killed.
Result<std::vector<UniqueFd>> run_in_child(const std::function<Result<std::vector<UniqueFd>>()>& work);

/// The same inside a network namespace.
Result<std::vector<UniqueFd>> run_inside(int network_namespace,
                                         const std::function<Result<std::vector<UniqueFd>>()>& work);

}  // namespace weft::holder

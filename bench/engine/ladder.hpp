// The rungs: each adds something to what the engine has to do. docs/performance.md explains them and what they cost.
#pragma once

#include <vector>

#include "bench/engine/loop.hpp"

namespace weft::bench {

std::vector<Rung> ladder();

}  // namespace weft::bench
